"""Answers about one video are drawn and exchanged together."""

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.scoring.bootstrap import intervals, resampled_scores
from pipeline.scoring.metrics import METRICS, Measured
from pipeline.scoring.significance import compare_accuracy, compare_scores
from pipeline.scoring.videos import numbered, summed

VIDEOS = numbered([video for video in "abcdefgh" for _ in range(1 + (video in "ceg") + (video == "h"))])


def system(seed: int, items: NDArray[np.float64] | None = None) -> Measured:
    generator = np.random.default_rng(seed)
    count = len(VIDEOS if items is None else items)
    words = generator.integers(4, 9, size=count)
    grams = np.maximum(words[:, None] - np.arange(4), 0)
    bleu = np.hstack([words[:, None], words[:, None] + 1, grams, generator.binomial(grams, 0.5)]).astype(float)
    meteor = generator.integers(1, 9, size=(count, 23)).astype(float)
    values = generator.random(count) if items is None else items
    return Measured({}, dict.fromkeys(METRICS, values), bleu, meteor)


def test_exchanges_are_those_of_videos_enumerated() -> None:
    first, second = system(1), system(2)
    found = compare_scores(first, second, 20_000, videos=VIDEOS)["CIDEr"]
    one, other = (measured.items["CIDEr"] for measured in (first, second))
    differences = np.array(
        [np.mean(np.where(np.array(mask)[VIDEOS], other - one, one - other)) for mask in product([0, 1], repeat=8)]
    )
    exact = np.mean(np.abs(differences) >= abs(np.mean(one - other)) - 1e-12)
    assert found["difference"] == pytest.approx(np.mean(one - other))
    assert found["p"] == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000) + 1e-4)


def test_copies_of_an_item_are_no_further_evidence() -> None:
    """Every answer there ten times, under the name of its video: the p value is that of having it once."""
    generator = np.random.default_rng(4)
    right = generator.random((2, 20)) < np.array([[0.8], [0.45]])
    once = compare_accuracy(right[0], right[1], {"all": np.ones(20, bool)}, 5000)["all"]
    copies = np.repeat(right, 10, axis=1)
    alone = compare_accuracy(copies[0], copies[1], {"all": np.ones(200, bool)}, 5000)["all"]
    videos = numbered(np.repeat(np.arange(20), 10).astype(str).tolist())
    together = compare_accuracy(copies[0], copies[1], {"all": np.ones(200, bool)}, 5000, videos)["all"]
    assert together == once
    assert alone["p"] < once["p"] / 5


def test_a_draw_is_of_videos_with_all_their_items() -> None:
    measured = system(3)
    found = resampled_scores([measured], 50, seed=7, videos=VIDEOS)[0]["CIDEr"]
    drawn = np.random.default_rng(7).integers(0, 8, size=(50, 8))
    items = measured.items["CIDEr"]
    expected = [np.concatenate([items[video == VIDEOS] for video in videos]).mean() for videos in drawn]
    assert found == pytest.approx(expected)


def test_the_interval_of_copies_is_that_of_one() -> None:
    values = np.repeat(np.random.default_rng(6).random(60), 3)
    videos = numbered(np.repeat(np.arange(60), 3).astype(str).tolist())
    wide, narrow = (intervals([system(1, values)], 4000, videos=each)[0]["CIDEr"] for each in (videos, None))
    assert (wide[1] - wide[0]) / (narrow[1] - narrow[0]) == pytest.approx(np.sqrt(3), rel=0.1)


def test_sums_by_hand() -> None:
    assert summed(np.arange(len(VIDEOS), dtype=float)[:, None], VIDEOS).ravel().tolist() == [0, 1, 5, 4, 11, 7, 17, 21]
