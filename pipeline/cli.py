"""`avsd <stage> ...`: thin, one command a rule, every stage usable by hand.

Heavy imports stay inside the commands, so that `--help` answers at once.
"""

from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from pipeline import __version__, stopping
from pipeline.cli_asking import asking_app
from pipeline.cli_groups import DEFAULT, Configuration, Out, check_files, corpus_app, features_app, weights_app
from pipeline.cli_scoring import scoring_app
from pipeline.config import SPLITS, Config, Feature, load
from pipeline.errors import UserError
from pipeline.gpus import take
from pipeline.names import shortened
from pipeline.progress import one_line_errors
from pipeline.tasks.registry import task_of

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Audio-visual scene-aware dialog: one command a stage, each usable by hand.",
)
app.add_typer(asking_app)
app.add_typer(scoring_app)
app.add_typer(corpus_app, name="corpus")
app.add_typer(features_app, name="features")
app.add_typer(weights_app, name="weights")

FeatureName = Annotated[str, typer.Argument(help="Name of the feature in the configuration.")]


def main() -> None:
    """Run the command line.

    A `UserError`, and what the machine refuses (a full disk, no memory), is one line and exit status 1; a signal that
    ends the command is one line and exit status 128 + its number, and takes along what was begun.
    """
    with one_line_errors(), stopping.watched():
        app()


@app.callback(invoke_without_command=True)
def _before(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    gpus: Annotated[
        int,
        typer.Option(
            min=0,
            help="Take so many GPUs of this machine, which no other command started with this option has, and wait "
            "until they are free; 0: what the command finds. `AVSD_JOBS_PER_GPU=2`: two commands share each.",
        ),
    ] = 0,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit
    take(gpus)


@app.command()
def decode(
    feature: FeatureName,
    out: Out,
    quarantine: Annotated[Path, typer.Option(help="List of videos that could not be read (tab-separated).")],
    config: Configuration = DEFAULT,
    videos: Annotated[Path | None, typer.Option(help="Folder of videos, instead of the configuration's.")] = None,
    shard: Annotated[int, typer.Option(help="Shard to decode, counted from 0.")] = 0,
) -> None:
    """Decode what a feature needs of one shard of videos, frames or sound, into an HDF5 file."""
    from pipeline.corpus.shards import check_shard, in_shard
    from pipeline.corpus.videos import find_videos
    from pipeline.media.decode import decode_shard
    from pipeline.progress import log

    settings = load(config)
    inputs = _feature(settings, feature).inputs
    check_shard(shard, settings.corpus.shards)
    folder = videos or settings.videos
    if folder is None:
        raise UserError("no folder of videos: give --videos, or `videos` in the configuration")
    found = find_videos(folder, settings.videos_recursive)
    if found.note is not None:
        log(found.note)
    if not found.files:
        raise UserError(f"{folder}: no video in this folder; give another one")
    check_files([out, quarantine], found.files.values(), config)
    chosen = in_shard(found.files, shard, settings.corpus.shards)
    if not chosen:
        log(f"{folder}: none of its {len(found.files)} videos belongs to shard {shard}: it is empty")
    media = settings.media_of(feature)
    decode_shard(chosen, media, out, quarantine, frames=inputs == "frames", sound=inputs == "sound")


@app.command()
def extract(
    feature: FeatureName,
    decoded: Annotated[Path, typer.Option(help="Shard decoded for this feature.")],
    out: Out,
    config: Configuration = DEFAULT,
    seconds: Annotated[
        Path | None,
        typer.Option(help="Table to write: videos, and the seconds they took without decoding and loading."),
    ] = None,
    show_predictions: Annotated[bool, typer.Option(help="Print the most probable classes of each video.")] = False,
) -> None:
    """Compute one feature of a decoded shard into a feature shard."""
    from pipeline.features.extract import extract_shard
    from pipeline.plan.settings import Settings

    settings = load(config)
    entry = _feature(settings, feature)
    check_files([out, seconds], [decoded, *Settings(settings).own_weights(feature)], config)
    extract_shard(
        feature,
        entry,
        decoded,
        out,
        resources=settings.resources,
        device=settings.device,
        seconds=seconds,
        show_predictions=show_predictions,
    )


@app.command()
def vocabulary(
    training: Annotated[Path, typer.Option(help="Canonical training dialogs.")],
    out: Out,
    config: Configuration = DEFAULT,
) -> None:
    """Count the words of questions, answers and the descriptions in use; keep the frequent ones."""
    from pipeline.corpus.dialogs import read_dialogs
    from pipeline.vocabulary.words import build

    check_files([out], [training], config)
    settings = load(config)
    counted = build(read_dialogs(training), settings.descriptions(), settings.vocabulary.min_count, str(training))
    counted.write(out)


@app.command()
def concepts(
    training: Annotated[Path, typer.Option(help="Canonical training dialogs.")],
    vocabulary: Annotated[Path, typer.Option(help="Words that networks know: concept words are among them.")],
    out: Out,
    config: Configuration = DEFAULT,
) -> None:
    """Find the concept words: the most frequent nouns, verbs and adjectives of the texts that `concepts` names (JSON).

    Each with its class, how often it stands there, and in the texts of how many videos.
    """
    from pipeline.corpus.dialogs import read_dialogs
    from pipeline.progress import log
    from pipeline.vocabulary.concepts import choose
    from pipeline.vocabulary.words import Vocabulary

    check_files([out], [training, vocabulary], config)
    found = choose(read_dialogs(training), Vocabulary.read(vocabulary), load(config).concepts, str(training))
    found.write(out)
    log(f"{out}: {len(found)} concept words, classes by {found.tagger}")


@app.command()
def train(
    system: Annotated[str, typer.Argument(help="Name of the system in the configuration.")],
    config: Configuration = DEFAULT,
) -> None:
    """Train a system; an interrupted training is taken up where it stopped.

    **Reads** from the configuration's `results` folder: `corpus/training.json` and `corpus/validation.json`,
    `vocabulary.json`, `features/FEATURE/*.h5` for every feature the system sees and, for a student, its teacher's
    `models/TEACHER`. The workflow makes them all; by hand: `avsd corpus import`, `avsd vocabulary`, `avsd extract`.

    **Writes** `models/SYSTEM`, at the end and as a whole: `model.safetensors`, `system.json` (everything that is needed
    to build the network again), `vocabulary.json`, `curves.csv` and a model card, `README.md`. The epoch with the
    lowest validation perplexity is kept.

    **While it runs** `state/SYSTEM` holds `state.pt`, written after every epoch and every minute, `curves.csv` and
    TensorBoard events (`tensorboard --logdir RESULTS/state`). Killed at any moment and started again, it goes on from
    there and, on a CPU, ends with the same weights bit for bit. A state made with other settings is set aside as
    `state.refused.pt`, with the settings that differ in the log.

    **Several processes**: `processes: 4` in the configuration trains on four GPUs of this machine (or in four processes
    on the CPU); `batch_turns` counts the turns of all of them together, and the losses are those of one process, or, of
    networks with batch normalisation, near them. With `nodes: 2` start the same command on each machine: `srun` with
    one task a node, or by hand with `NODE_RANK` (0, 1), `MASTER_ADDR` and `MASTER_PORT` of the first.

    **Stops** with the ids of the dialogs when a loss is not a finite number.

    **Examples**

        avsd train ours_none_none --config config.yaml --config configs/charades.yaml

        avsd train jst -c config.yaml -c '{"training": {"epochs": 2, "seed": 7}, "device": "cpu"}'

    Settings: sections `training`, `networks` and `systems` of docs/configuration.md.
    """
    from pipeline.training.train import train as run

    run(load(config), system)


@app.command()
def answer(
    system: Annotated[str, typer.Argument(help="Name of the system in the configuration.")],
    test_set: Annotated[
        str,
        typer.Option(help="trial or official; of one that rescores validation too, of one that describes any split."),
    ],
    config: Configuration = DEFAULT,
) -> None:
    """Write what a system makes of a test set: answers, sentences about its videos, or scores of what fits.

    **Writes** `answers/SYSTEM/TEST_SET.json` in the results folder: the challenge's JSON with the answers filled in, or
    {video id: sentence} under `descriptions`, both by beam search; of a system that chooses the scores of the
    candidates in `corpus/references/TEST_SET.candidates.json`, of one that retrieves those of all videos for each text,
    of one that fills blanks the likeliest words for each of `corpus/references/TEST_SET.blanks.TEXT.json`, of one that
    detects the most likely concept words of each video.
    Describing systems also describe the videos of `training` and `validation`. A system that rescores answers
    `validation` first, where it chooses its weight.
    """
    settings = load(config)
    if system not in settings.systems:
        raise UserError(f"system {system!r} is not in the configuration ({', '.join(settings.systems)})")
    task_of(settings, system).write(settings, system, _split(test_set))


@app.command()
def rescore(
    system: Annotated[str, typer.Argument(help="System of the configuration whose answers are put in order again.")],
    by: Annotated[str, typer.Option(help="System with `task: choose` that has a say in it.")],
    test_set: Annotated[str, typer.Option(help="trial or official.")],
    n: Annotated[int, typer.Option(min=2, max=1000, help="Answers of each turn's search.")] = 20,
    config: Configuration = DEFAULT,
) -> None:
    """Rescore the n best answers of a trained system by a trained chooser; validation says how much say it has.

    The score of an answer is w (log P + bonus) + (1 - w) fit, both divided by how much they spread; w, of 0, 0.1 ... 1,
    is the one by which the answers to the validation dialogs have the highest mean CIDEr. The log has the curve.

    **Writes** `answers/SYSTEM_by_BY/validation.json`, with weight and curve under `system`, and
    `answers/SYSTEM_by_BY/TEST_SET.json`: as `avsd answer` does for an entry with `rescore`, which has more settings.

        avsd rescore ours_none_none --by chooser --test-set trial
    """
    from pipeline.tasks.answer import rescored_entry

    name, entry = f"{system}_by_{by}", rescored_entry(load(config), system, by, n)
    settings = load([*config, dumps({"systems": {name: entry}})])
    for split in ("validation", _split(test_set)):
        task_of(settings, name).write(settings, name, split)


@app.command()
def explain(
    system: Annotated[str, typer.Argument(help="Name of the system in the configuration.")],
    test_set: Annotated[str, typer.Option(help="trial or official.")],
    out: Out,
    videos: Annotated[int, typer.Option(min=1, help="How many videos, chosen by a hash of their ids.")] = 3,
    config: Configuration = DEFAULT,
) -> None:
    """Write where a system looked while it gave some of its answers, for the report (JSON)."""
    from pipeline.answers.explain_answers import explain_answers

    check_files([out], [], config)
    explain_answers(load(config), system, _split(test_set), videos, out)


def _split(name: str) -> str:
    """The name of a split, of which files are called."""
    if name not in SPLITS:
        raise UserError(f"--test-set: {shortened(name)} is none of {', '.join(SPLITS)}")
    return name


def _feature(settings: Config, name: str) -> Feature:
    if name not in settings.features:
        raise UserError(f"feature {name!r} is not in the configuration ({', '.join(settings.features)})")
    return settings.features[name]
