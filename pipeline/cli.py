"""`avsd <stage> ...`: thin, one command a rule, every stage usable by hand.

Heavy imports stay inside the commands, so that `--help` answers at once.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline import __version__, stopping
from pipeline.cli_groups import DEFAULT, Configuration, Out, corpus_app, features_app, weights_app
from pipeline.config import SPLITS, Config, Feature, load
from pipeline.errors import UserError
from pipeline.gpus import take
from pipeline.names import shortened
from pipeline.progress import one_line_errors
from pipeline.tasks.registry import TASKS, task_of

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Audio-visual scene-aware dialog: one command a stage, each usable by hand.",
)
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
    from pipeline.corpus.shards import in_shard
    from pipeline.corpus.videos import find_videos
    from pipeline.media.decode import decode_shard
    from pipeline.progress import log

    settings = load(config)
    inputs = _feature(settings, feature).inputs
    folder = videos or settings.videos
    if folder is None:
        raise UserError("no folder of videos: give --videos, or `videos` in the configuration")
    found = find_videos(folder, settings.videos_recursive)
    if found.note is not None:
        log(found.note)
    chosen = in_shard(found.files, shard, settings.corpus.shards)
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

    settings = load(config)
    extract_shard(
        feature,
        _feature(settings, feature),
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
    on the CPU); `batch_turns` counts the turns of all of them together, and the losses are those of one process. With
    `nodes: 2` start the same command on each machine: `srun` with one task a node, or by hand with `NODE_RANK` (0, 1),
    `MASTER_ADDR` and `MASTER_PORT` of the first.

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
    test_set: Annotated[str, typer.Option(help="trial or official; of a describing system any split.")],
    config: Configuration = DEFAULT,
) -> None:
    """Write what a system makes of a test set: answers, sentences about its videos, or scores of what fits.

    **Writes** `answers/SYSTEM/TEST_SET.json` in the results folder: the challenge's JSON with the answers filled in, or
    {video id: sentence} under `descriptions`, both by beam search; of a system that chooses the scores of the
    candidates in `corpus/references/TEST_SET.candidates.json`, of one that retrieves those of all videos for each text,
    of one that fills blanks the likeliest words for each of `corpus/references/TEST_SET.blanks.TEXT.json`, of one that
    detects the most likely concept words of each video.
    Describing systems also describe the videos of `training` and `validation`.
    """
    settings = load(config)
    if system not in settings.systems:
        raise UserError(f"system {system!r} is not in the configuration ({', '.join(settings.systems)})")
    task_of(settings, system).write(settings, system, _split(test_set))


@app.command()
def ask(
    video: Annotated[Path, typer.Argument(help="Any video file.")],
    questions: Annotated[list[str] | None, typer.Argument(help="Questions; each answer enters the history.")] = None,
    system: Annotated[
        str | None, typer.Option(help="System of the configuration; default: the best one trained.")
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="The dialog before: JSON (pairs, or a dialog), or text, question and answer in turn."),
    ] = None,
    asked: Annotated[list[str] | None, typer.Option(help="A question of the dialog before; repeat.")] = None,
    answered: Annotated[list[str] | None, typer.Option(help="Its answer; one for each --asked.")] = None,
    description: Annotated[
        str | None, typer.Option(help="A description of the video, for systems that read one at test.")
    ] = None,
    interactive: Annotated[bool, typer.Option("--interactive", "-i", help="Go on with questions typed in.")] = False,
    explain: Annotated[
        Path | None, typer.Option(help="HTML page to write: what the network looked at for each word.")
    ] = None,
    config: Configuration = DEFAULT,
) -> None:
    """Ask a trained system about any video file: decode, features, answer.

    The features are made as for the training, with the same settings, and kept as long as the command runs: only the
    first answer takes time. Without a question, and with `--interactive`, questions are typed at a prompt; an empty
    line or Ctrl-D ends. Answers go to the standard output, a line each; all else to the standard error.

    **Examples**

        avsd ask clip.mp4 "what is the person doing?" "what colour is it?" --explain why.html

        avsd ask clip.mp4 "and then?" --asked "what does she do?" --answered "she opens a door ."

        avsd ask clip.mp4 --system jst -c config.yaml -c configs/charades.yaml
    """
    from pipeline.asking.command import Request
    from pipeline.asking.command import ask as run
    from pipeline.asking.conversation import Told
    from pipeline.report.attention_page import write_page

    if not questions and not interactive and not sys.stdin.isatty():
        raise UserError("no question: give one, or --interactive to read them from the standard input")

    def show(told: Told) -> None:
        assert explain is not None
        write_page(explain, told)

    request = Request(
        video,
        tuple(questions or ()),
        system,
        history,
        tuple(asked or ()),
        tuple(answered or ()),
        description,
        interactive or not questions,
        explain is not None,
    )
    run(load(config), request, show)


@app.command()
def describe(
    video: Annotated[Path, typer.Argument(help="Any video file.")],
    system: Annotated[
        str | None, typer.Option(help="Describing system of the configuration; default: the best one trained.")
    ] = None,
    n_best: Annotated[int, typer.Option(min=1, help="Descriptions to print, with scores where there are several.")] = 1,
    config: Configuration = DEFAULT,
) -> None:
    """Describe any video file in a sentence by a trained system: decode, features, search.

    The description goes to the standard output, all else to the standard error.

    **Examples**

        avsd describe clip.mp4

        avsd describe clip.mp4 --system describer --n-best 5 -c config.yaml -c configs/charades.yaml
    """
    from pipeline.asking.describing import describe as run

    run(load(config), video, system, n_best)


@app.command()
def find(
    text: Annotated[str, typer.Argument(help="What the video is to show.")],
    videos: Annotated[Path, typer.Option(help="Folder of videos.")],
    recursive: Annotated[bool, typer.Option("--recursive", help="Folders in it too.")] = False,
    system: Annotated[
        str | None, typer.Option(help="Retrieving system of the configuration; default: the best one trained.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Videos to print.")] = 5,
    config: Configuration = DEFAULT,
) -> None:
    """Find the videos of a folder that a text fits best, by a trained matcher.

    A line a video on the standard output, the best first: score, the time in it that the score comes from most, and the
    file; all else to the standard error. Features are made as for the training and kept in the results folder, `found`,
    so that a second text takes seconds. Videos that cannot be read are named and left out.

    **Examples**

        avsd find "a red star falls" --videos clips

        avsd find "a man opens a door" --videos clips --count 10 -c config.yaml -c configs/charades.yaml
    """
    from pipeline.asking.finding import find as run

    run(load(config), text, videos, recursive, system, count)


@app.command()
def web(
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0: whoever reaches this machine.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen at.")] = 7860,
    upload_mib: Annotated[int, typer.Option(min=1, help="MiB of an uploaded video at most.")] = 500,
    cache_mib: Annotated[int, typer.Option(min=0, help="MiB kept of videos that were asked about.")] = 1000,
    config: Configuration = DEFAULT,
) -> None:
    """Ask about a video in the browser: a page on this machine, at the address that it prints.

    The conversation of `avsd ask`, with the picture of `--explain` beside each answer. Whoever reaches the address may
    use it: other machines do not, unless `--host` says so. Nothing is asked of another machine. Ctrl-C ends.

    Features of videos that were asked about are kept in the results folder, `web`.

    **Examples**

        avsd web

        avsd web --port 8000 -c config.yaml -c configs/charades.yaml
    """
    from pipeline.web.server import serve

    serve(load(config), host, port, upload_mib, cache_mib)


@app.command()
def explain(
    system: Annotated[str, typer.Argument(help="Name of the system in the configuration.")],
    test_set: Annotated[str, typer.Option(help="trial or official.")],
    out: Out,
    videos: Annotated[int, typer.Option(help="How many videos, chosen by a hash of their ids.")] = 3,
    config: Configuration = DEFAULT,
) -> None:
    """Write where a system looked while it gave some of its answers, for the report (JSON)."""
    from pipeline.answers.explain_answers import explain_answers

    explain_answers(load(config), system, _split(test_set), videos, out)


@app.command()
def score(
    hypotheses: Annotated[list[Path], typer.Argument(help="Result files: dialogs with the answers filled in.")],
    references: Annotated[Path, typer.Option(help="References: COCO layout, or dialogs.")],
    filter: Annotated[
        str, typer.Option(help="dstc7 (or organisers), dstc8 (or punctuation) or none: see above.")
    ] = "dstc7",
    truth: Annotated[Path | None, typer.Option(help="Ground truth of generated scenes, for grounded accuracy.")] = None,
    bootstrap: Annotated[int, typer.Option(min=0, help="Resamples for 95 % intervals; 0: none.")] = 1000,
    against: Annotated[
        Path | None, typer.Option(help="A result file that the others are compared with: is the difference chance?")
    ] = None,
    randomisations: Annotated[int, typer.Option(min=0, help="Trials of each comparison; 0: none.")] = 1000,
    partial: Annotated[bool, typer.Option(help="Score what is there when answers are missing.")] = False,
    task: Annotated[str, typer.Option(help=f"What the files hold: {', '.join(TASKS)}.")] = "answer",
    paraphrases: Annotated[
        Path | None, typer.Option(help="Folder of `avsd paraphrases`: METEOR starts faster, scores are the same.")
    ] = None,
    spice: Annotated[
        Path | None, typer.Option(help="The jar of SPICE 1.0, its folder lib beside it: SPICE is scored too.")
    ] = None,
    json: Annotated[list[Path] | None, typer.Option(help="Where to write each file's scores, in order.")] = None,
) -> None:
    """Score answers: BLEU, METEOR, ROUGE-L, CIDEr, and SPICE where you have its jar.

    Answers and references are matched by video and turn. Several result files share one METEOR, so they take little
    longer than one; with `--against` every other one is compared with that one by paired approximate randomisation.

    **Filters**: `dstc7` drops every one-character token ("a", "2", "."), as all DSTC7 figures have it and the paper's
    Tables 2 and 3 (baseline: CIDEr .7334); `dstc8` drops `,` and `.` alone, as all DSTC8 figures have it (.7691).

    For example:

        avsd score answers.json --references references.json --json scores.json

        avsd score answers/*/official.json --references references.json --against answers/ours_none_none/official.json
    """
    from pipeline.scoring.request import Request

    if task not in TASKS:
        raise UserError(f"--task: {task!r} is not known ({', '.join(TASKS)})")
    TASKS[task].score(
        Request(
            hypotheses,
            references,
            filter,
            truth,
            bootstrap,
            partial,
            json or [],
            against,
            randomisations,
            paraphrases,
            spice,
        )
    )


@app.command()
def paraphrases(
    references: Annotated[Path, typer.Option(help="References that answers will be scored against.")],
    vocabulary: Annotated[Path, typer.Option(help="Words that the answers are made of.")],
    out: Out,
) -> None:
    """Keep those of METEOR's paraphrases that answers and references can use: `avsd score --paraphrases`.

    Worth it where systems are scored one by one: METEOR otherwise reads five million paraphrases at every start.
    """
    from pipeline.corpus.references import read_references
    from pipeline.progress import log
    from pipeline.scoring.paraphrases import write_paraphrases
    from pipeline.scoring.tokenizer import tokenize
    from pipeline.vocabulary.words import Vocabulary

    texts = [text for group in read_references(references).values() for text in group]
    kept = write_paraphrases(out, tokenize([*texts, *Vocabulary.read(vocabulary).words]))
    log(f"{out}: {kept} of METEOR's paraphrases kept")


@app.command()
def tables(config: Configuration = DEFAULT) -> None:
    """Write Table 2 and Table 3, this run beside the paper."""
    from pipeline.report.tables import write_tables

    write_tables(load(config))


@app.command()
def report(config: Configuration = DEFAULT) -> None:
    """Write report.html: tables, curves, accuracy by category, dialogs."""
    from pipeline.report.page import write_report

    write_report(load(config))


@app.command()
def distillation(config: Configuration = DEFAULT) -> None:
    """Write the distilled captioner's tables of scores, times and gains, and distillation.html."""
    from pipeline.plan.distillation import experiment
    from pipeline.report.distilled import write_distillation

    write_distillation(experiment(load(config)))


@app.command()
def matching(config: Configuration = DEFAULT) -> None:
    """Write the tables of systems that choose, retrieve, fill, detect, or read what was detected; and matching.html."""
    from pipeline.plan.matching import beside
    from pipeline.report.matching import write_matching

    write_matching(beside(load(config)))


@app.command()
def release(
    out: Out,
    config: Configuration = DEFAULT,
    partial: Annotated[bool, typer.Option("--partial", help="Leave out what is not finished.")] = False,
) -> None:
    """Write the answers of all systems as one zip to hand out, with scores, model cards and the tables."""
    from pipeline.report.release import write_release

    write_release(load(config), out, partial)


def _split(name: str) -> str:
    """The name of a split, of which files are called."""
    if name not in SPLITS:
        raise UserError(f"--test-set: {shortened(name)} is none of {', '.join(SPLITS)}")
    return name


def _feature(settings: Config, name: str) -> Feature:
    if name not in settings.features:
        raise UserError(f"feature {name!r} is not in the configuration ({', '.join(settings.features)})")
    return settings.features[name]
