"""Ranks and what is made of them, by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.answers import filling, matching
from pipeline.cli import app
from pipeline.corpus import descriptions, detected
from pipeline.errors import UserError
from pipeline.ranks import ranks
from pipeline.scoring.chosen import score_chosen
from pipeline.scoring.names import CHOSEN, RETRIEVED
from pipeline.scoring.placed import by_chance, intervals, measure
from pipeline.scoring.request import Request
from pipeline.scoring.retrieved import score_retrieved
from pipeline.tasks.registry import TASKS, task_that_wrote


def test_a_matrix_of_three_by_three() -> None:
    scores = [[0.9, 0.1, 0.2], [0.5, 0.5, 0.1], [0.3, 0.8, 0.2]]
    found = ranks(scores, [0, 1, 2])
    assert found.tolist() == [1, 2, 3]  # the tie of the second row counts against it
    assert measure(found, RETRIEVED) == {
        "R@1": pytest.approx(1 / 3), "R@5": 1.0, "R@10": 1.0, "median rank": 2.0, "mean rank": 2.0,
        "MRR": pytest.approx((1 + 1 / 2 + 1 / 3) / 3),
    }  # fmt: skip
    assert measure(found, CHOSEN)["accuracy"] == measure(found, CHOSEN)["R@1"] == pytest.approx(1 / 3)


def test_scores_that_are_all_alike_are_never_right() -> None:
    assert ranks(np.zeros((4, 5)), [0, 1, 2, 4]).tolist() == [5] * 4
    assert ranks([[float("nan"), 0.0]], [0]).tolist() == [2]
    assert ranks([[float("nan"), 0.0]], [1]).tolist() == [2]


def test_chance_is_what_random_orders_have() -> None:
    generator = np.random.default_rng(1)
    counts = [5, 12, 40]
    drawn = np.concatenate([generator.integers(1, count + 1, 40_000) for count in counts])
    for name, value in by_chance(counts, [*CHOSEN]).items():
        assert measure(drawn, [name])[name] == pytest.approx(value, rel=0.03), name


def test_intervals_resample_videos_with_their_items() -> None:
    # Two videos, one all right, one all wrong: a draw is 0, 1/2 or 1, however many items each has.
    found = intervals(np.array([1] * 50 + [9] * 50), ["a"] * 50 + ["b"] * 50, ["accuracy"], 400)
    assert found["accuracy"] == [0.0, 1.0]
    alone = intervals(np.array([1] * 50 + [9] * 50), [str(n) for n in range(100)], ["accuracy"], 400)
    assert 0.35 < alone["accuracy"][0] < 0.45 < 0.55 < alone["accuracy"][1] < 0.65
    assert intervals(np.array([1, 2]), ["a", "b"], ["accuracy"], 0) == {}
    assert intervals(np.array([1, 2]), ["a", "a"], ["accuracy"], 400) == {}


def written(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def request(path: Path, references: Path, out: Path) -> Request:
    return Request([path], references, "none", None, 20, False, [out])


CANDIDATES = {
    "type": "answer_candidates",
    "turns": [
        {"image_id": "a", "turn": 0, "candidates": ["x", "y", "z"], "right": 2},
        {"image_id": "a", "turn": 3, "candidates": ["x", "y"], "right": 0},
    ],
}


def test_chosen_answers(tmp_path: Path) -> None:
    references, out = written(tmp_path / "candidates.json", CANDIDATES), tmp_path / "out.json"
    turns = [{"image_id": "a", "turn": 3, "scores": [2, 1]}, {"image_id": "a", "turn": 0, "scores": [3, 0, 1.5]}]
    path = written(tmp_path / "chosen.json", {"type": "candidate_scores", "turns": turns})
    score_chosen(request(path, references, out))
    scores = json.loads(out.read_text())
    assert {key: each["rank"] for key, each in scores["items"].items()} == {"a_0": 2, "a_3": 1}
    assert scores["metrics"]["MRR"] == 0.75
    assert scores["chance"]["accuracy"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    for broken in (turns[:1], [turns[0], {**turns[1], "scores": [1, 2]}]):
        path = written(tmp_path / "chosen.json", {"type": "candidate_scores", "turns": broken})
        with pytest.raises(UserError, match=r"chosen\.json: dialog a, turn 0: . scores of 3 candidates"):
            score_chosen(request(path, references, out))


def test_two_entries_for_one_turn_are_refused(tmp_path: Path) -> None:
    """Nothing says which one counts: the last one would be right twice."""
    references, out = written(tmp_path / "candidates.json", CANDIDATES), tmp_path / "out.json"
    turns = [{"image_id": "a", "turn": 3, "scores": [2, 1]}, {"image_id": "a", "turn": 0, "scores": [3, 0, 1.5]}]
    again = {**turns[1], "scores": [0, 0, 1]}
    path = written(tmp_path / "chosen.json", {"type": "candidate_scores", "turns": [*turns, again]})
    with pytest.raises(UserError, match=r"chosen\.json: dialog a, turn 0: stands twice; keep one of them$"):
        score_chosen(request(path, references, out))
    assert not out.exists()


def test_the_command_knows_a_file_by_what_it_says_it_is(tmp_path: Path) -> None:
    references, out = written(tmp_path / "candidates.json", CANDIDATES), tmp_path / "out.json"
    turns = [{"image_id": "a", "turn": 3, "scores": [2, 1]}, {"image_id": "a", "turn": 0, "scores": [3, 0, 1.5]}]
    path = written(tmp_path / "chosen.json", {"type": "candidate_scores", "turns": turns})
    app(["score", str(path), "--references", str(references), "--json", str(out)], standalone_mode=False)
    assert json.loads(out.read_text())["metrics"]["MRR"] == 0.75
    for content in ({"dialogs": []}, [], {"type": ["candidate_scores"]}, {"type": ""}, {"type": "other"}):
        assert task_that_wrote(written(path, content)).name == "answer"
    said = {"choose": matching.CHOSEN, "retrieve": matching.RANKED, "fill": filling.TYPE}
    said |= {"describe": descriptions.TYPE, "detect": detected.TYPE, "answer": ""}
    assert {name: task.file for name, task in TASKS.items()} == said


def test_retrieved_videos(tmp_path: Path) -> None:
    image = [{"name": f"{video}_0", "id": n} for n, video in enumerate("abc", 1)]
    annotations = [{"image_id": n, "id": n, "caption": "text"} for n in (1, 2, 3)]
    references = written(tmp_path / "references.json", {"images": image, "annotations": annotations})
    content = {
        "type": "video_scores",
        "videos": ["c", "a", "b"],
        "scores": {"a": [0.5, 0.5, 0.1], "b": [0.2, 0.3, 0.9], "c": [1, 2, 3]},
    }
    path, out = written(tmp_path / "found.json", content), tmp_path / "out.json"
    score_retrieved(request(path, references, out))
    scores = json.loads(out.read_text())
    assert {key: each["rank"] for key, each in scores["items"].items()} == {"a_0": 2, "b_0": 1, "c_0": 3}
    assert scores["metrics"]["median rank"] == 2
    every: dict[str, list[float]] = content["scores"]  # type: ignore[assignment]
    for broken, fault in (
        ({**content, "videos": ["c", "a"]}, "text about a: .* 3 scores of 2 videos"),
        ({**content, "scores": {**every, "d": [1, 2, 3]}}, "text about d: its video is not among those searched"),
        ({**content, "scores": {**every, "a": [1]}}, "text about a: .* 1 scores of 3 videos"),
        ({**content, "scores": {**every, "a": [1, 2, 3, 4]}}, "text about a: .* 4 scores of 3 videos"),
        # Of three columns two are a's; as many scores as there are different videos, and as there are columns.
        ({**content, "videos": ["a", "b", "a"], "scores": {"b": [1, 2]}}, "video a stands twice"),
        ({**content, "videos": ["a", "b", "a"], "scores": {"b": [1, 2, 3]}}, "video a stands twice"),
    ):
        written(path, broken)
        with pytest.raises(UserError, match=rf"found\.json: {fault}"):
            score_retrieved(request(path, references, out))
    written(path, {**content, "videos": ["a", "b", "a", "c"]})
    with pytest.raises(UserError, match=r"found\.json: video a stands twice among those searched; answer again$"):
        score_retrieved(request(path, references, out))


def test_texts_that_nothing_was_searched_for_are_refused(tmp_path: Path) -> None:
    """The easiest text alone would be found every time. A video without a text may be searched all the same."""
    image = [{"name": f"{video}_0", "id": n} for n, video in enumerate("abe", 1)]
    annotations = [{"image_id": n, "id": n, "caption": "text"} for n in (1, 2, 3)]
    references = written(tmp_path / "references.json", {"images": image, "annotations": annotations})
    content = {"type": "video_scores", "videos": ["c", "a", "b"], "scores": {"a": [0, 1, 0], "b": [0, 1, 0]}}
    path, out = written(tmp_path / "found.json", content), tmp_path / "out.json"
    score_retrieved(request(path, references, out))
    # c has no text, e is not searched (another pool): two texts, of which one is found.
    assert json.loads(out.read_text())["metrics"]["R@1"] == 0.5
    written(path, {**content, "scores": {"a": [0, 1, 0]}})
    with pytest.raises(UserError, match=r"found\.json: no scores for 1 texts of .* among those searched \(b\)"):
        score_retrieved(request(path, references, out))
