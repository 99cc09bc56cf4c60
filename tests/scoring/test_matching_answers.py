import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UserError
from pipeline.scoring.matching import match, read_answers, without_history

REFERENCES = {("b_1", 1): ["yes"], ("a", 0): ["no", "nope"]}


def write(path: Path, *dialogs: tuple[str, list[dict[str, Any]]]) -> Path:
    content = {"dialogs": [{"image_id": video, "dialog": turns} for video, turns in dialogs]}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def turn(answer: str, generated: bool | None = None) -> dict[str, Any]:
    marks = {} if generated is None else {"generated": generated}
    return {"question": "is it ?", "answer": answer, **marks}


def test_foreign_file_history_is_not_an_answer_and_position_does_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", ("a", [turn("it is not")]), ("b_1", [turn("history"), turn("it is")]))
    found = match(path, read_answers(path), REFERENCES, partial=False)
    assert found.keys == (("b_1", 1), ("a", 0))
    assert found.hypotheses == ("it is", "it is not")
    assert found.references == (("yes",), ("no", "nope"))
    assert (found.missing, found.extra) == (0, 0)


def test_marked_file_counts_only_generated_turns(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", ("a", [turn("copied")]), ("b_1", [turn("h", False), turn("mine", True)]))
    with pytest.raises(UserError, match=r"1 missing of 2 \(a turn 0\)"):
        match(path, read_answers(path), REFERENCES, partial=False)


def test_marked_turn_without_reference_is_extra(tmp_path: Path) -> None:
    turns = [turn("one too many", True), turn("mine", True)]
    path = write(tmp_path / "x.json", ("a", [turn("mine", True)]), ("b_1", turns))
    with pytest.raises(UserError, match=r"1 without a reference \(b_1 turn 0\)"):
        match(path, read_answers(path), REFERENCES, partial=False)


def test_foreign_video_without_any_reference_is_extra(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.json", ("a", [turn("n")]), ("b_1", [turn("h"), turn("y")]), ("c", [turn("?"), turn("?")])
    )
    with pytest.raises(UserError, match=r"2 without a reference \(c turn 0, c turn 1\)"):
        match(path, read_answers(path), REFERENCES, partial=False)


def test_undisclosed_is_no_answer(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", ("a", [turn("n")]), ("b_1", [turn("h"), turn("__UNDISCLOSED__")]))
    with pytest.raises(UserError, match=r"1 missing of 2 \(b_1 turn 1\)"):
        match(path, read_answers(path), REFERENCES, partial=False)


LAST_TURNS = {("a", 3): ["no", "nope"], ("b_1", 1): ["yes"], ("c", 0): ["why"]}


@pytest.mark.parametrize("generated", [None, True])
def test_last_turns_alone_are_the_turns_that_the_references_name(tmp_path: Path, generated: bool | None) -> None:
    dialogs = [(video, [turn(f"of {video}", generated)]) for video in ("c", "b_1", "a")]
    path = write(tmp_path / "x.json", *dialogs)
    found = match(path, read_answers(path), LAST_TURNS, partial=False)
    assert found.keys == (("a", 3), ("b_1", 1), ("c", 0))
    assert found.hypotheses == ("of a", "of b_1", "of c")
    assert (found.missing, found.extra, found.moved) == (0, 0, 2)


def test_some_last_turns_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", ("a", [turn("of a")]), ("z", [turn("of z")]), ("b_1", [turn("__UNDISCLOSED__")]))
    with pytest.raises(UserError, match=r"2 missing of 3 \(b_1 turn 1, c turn 0\); 1 without a reference \(z turn 0\)"):
        match(path, read_answers(path), LAST_TURNS, partial=False)
    found = match(path, read_answers(path), LAST_TURNS, partial=True)
    assert (found.keys, found.missing, found.extra, found.moved) == ((("a", 3),), 2, 1, 1)


@pytest.mark.parametrize(
    ("references", "dialogs"),
    [
        # A trial set: the one turn may be any of three.
        ({("a", 0): ["x"], ("a", 1): ["y"], ("a", 2): ["z"]}, {"a": 1}),
        # A whole dialog beside it: the other may be cut off behind its first turn.
        ({("a", 3): ["x"], ("b", 1): ["y"]}, {"a": 1, "b": 2}),
        # One video tells, the other does not.
        ({("a", 3): ["x"], ("b", 1): ["y"], ("b", 2): ["y"]}, {"a": 1, "b": 1}),
    ],
)
def test_turns_that_cannot_be_placed(
    tmp_path: Path, references: dict[tuple[str, int], list[str]], dialogs: dict[str, int]
) -> None:
    path = write(tmp_path / "x.json", *((video, [turn("h")] * count) for video, count in dialogs.items()))
    with pytest.raises(UserError, match=r"missing of .* it cannot be told which one: give whole dialogs") as caught:
        match(path, read_answers(path), references, partial=False)
    assert "\n" not in str(caught.value)


def test_missing_turns_of_whole_dialogs_need_no_other_help(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", ("a", [turn("h")] * 3), ("b_1", [turn("h")] * 2))
    with pytest.raises(UserError, match=r"2 missing of 3 .* or use --partial$"):
        match(path, read_answers(path), LAST_TURNS, partial=False)


def test_last_turns_alone_given_twice(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", ("a", [turn("n")]), ("a", [turn("m")]), ("b_1", [turn("y")]), ("c", [turn("y")]))
    with pytest.raises(UserError, match=r"1 given twice \(a turn 3\): give each once"):
        match(path, read_answers(path), LAST_TURNS, partial=False)


@pytest.mark.parametrize("partial", [False, True])
def test_answer_given_twice_is_an_error(tmp_path: Path, partial: bool) -> None:
    path = write(tmp_path / "x.json", ("a", [turn("n")]), ("a", [turn("m")]), ("b_1", [turn("h"), turn("y")]))
    with pytest.raises(UserError, match=r"x.json: .*1 given twice \(a turn 0\)"):
        match(path, read_answers(path), REFERENCES, partial)


def test_partial_scores_what_is_there(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", ("a", [turn("n", True)]), ("z", [turn("m", True)]))
    found = match(path, read_answers(path), REFERENCES, partial=True)
    assert (found.keys, found.missing, found.extra) == ((("a", 0),), 1, 1)


def test_nothing_to_score_is_an_error_even_if_partial(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", ("z", [turn("m")]))
    with pytest.raises(UserError, match="none of its answers has a reference"):
        match(path, read_answers(path), REFERENCES, partial=True)


def test_many_missing_are_counted_and_some_named(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", ("v0", [turn("m")]))
    references = {(f"v{number}", 0): ["yes"] for number in range(9)}
    with pytest.raises(UserError, match=r"8 missing of 9 \(v1 turn 0, v2 turn 0, v3 turn 0, \.\.\.\)"):
        match(path, read_answers(path), references, partial=False)


def test_history_before_several_references_is_not_asked_for() -> None:
    last_turns = {("a", 0): ["h"], ("a", 1): ["x", "y"], ("b", 0): ["z"], ("c", 1): ["v"], ("c", 0): ["h"]}
    assert without_history(last_turns) == {("a", 1): ["x", "y"], ("b", 0): ["z"], ("c", 1): ["v"]}


@pytest.mark.parametrize(
    "references",
    [
        {("a", 0): ["h"], ("a", 1): ["x"]},  # a trial set: every turn is asked
        {("a", 0): ["h", "i"], ("a", 1): ["x", "y"]},
        {("a", 3): ["x", "y"], ("b", 2): ["z"]},
        {("a", 0): ["h", "i"], ("a", 1): ["x"], ("b", 0): ["v", "w"]},
    ],
)
def test_every_other_reference_is_asked_for(references: dict[tuple[str, int], list[str]]) -> None:
    assert without_history(references) == references


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], r'expected \{"dialogs"'),
        ({"dialogs": [{"image_id": 3, "dialog": []}]}, "dialog 0 needs an image_id"),
        (
            {"dialogs": [{"image_id": "a", "dialog": [{"question": "q", "answer": None}]}]},
            "dialog a, turn 0: answer is null",
        ),
    ],
)
def test_malformed_files_are_named(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match=f"bad.json: {message}"):
        read_answers(path)
