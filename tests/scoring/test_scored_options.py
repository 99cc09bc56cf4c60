"""What `avsd score` is told of files of each task: read, or refused before anything is scored."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import app
from pipeline.corpus.blanks import Blank, write_blanks
from pipeline.corpus.references import write_references
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.scoring.names import OPTIONS
from pipeline.tasks.registry import TASKS

WORDS = [{"word": "red", "word_class": "adjective"}, {"word": "star", "word_class": "noun"}]
WRITTEN: dict[str, dict[str, Any]] = {
    "choose": {
        "type": "candidate_scores",
        "turns": [{"image_id": video, "turn": 0, "scores": [0.9, 0.1]} for video in "ab"],
    },
    "retrieve": {"type": "video_scores", "videos": ["a", "b"], "scores": {"a": [0.9, 0.1], "b": [0.9, 0.1]}},
    "fill": {
        "type": "filled_blanks",
        "blanks": [{"image_id": video, "turn": 0, "words": ["red", "star"]} for video in "ab"],
    },
    "detect": {
        "type": "video_concepts",
        "k": 1,
        "vocabulary": WORDS,
        "concepts": {"a": [["red", 0.9]], "b": [["red", 0.8]]},
    },
}
"""Of each task a file that is right about the first of two videos, and wrong about the second."""
HALF = {"choose": "accuracy", "retrieve": "R@1", "fill": "accuracy", "detect": "precision"}


def references(folder: Path, task: str) -> Path:
    path = folder / f"{task}.references.json"
    if task == "choose":
        turns = [
            {"image_id": video, "turn": 0, "candidates": ["x", "y"], "right": right} for right, video in enumerate("ab")
        ]
        write_json(path, {"type": "answer_candidates", "turns": turns})
    elif task == "fill":
        blanks = {
            (video, 0): Blank("a <blank> bar", word, "adjective") for video, word in (("a", "red"), ("b", "blue"))
        }
        write_blanks(path, blanks, "answer", {})
    else:
        write_references(path, {("a", 0): ["a red bar"], ("b", 0): ["a star"]})
    return path


def score(folder: Path, task: str, *options: str, files: int = 1) -> Path:
    """Score as many copies of the task's file; the place of the first one's scores."""
    paths = [folder / f"{task}{number}.json" for number in range(files)]
    for path in paths:
        write_json(path, WRITTEN[task])
    out = folder / "scores.json"
    given = ["--references", references(folder, task), "--json", out, *options]
    app(["score", *map(str, [*paths, *given])], standalone_mode=False)
    return out


def test_every_task_is_asked() -> None:
    assert {*WRITTEN, "answer", "describe"} == set(TASKS)
    assert {name for name, task in TASKS.items() if task.scored_with} == {"answer", "describe"}
    assert all(set(task.scored_with) <= set(OPTIONS) for task in TASKS.values())


@pytest.mark.parametrize("task", WRITTEN)
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--against", "gone.json"), "--against: .* do not go by it; leave it out"),
        (("--randomisations", "99"), "--randomisations: "),
        (("--truth", "gone.json"), "--truth: "),
        (("--filter", "none"), "--filter: "),
        (("--filter", "misspelt"), "--filter: "),
        (("--partial",), "--partial: "),
        (("--paraphrases", "gone"), "--paraphrases: "),
        (("--spice", "gone.jar"), "--spice: "),
        (
            ("--spice", "gone.jar", "--against", "gone.json", "--bootstrap", "9", "--partial"),
            "--partial, --against, --spice: .* do not go by them; leave them out",
        ),
    ],
)
def test_what_a_task_does_not_read_is_refused(tmp_path: Path, task: str, options: tuple[str, ...], named: str) -> None:
    with pytest.raises(UserError, match=f"^{named}") as raised:
        score(tmp_path, task, *options)
    assert f"scores of task {task} " in str(raised.value) and "\n" not in str(raised.value)
    assert not (tmp_path / "scores.json").exists()


@pytest.mark.parametrize("task", WRITTEN)
def test_a_default_is_nothing_that_was_asked_for(tmp_path: Path, task: str) -> None:
    out = score(tmp_path, task, "--filter", "dstc7", "--randomisations", "1000", "--bootstrap", "20", "--task", task)
    scores = json.loads(out.read_text())
    assert scores["metrics"][HALF[task]] == 0.5
    assert set(scores["intervals"]) == set(scores["metrics"])


@pytest.mark.parametrize("task", [*WRITTEN, "answer"])
def test_scores_of_all_files_go_somewhere_or_none_do(tmp_path: Path, task: str) -> None:
    """Before anything is scored: not even the first file has scores afterwards."""
    said = WRITTEN.get(task, {"dialogs": [{"image_id": "a", "dialog": [{"question": "?", "answer": "a red bar"}]}]})
    paths = [tmp_path / f"{number}.json" for number in range(3)]
    for path in paths:
        write_json(path, said)
    outs = [tmp_path / f"{number}.scores" for number in range(4)]
    for count in (1, 2, 4):
        given = [argument for out in outs[:count] for argument in ("--json", out)]
        command = ["score", *paths, "--references", references(tmp_path, task), *given]
        with pytest.raises(
            UserError, match=rf"^--json: {count} given for 3 result files; give one for each, in order$"
        ):
            app([str(each) for each in command], standalone_mode=False)
    assert not [out for out in outs if out.exists()]


@pytest.mark.parametrize("task", WRITTEN)
def test_no_interval_is_printed_where_none_was_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], task: str
) -> None:
    scores = json.loads(score(tmp_path, task, "--bootstrap", "0").read_text())
    printed = capsys.readouterr().err
    assert f"{HALF[task]} 0.500," in printed or f"{HALF[task]} 0.500\n" in printed
    assert "[" not in printed and scores["intervals"] == {}
    score(tmp_path, task, "--bootstrap", "200")
    # Two videos, one right and one wrong: a draw of two is 0, 1/2 or 1.
    assert f"{HALF[task]} 0.500 [0.000, 1.000]" in capsys.readouterr().err
