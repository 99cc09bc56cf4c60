"""`avsd corpus import`: the user's dialog files checked, split apart, and written as canonical ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config import Corpus, Dialogs
from pipeline.corpus.dialogs import Dialog, read_dialogs, write_dialogs
from pipeline.corpus.references import Key, read_references, write_references
from pipeline.corpus.sentences import TARGETS, description_references, reference_name
from pipeline.corpus.splits import held_out, lowest
from pipeline.corpus.statistics import statistics
from pipeline.errors import UserError
from pipeline.files import check_outputs, write_json
from pipeline.progress import log

_NAMED = 3


@dataclass(frozen=True)
class Learning:
    """Training and validation dialogs, and what was taken out of them for which reason (number of dialogs)."""

    training: list[Dialog]
    validation: list[Dialog]
    taken_out: dict[str, int]


def import_dialogs(corpus: Corpus, dialogs: Dialogs, out: Path) -> None:
    """Write ``out``/{split}.json, references (COCO layout) and statistics.json.

    References of a test set are those of its answers, and the sentences that people wrote about its videos.

    A test set without a file is left out. No video of a test set stays in
    training or, unless `keep_trial_in_validation` says so, in validation, and no validation video in training.
    Raises `UserError` naming the setting or the file, the dialog, and what was expected, and as `check_outputs` does.
    """
    training = read_dialogs(training_file(dialogs), answered=True)
    given = read_dialogs(dialogs.validation, answered=True) if dialogs.validation is not None else None
    trial = read_dialogs(dialogs.trial, answered=True) if dialogs.trial is not None else None
    official = read_dialogs(dialogs.official) if dialogs.official is not None else None
    learning = divide(corpus, training, given, trial or [], official or [])
    _check_not_empty(dialogs, learning)
    splits = {"training": learning.training, "validation": learning.validation}
    references: dict[str, dict[Key, list[str]]] = {}
    if trial is not None:
        splits["trial"] = trial
        references["trial"] = {(d.video_id, n): [turn.answer] for d in trial for n, turn in enumerate(d.turns)}
    if official is not None and dialogs.references is not None:
        splits["official"] = official
        references["official"] = last_turns(dialogs.references, official)
    for test_set in tuple(references):
        for target in TARGETS:
            references[reference_name(test_set, target)] = description_references(splits[test_set], target)
    made = {split: out / f"{split}.json" for split in splits}
    listed = {name: out / "references" / f"{name}.json" for name in references}
    counts = out / "statistics.json"
    check_outputs([*made.values(), *listed.values(), counts], dict(dialogs).values())
    for split, contents in splits.items():
        write_dialogs(made[split], contents)
    for name, texts in references.items():
        write_references(listed[name], texts)
    write_json(counts, _statistics(corpus, splits, learning))


def training_file(dialogs: Dialogs) -> Path:
    """The file of training dialogs; `UserError` where a file is not set that a run cannot do without."""
    if dialogs.training is None:
        raise UserError("dialogs.training: not set; give the training dialogs (train_set4DSTC7-AVSD.json)")
    if dialogs.official is not None and dialogs.references is None:
        raise UserError("dialogs.references: not set; the official test set is scored against its six references")
    return dialogs.training


def divide(
    corpus: Corpus,
    training: Sequence[Dialog],
    validation: Sequence[Dialog] | None,
    trial: Sequence[Dialog],
    official: Sequence[Dialog],
) -> Learning:
    """Take test videos out of training and validation, hold out validation where none is given, and apply the limit.

    The trial test set is part of the official validation set: a model selected on all of validation has seen the
    trial answers. Each removal is logged. The held-out dialogs are those whose ids have the lowest hashes, so the
    order of the file does not matter.
    """
    trial_ids, official_ids = _ids(trial), _ids(official)
    taken_out = {"trial_from_validation": 0, "official_from_validation": 0}
    kept = None
    if validation is not None:
        unwanted = official_ids if corpus.keep_trial_in_validation else official_ids | trial_ids
        kept = [dialog for dialog in validation if dialog.video_id not in unwanted]
        gone = _ids(validation) & unwanted
        taken_out = {
            "trial_from_validation": len(gone & trial_ids),
            "official_from_validation": len(gone - trial_ids),
        }
    found = _ids(training)
    validation_ids = _ids(validation or ())
    tested = found & (trial_ids | official_ids)
    taken_out["test_from_training"] = len(tested)
    taken_out["validation_from_training"] = len((found & validation_ids) - tested)
    rest = [dialog for dialog in training if dialog.video_id not in trial_ids | official_ids | validation_ids]
    taken_out["held_out"] = 0
    if kept is None:
        ids = held_out(_ids(rest), corpus.holdout)
        kept = [dialog for dialog in rest if dialog.video_id in ids]
        rest = [dialog for dialog in rest if dialog.video_id not in ids]
        taken_out["held_out"] = len(ids)
    chosen = lowest(_ids(rest), corpus.training_fraction, "training")
    taken_out["over_fraction"] = sum(dialog.video_id not in chosen for dialog in rest)
    rest = [dialog for dialog in rest if dialog.video_id in chosen]
    taken_out["over_limit"] = max(0, len(rest) - corpus.limit) if corpus.limit is not None else 0
    _log_removals(corpus, taken_out, kept=len(_ids(validation or ()) & trial_ids))
    return Learning(rest[: corpus.limit], kept, taken_out)


def last_turns(path: Path, official: Sequence[Dialog]) -> dict[Key, list[str]]:
    """References of each official dialog's last turn out of the reference file ``path``; one missing is an error."""
    known = read_references(path)
    wanted = [(dialog.video_id, len(dialog.turns) - 1) for dialog in official]
    missing = [f"{video}_{turn}" for video, turn in wanted if (video, turn) not in known]
    if missing:
        names = ", ".join(missing[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
        raise UserError(
            f"{path}: {len(missing)} of {len(wanted)} last turns of the official test set have no reference "
            f"({names}, turns counted from 0); give the reference file of the same test set"
        )
    return {key: known[key] for key in wanted}


def _check_not_empty(dialogs: Dialogs, learning: Learning) -> None:
    reasons = ", ".join(f"{name}: {count}" for name, count in learning.taken_out.items() if count)
    why = f"taken out: {reasons}" if reasons else "the file has none"
    if not learning.training:
        raise UserError(f"{dialogs.training}: no training dialog is left ({why}); give dialogs of other videos")
    if not learning.validation:
        raise UserError(
            f"{dialogs.validation or dialogs.training}: no validation dialog is left ({why}); give others in "
            "dialogs.validation, or none to hold out a share of training"
        )


def _ids(dialogs: Sequence[Dialog]) -> set[str]:
    return {dialog.video_id for dialog in dialogs}


def _log_removals(corpus: Corpus, taken_out: dict[str, int], kept: int) -> None:
    if corpus.keep_trial_in_validation and kept:
        log(f"validation keeps {kept} videos of the trial test set (corpus.keep_trial_in_validation)")
    sentences = {
        "trial_from_validation": "videos of the trial test set taken out of validation",
        "official_from_validation": "videos of the official test set taken out of validation",
        "test_from_training": "videos of the test sets taken out of training",
        "validation_from_training": "videos of validation taken out of training",
        "held_out": "training dialogs held out as validation (corpus.holdout)",
        "over_fraction": "training dialogs left out (corpus.training_fraction)",
        "over_limit": "training dialogs left out (corpus.limit)",
    }
    for reason, sentence in sentences.items():
        if taken_out[reason]:
            log(f"{taken_out[reason]} {sentence}")


def _statistics(corpus: Corpus, splits: dict[str, list[Dialog]], learning: Learning) -> dict[str, Any]:
    return {
        **{split: statistics(dialogs) for split, dialogs in splits.items()},
        "taken_out": learning.taken_out,
        "keep_trial_in_validation": corpus.keep_trial_in_validation,
        "training_fraction": corpus.training_fraction,
        "limit": corpus.limit,
    }
