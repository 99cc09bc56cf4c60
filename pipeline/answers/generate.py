"""`avsd answer` of a system that answers: a test set's questions answered, in the challenge's result format."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.answers.search import Answer
from pipeline.answers.writing import Key, Opened, find, open_system
from pipeline.config import TEST_SETS, Config
from pipeline.corpus.dialogs import Dialog, read_dialogs
from pipeline.dataset.dialogs import DialogDataset
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.layout import Layout


def answer(config: Config, name: str, test_set: str) -> None:
    """Answer a test set with the system ``name`` and write its result file.

    trial: every turn is answered; official: the last turn of each dialog. The history before a turn is always the true
    one. The file is the test set's JSON with these answers filled in; beside each stand `"generated": true` and
    `"n_best"` with scores (log P + bonus), and at the top `"system"`: what made them. Raises `UserError` for anything
    missing.
    """
    check_known(config, name, test_set, TEST_SETS)
    layout, opened = Layout(config.results), open_system(config, name, test_set)
    dialogs = read_dialogs(layout.dialogs(test_set))
    found = searched(opened, dialogs)
    n_best = {
        key: [{"answer": opened.vocabulary.decode(item.ids), "score": round(item.score, 5)} for item in answers]
        for key, answers in found.items()
    }
    write_answers(layout.answers(name, test_set), opened.provenance(config), dialogs, n_best)


def check_known(config: Config, name: str, test_set: str, test_sets: Sequence[str]) -> None:
    """`UserError` for a system, or a test set, that there is not."""
    if name not in config.systems:
        raise UserError(f"system {name!r} is not in the configuration ({', '.join(config.systems)})")
    if test_set not in test_sets:
        raise UserError(f"test set {test_set!r} is not known; give one of {', '.join(test_sets)}")


def searched(opened: Opened, dialogs: Sequence[Dialog]) -> dict[Key, list[Answer]]:
    """The best answers of every turn that is answered, best first; `UserError` where there is none."""
    if not any(dialog.turns for dialog in dialogs):
        raise UserError(
            f"{opened.name}: test set {opened.test_set}: no dialog of it asks anything; give dialogs with turns, or "
            "where captions are to be answers set captions.question"
        )
    dataset = DialogDataset(dialogs, opened.vocabulary, opened.stores, {"model": opened.view})
    return find(opened, dataset, [_wanted(dialog, opened.test_set) for dialog in dialogs], "answers")


def write_answers(
    path: Path, system: Mapping[str, Any], dialogs: Sequence[Dialog], n_best: Mapping[Key, Sequence[Mapping[str, Any]]]
) -> None:
    """Write a result file. n_best: of each answered turn what is kept, each with its `answer`, best first."""
    content = {
        "type": "scene_aware_dialog",
        "version": "0.1",
        "system": system,
        "dialogs": [_filled(dialog, n_best) for dialog in dialogs],
    }
    write_json(path, content)


def _wanted(dialog: Dialog, test_set: str) -> Sequence[int]:
    """The turns of a dialog that are answered; of captions alone none."""
    turns = range(len(dialog.turns))
    return turns[-1:] if test_set == "official" else turns


def _filled(dialog: Dialog, n_best: Mapping[Key, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """A dialog in the challenge's layout, its answered turns with the system's answers."""
    turns: list[dict[str, Any]] = []
    for number, turn in enumerate(dialog.turns):
        best = n_best.get((dialog.video_id, number))
        if best is None:
            turns.append({"question": turn.question, "answer": turn.answer})
            continue
        turns.append({"question": turn.question, "answer": best[0]["answer"], "generated": True, "n_best": best})
    return {"image_id": dialog.video_id, "caption": dialog.caption, "summary": dialog.summary, "dialog": turns}
