"""A caption corpus as canonical files: splits, references of the test set, statistics."""

from collections.abc import Collection
from pathlib import Path

from pipeline.config import Captions, Corpus, Split
from pipeline.corpus.captions.dialogs import caption_dialog
from pipeline.corpus.captions.reading import caption_files, read_captions
from pipeline.corpus.dialogs import Dialog, write_dialogs
from pipeline.corpus.published.reading import read_published
from pipeline.corpus.references import write_references
from pipeline.corpus.sentences import description_references, reference_name
from pipeline.corpus.splits import held_out
from pipeline.corpus.statistics import statistics
from pipeline.errors import UserError
from pipeline.files import check_outputs, write_json
from pipeline.progress import log

_ORDER: tuple[Split, ...] = ("test", "validation", "training")
"""A video of several splits belongs to the first of them."""
Sentences = dict[str, tuple[str, ...]]
"""By video."""
_SAID = {
    "test_from_validation": "videos of the test set taken out of validation",
    "test_from_training": "videos of the test set taken out of training",
    "validation_from_training": "videos of validation taken out of training",
    "choices_from_validation": "videos of published choices taken out of validation",
    "choices_from_training": "videos of published choices taken out of training",
    "held_out_for_test": "training videos held out as test set (corpus.holdout)",
    "held_out": "training videos held out as validation (corpus.holdout)",
    "over_limit": "training videos left out (corpus.limit)",
}


def import_captions(corpus: Corpus, captions: Captions, out: Path) -> None:
    """Write ``out``/{training,validation,test}.json, references of test (COCO layout) and statistics.json.

    Every entry has its sentences as `captions`; with a `question` each sentence is a turn's answer besides, in the test
    set the first alone. Raises `UserError` for a file that cannot be used, for a split that is left without videos, and
    as `check_outputs` does.
    """
    splits, taken_out = divide_captions(corpus, captions)
    entries = {split: _entries(splits[split], captions.question, split) for split in splits}
    made, written = {split: out / f"{split}.json" for split in splits}, out / "statistics.json"
    names = [] if "test" not in splits else [reference_name("test", "captions")]
    names += ["test"] if names and captions.question is not None else []
    listed = [out / "references" / f"{name}.json" for name in names]
    check_outputs([*made.values(), *listed, written], _files(captions))
    for split, dialogs in entries.items():
        write_dialogs(made[split], dialogs)
    for path in listed:
        write_references(path, description_references(entries["test"], "captions"))
    counts = {split: statistics(dialogs) for split, dialogs in entries.items()}
    write_json(written, {**counts, "taken_out": taken_out, "limit": corpus.limit})


def _files(captions: Captions) -> list[Path]:
    """All files that captions and published choices are read from."""
    given = (captions.training, captions.validation, captions.test, captions.choices)
    own = [] if captions.ids is None else [captions.ids]
    return [*own, *(file for path in given if path is not None for file in caption_files(path))]


def divide_captions(corpus: Corpus, captions: Captions) -> tuple[dict[Split, Sentences], dict[str, int]]:
    """The sentences of each split, and what was left out or moved for which reason (number of entries or videos)."""
    found, broken = _found(captions)
    taken_out = {"broken_captions": broken}
    for place, split in enumerate(_ORDER):
        for later in _ORDER[place + 1 :]:
            both = found[split].keys() & found[later].keys()
            found[later] = {video: texts for video, texts in found[later].items() if video not in both}
            taken_out[f"{split}_from_{later}"] = len(both)
    if captions.choices is not None:
        _take_out(found, _chosen_about(captions.choices), taken_out)
    if not captions.tested:
        del found["test"]
    for split in ("test", "validation"):
        if split in found and not found[split]:
            ids = held_out(found["training"], corpus.holdout)
            found[split] = {video: texts for video, texts in found["training"].items() if video in ids}
            found["training"] = {video: texts for video, texts in found["training"].items() if video not in ids}
            taken_out["held_out" if split == "validation" else "held_out_for_test"] = len(ids)
    over = max(0, len(found["training"]) - corpus.limit) if corpus.limit is not None else 0
    found["training"] = dict(list(found["training"].items())[: corpus.limit])
    taken_out["over_limit"] = over
    for reason, sentence in _SAID.items():
        if taken_out.get(reason):
            log(f"{taken_out[reason]} {sentence}")
    if not found["training"]:
        raise UserError(f"{captions.training}: no video is left for training; give more, or a file for each split")
    return found, taken_out


def _chosen_about(path: Path) -> Collection[str]:
    """The videos of a file of published choices."""
    published = read_published(path)
    if published.kind != "choices":
        raise UserError(f"{path}: {published.kind}, expected sentences to choose from (captions.choices)")
    return published.videos


def _take_out(found: dict[Split, Sentences], videos: Collection[str], taken_out: dict[str, int]) -> None:
    for split in ("training", "validation"):
        both = found[split].keys() & set(videos)
        found[split] = {video: texts for video, texts in found[split].items() if video not in both}
        taken_out[f"choices_from_{split}"] = len(both)


def _found(captions: Captions) -> tuple[dict[Split, Sentences], int]:
    """Sentences by the split that their file says, or that the file is given for; how many entries were broken."""
    given: dict[Split, Path | None] = {
        "training": captions.training,
        "validation": captions.validation,
        "test": captions.test,
    }
    if captions.training is None:
        raise UserError("captions.training: not set; give a file of captions")
    found: dict[Split, Sentences] = {split: {} for split in _ORDER}
    broken = 0
    for key, path in given.items():
        if path is not None:
            read = read_captions(path, captions.ids if key == "training" else None, captions.marks)
            broken += read.left_out
            for video, sentences in read.sentences.items():
                split = read.splits.get(video, key)
                found[split][video] = (*found[split].get(video, ()), *sentences)
    return found, broken


def _entries(sentences: Sentences, question: str | None, split: Split) -> list[Dialog]:
    asked = 1 if split == "test" else None
    return [caption_dialog(video, texts, question, asked) for video, texts in sentences.items()]
