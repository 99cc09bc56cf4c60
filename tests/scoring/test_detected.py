"""Scores of concept words against counting by hand, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.corpus.detected import read_detected
from pipeline.corpus.references import write_references
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.ranks import mean_precisions
from pipeline.scoring.detected import counted, intervals, measure, score_detected
from pipeline.scoring.names import DETECTED
from pipeline.scoring.request import Request

CLASSES = {"car": "noun", "man": "noun", "red": "adjective", "opens": "verb", "door": "noun", "tall": "adjective"}
TRUE = {"a": "a red car .", "b": "the tall man opens a door", "c": "nothing here"}
FOUND = {"a": ["red", "man", "car"], "b": ["car", "man", "door"], "c": ["car", "red", "tall"]}


def content(found: dict[str, list[str]]) -> dict[str, Any]:
    concepts = {
        video: [[word, 0.9 - 0.1 * place] for place, word in enumerate(words)] for video, words in found.items()
    }
    vocabulary = [{"word": word, "word_class": each} for word, each in CLASSES.items()]
    return {"type": "video_concepts", "k": 3, "tagger": "lists", "vocabulary": vocabulary, "concepts": concepts}


def scored(folder: Path, found: dict[str, list[str]] = FOUND, bootstrap: int = 0) -> dict[str, Any]:
    path, references, out = folder / "found.json", folder / "references.json", folder / "scores.json"
    write_json(path, content(found))
    write_references(references, {(video, 0): [text] for video, text in TRUE.items()})
    score_detected(Request([path], references, "none", None, bootstrap, False, [out]))
    scores: dict[str, Any] = json.loads(out.read_text())
    return scores


def test_by_hand(tmp_path: Path) -> None:
    found = scored(tmp_path)
    # Written 9; true: a 2, b 4 (tall, man, opens, door), c 0; both: red and car of a, man and door of b.
    p, r = 4 / 9, 4 / 6
    # a: right at 1 and 3, of 2; b: right at 2 and 3, of 3 that three words can hold; c has none.
    precision = ((1 + 2 / 3) / 2 + (1 / 2 + 2 / 3) / 3) / 2
    assert found["metrics"] == pytest.approx({"precision": p, "recall": r, "F1": 2 * p * r / (p + r), "mAP": precision})
    # car, man, red for every video: a has two of them, b one.
    assert found["base"] == pytest.approx(
        {"precision": 3 / 9, "recall": 3 / 6, "F1": 6 / 15, "mAP": ((1 + 2 / 3) / 2 + (1 / 2) / 3) / 2}
    )
    nouns, verbs = found["classes"]["noun"], found["classes"]["verb"]
    # Nouns written: man car; car man door; car. True: car; man door.
    assert nouns["metrics"]["precision"] == pytest.approx(3 / 6)
    assert nouns["metrics"]["recall"] == 1
    assert (nouns["words"], nouns["videos"]) == (3, 2)
    assert verbs["metrics"] == {"precision": 0, "recall": 0, "F1": 0, "mAP": 0}
    assert (found["signature"]["items"], found["signature"]["concept words"], found["intervals"]) == (3, 6, {})


def test_map_with_room_for_all_words_is_average_precision() -> None:
    generator, words = np.random.default_rng(3), [f"w{place}" for place in range(12)]
    scores = generator.normal(size=(30, 12))
    right = generator.random((30, 12)) < 0.3
    ranked = [[words[place] for place in np.argsort(-row)] for row in scores]
    pairs = [(each, {words[place] for place in np.flatnonzero(own)}) for each, own in zip(ranked, right, strict=True)]
    found = measure(counted(pairs, set(words), 12).sum(0))[3]
    assert found == pytest.approx(np.mean(mean_precisions(scores, right)))
    # And that is the area under precision and recall, as its definition goes.
    brute = []
    for row, own in zip(scores, right, strict=True):
        if own.any():
            above = [(own & (row >= row[place])).sum() / (row >= row[place]).sum() for place in np.flatnonzero(own)]
            brute.append(np.mean(above))
    assert mean_precisions(scores, right) == pytest.approx(brute)


def test_intervals_are_of_videos_drawn_again(tmp_path: Path) -> None:
    found = scored(tmp_path, bootstrap=50)
    assert set(found["intervals"]) == set(DETECTED)
    for name, (low, high) in found["intervals"].items():
        assert low <= found["metrics"][name] <= high
    # All draws of equal videos are alike, and of two kinds the extremes are those of either alone.
    same = np.tile([3.0, 2.0, 1.0, 0.5, 1.0], (20, 1))
    assert intervals(same, 30)["F1"] == pytest.approx([0.4, 0.4])
    mixed = np.array([[2.0, 2.0, 2.0, 1.0, 1.0], [2.0, 2.0, 0.0, 0.0, 1.0]])
    assert intervals(mixed, 200)["precision"] == pytest.approx([0, 1])


def test_one_video_alone_has_no_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for video in ("b", "c"):
        monkeypatch.delitem(TRUE, video)
    found = scored(tmp_path, bootstrap=50)
    assert found["metrics"]["recall"] == 1
    assert found["intervals"] == found["classes"]["noun"]["intervals"] == {}


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no words of 1 videos of .*references\.json \(b\)"):
        scored(tmp_path, {"a": ["red"], "c": []})
    with pytest.raises(UserError, match="video a: a word stands twice, or is no concept word"):
        scored(tmp_path, {**FOUND, "a": ["red", "sky"]})
    with pytest.raises(UserError, match="video a: a word stands twice"):
        scored(tmp_path, {**FOUND, "a": ["red", "red"]})
    # Every further word is one more that may be true: of k words each, the recall of four is no recall at three.
    with pytest.raises(UserError, match=r"found\.json: video a: 4 words, expected at most its k, 3$"):
        scored(tmp_path, {**FOUND, "a": ["red", "man", "car", "tall"]})
    # A video that people wrote nothing about is no mistake: it is left out.
    assert scored(tmp_path, {**FOUND, "d": ["red"]})["signature"]["items"] == 3


def test_a_concept_word_of_two_classes_is_refused(tmp_path: Path) -> None:
    """The last of them would say which class it counts for."""
    path, given = tmp_path / "found.json", content(FOUND)
    given["vocabulary"].append({"word": "red", "word_class": "noun"})
    write_json(path, given)
    with pytest.raises(
        UserError, match=r"found\.json: concept word 'red' stands twice in its vocabulary; answer again$"
    ):
        read_detected(path)
