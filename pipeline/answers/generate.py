"""`avsd answer` of a system that answers: a test set's questions answered, in the challenge's result format."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.answers.search import Answer
from pipeline.answers.writing import Key, find, open_system
from pipeline.config import TEST_SETS, Config
from pipeline.corpus.dialogs import Dialog, read_dialogs
from pipeline.dataset.dialogs import DialogDataset
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.vocabulary.words import Vocabulary


def answer(config: Config, name: str, test_set: str) -> None:
    """Answer a test set with the system ``name`` and write its result file.

    trial: every turn is answered; official: the last turn of each dialog. The history before a turn is always the true
    one. The file is the test set's JSON with these answers filled in; beside each stand `"generated": true` and
    `"n_best"` with scores (log P + bonus), and at the top `"system"`: what made them. Raises `UserError` for anything
    missing.
    """
    if name not in config.systems:
        raise UserError(f"system {name!r} is not in the configuration ({', '.join(config.systems)})")
    if test_set not in TEST_SETS:
        raise UserError(f"test set {test_set!r} is not known; give one of {', '.join(TEST_SETS)}")
    layout, opened = Layout(config.results), open_system(config, name, test_set)
    dialogs = read_dialogs(layout.dialogs(test_set))
    dataset = DialogDataset(dialogs, opened.vocabulary, opened.stores, {"model": opened.view})
    found = find(opened, dataset, [_wanted(dialog, test_set) for dialog in dialogs], "answers")
    content = {
        "type": "scene_aware_dialog",
        "version": "0.1",
        "system": opened.provenance(config),
        "dialogs": [_filled(dialog, found, opened.vocabulary) for dialog in dialogs],
    }
    write_json(layout.answers(name, test_set), content)


def _wanted(dialog: Dialog, test_set: str) -> Sequence[int]:
    """The turns of a dialog that are answered."""
    last = len(dialog.turns) - 1
    return [last] if test_set == "official" else range(last + 1)


def _filled(dialog: Dialog, found: Mapping[Key, list[Answer]], vocabulary: Vocabulary) -> dict[str, Any]:
    """A dialog in the challenge's layout, its answered turns with the system's answers."""
    turns: list[dict[str, Any]] = []
    for number, turn in enumerate(dialog.turns):
        answers = found.get((dialog.video_id, number))
        if answers is None:
            turns.append({"question": turn.question, "answer": turn.answer})
            continue
        n_best = [{"answer": vocabulary.decode(item.ids), "score": round(item.score, 5)} for item in answers]
        turns.append({"question": turn.question, "answer": n_best[0]["answer"], "generated": True, "n_best": n_best})
    return {"image_id": dialog.video_id, "caption": dialog.caption, "summary": dialog.summary, "dialog": turns}
