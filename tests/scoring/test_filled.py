"""Accuracy of filled blanks: by hand, beside base rates by hand, and intervals beside another way to resample."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.corpus.blanks import Blank, write_blanks
from pipeline.errors import UserError
from pipeline.scoring.filled import intervals, right_of, score_filled
from pipeline.scoring.request import Request

ASKED = {
    ("a", 0): Blank("it is <blank>", "red", "adjective"),
    ("a", 1): Blank("a <blank>", "star", "noun"),
    ("b", 0): Blank("it <blank>", "walks", "verb"),
    ("b", 2): Blank("a <blank>", "bar", "noun"),
    ("c", 0): Blank("it is <blank>", "blue", "adjective"),
}
FREQUENT = {"any": "star", "noun": "star", "adjective": "red"}
FILLED: list[dict[str, Any]] = [
    {"image_id": "a", "turn": 0, "words": ["red", "green"], "scores": [-0.1, -3.0]},
    {"image_id": "a", "turn": 1, "words": ["bar", "star"], "scores": [-0.5, -0.9]},
    # As likely as another: nobody has chosen it.
    {"image_id": "b", "turn": 0, "words": ["walks", "runs"], "scores": [-1.0, -1.0]},
    # Not named at all, as a word of no vocabulary never is.
    {"image_id": "b", "turn": 2, "words": ["star", "red"], "scores": [-1.0, -2.0]},
    {"image_id": "c", "turn": 0, "words": ["blue"]},
]


def scored(folder: Path, filled: Any, frequent: dict[str, str] = FREQUENT, bootstrap: int = 0) -> dict[str, Any]:
    references, path, out = (folder / name for name in ("blanks.json", "filled.json", "scores.json"))
    write_blanks(references, ASKED, "answer", frequent)
    path.write_text(json.dumps({"type": "filled_blanks", "blanks": filled}))
    score_filled(Request([path], references, "none", None, bootstrap, False, [out]))
    content: dict[str, Any] = json.loads(out.read_text())
    return content


def test_accuracy_by_hand(tmp_path: Path) -> None:
    found = scored(tmp_path, [*FILLED, {"image_id": "z", "turn": 0, "words": ["asked by nobody"]}])
    assert found["metrics"] == {
        "accuracy": 2 / 5, "accuracy of five": 4 / 5, "nouns": 0.0, "verbs": 0.0, "adjectives": 1.0,
    }  # fmt: skip
    assert {key: each["right"] for key, each in found["items"].items()} == {
        "a_0": 1, "a_1": 0, "b_0": 0, "b_2": 0, "c_0": 1,
    }  # fmt: skip
    assert found["signature"]["classes"] == {"nouns": 2, "verbs": 1, "adjectives": 2}
    assert found["signature"]["of"] == "blanks (answer)"


def test_base_rates_by_hand(tmp_path: Path) -> None:
    found = scored(tmp_path, FILLED)["base_rates"]
    assert found["most frequent word"] == {"accuracy": 1 / 5, "nouns": 1 / 2, "verbs": 0.0, "adjectives": 0.0}
    assert found["most frequent word of the class"] == {
        "accuracy": 2 / 5, "nouns": 1 / 2, "verbs": 0.0, "adjectives": 1 / 2,
    }  # fmt: skip
    assert scored(tmp_path, FILLED, {})["base_rates"] == {}


def test_a_class_that_nothing_is_of_has_no_accuracy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(ASKED, ("b", 0))
    assert "verbs" not in scored(tmp_path, FILLED)["metrics"]


def test_intervals_resample_videos_with_their_blanks() -> None:
    generator = np.random.default_rng(5)
    kinds = ("noun", "verb", "adjective")
    blanks = [Blank("<blank>", "w", kinds[int(kind)]) for kind in generator.integers(0, 3, 300)]
    ranks = [int(rank) for rank in generator.integers(1, 4, 300)]
    videos = [f"v{number // 6}" for number in range(300)]
    right = right_of(blanks, ranks)
    found = intervals(right, videos, 4000)
    # The plain way: draw fifty videos, take all their blanks, count.
    drawn: dict[str, list[float]] = {"accuracy": [], "verbs": []}
    for _ in range(4000):
        rows = np.concatenate([np.arange(6) + 6 * video for video in generator.integers(0, 50, 50)])
        hits = np.array([ranks[row] == 1 for row in rows])
        verbs = np.array([blanks[row].word_class == "verb" for row in rows])
        drawn["accuracy"].append(hits.mean())
        drawn["verbs"].append(hits[verbs].mean())
    for name, values in drawn.items():
        assert found[name] == pytest.approx(np.percentile(values, [2.5, 97.5]).tolist(), abs=0.012)
    assert intervals(right, videos, 0) == {}
    assert intervals(right, ["a"] * len(right), 50) == {}


@pytest.mark.parametrize(
    ("filled", "message"),
    [
        (FILLED[1:], r"dialog a, turn 0: no word for this blank \(1 of 5 have none\)"),
        ([*FILLED, FILLED[0]], "dialog a, turn 0: stands twice"),
        ([{**FILLED[0], "scores": [1.0]}, *FILLED[1:]], "dialog a, turn 0: stands twice, or has not as many scores"),
        ([{**FILLED[0], "words": []}, *FILLED[1:]], r"filled\.json"),
        ([{**FILLED[0], "scores": ["much"]}], r"filled\.json"),
        ({}, r"filled\.json"),
    ],
)
def test_what_cannot_be_scored(tmp_path: Path, filled: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        scored(tmp_path, filled)
