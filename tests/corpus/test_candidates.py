"""Candidate answers: of other dialogs, never a reference, the same for a seed whatever the order of the file."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from pipeline.corpus.candidates import draw, read_candidates, write_candidates
from pipeline.corpus.dialogs import UNDISCLOSED, Dialog, Turn, write_dialogs
from pipeline.corpus.references import write_references
from pipeline.errors import UserError

DIALOGS = [
    Dialog(f"v{video}", "", "", tuple(Turn("what is it ?", f"answer {(video * 3 + turn) % 11}") for turn in range(3)))
    for video in range(8)
]
REFERENCES = {
    (dialog.video_id, place): [turn.answer, "answer 1"] for dialog in DIALOGS for place, turn in enumerate(dialog.turns)
}


@pytest.mark.parametrize("count", [1, 4, 8])
def test_distractors_are_wrong_and_of_other_dialogs(count: int) -> None:
    found = draw(DIALOGS, REFERENCES, count, 1)
    assert list(found) == list(REFERENCES)
    for (video, turn), each in found.items():
        own = DIALOGS[int(video[1:])]
        assert each.answers[each.right] == own.turns[turn].answer
        wrong = set(each.answers) - {own.turns[turn].answer}
        assert len(wrong) == count == len(each.answers) - 1
        assert not wrong & set(REFERENCES[video, turn])


def test_what_a_dialog_alone_says_is_no_distractor_of_its_own_turns() -> None:
    """Its other answers may be as true of the video as the right one."""
    alone = [Dialog(f"v{n}", "", "", (Turn("what ?", f"a{n}"), Turn("and ?", f"b{n}"))) for n in range(4)]
    references = {
        (dialog.video_id, place): [turn.answer] for dialog in alone for place, turn in enumerate(dialog.turns)
    }
    for count in (1, 3, 6):
        for (video, _), each in draw(alone, references, count, 1).items():
            right = each.answers[each.right]
            assert not {f"a{video[1:]}", f"b{video[1:]}"} & {*each.answers} - {right}
    with pytest.raises(UserError, match=r"v0 have only 6 different answers"):
        draw(alone, references, 7, 1)


def test_the_right_one_stands_anywhere_and_the_seed_decides() -> None:
    found = draw(DIALOGS, REFERENCES, 4, 1)
    assert {each.right for each in found.values()} == set(range(5))
    assert draw(DIALOGS, REFERENCES, 4, 1) == found
    assert draw(DIALOGS, REFERENCES, 4, 2) != found
    turned = list(DIALOGS)
    random.Random(5).shuffle(turned)
    assert draw(turned, REFERENCES, 4, 1) == found


def test_a_withheld_answer_is_the_first_reference_and_no_reference_is_no_question() -> None:
    withheld = [Dialog("w", "", "", (Turn("why ?", "so"), Turn("and ?", UNDISCLOSED))), *DIALOGS]
    found = draw(withheld, {("w", 1): ["this", "that"]}, 4, 1)
    assert list(found) == [("w", 1)]
    each = found["w", 1]
    assert each.answers[each.right] == "this"
    assert UNDISCLOSED not in each.answers


def test_what_is_drawn_can_be_read_again_and_what_is_damaged_is_refused(tmp_path: Path) -> None:
    dialogs, references, out = (tmp_path / name for name in ("dialogs.json", "references.json", "candidates.json"))
    write_dialogs(dialogs, DIALOGS)
    write_references(references, REFERENCES)
    write_candidates(dialogs, references, 4, 1, out)
    assert read_candidates(out) == draw(DIALOGS, REFERENCES, 4, 1)
    content = json.loads(out.read_text())
    assert content["turns"][0]["question"] == "what is it ?"
    damages: list[Any] = [
        {**content, "type": "answers"},
        {**content, "turns": [{**content["turns"][0], "right": 5}]},
        {**content, "turns": [content["turns"][0]] * 2},
        {**content, "turns": [{**content["turns"][0], "candidates": ["one"]}]},
        {**content, "turns": []},
        [],
    ]
    for damage in damages:
        out.write_text(json.dumps(damage))
        with pytest.raises(UserError, match=r"candidates\.json"):
            read_candidates(out)


def test_too_few_different_answers_are_an_error_that_says_how_many_there_are() -> None:
    with pytest.raises(UserError, match=r"matching\.distractors: 99, but .* v0 have only \d+ different answers"):
        draw(DIALOGS, REFERENCES, 99, 1)
