"""SCORE and Diff against all of Table I of the distilled captioner's paper."""

import doctest

import pytest

from pipeline.report.distillation_paper import TIMES, TRIALS
from pipeline.scoring import caption_score as module
from pipeline.scoring.caption_score import caption_score, relative_loss

PRINTED = 0.001
"""The table has three decimals, and its SCORE was made of more."""


def test_the_example() -> None:
    result = doctest.testmod(module)
    assert (result.failed, result.attempted > 0) == (0, True)


@pytest.mark.parametrize("row", TRIALS)
def test_score_is_recomputed_from_each_row(row: str) -> None:
    trial = TRIALS[row]
    assert caption_score(trial.metrics) == pytest.approx(trial.score, abs=PRINTED)


@pytest.mark.parametrize("row", TRIALS)
def test_diff_is_a_fraction_of_the_teachers_score(row: str) -> None:
    trial = TRIALS[row]
    assert relative_loss(TRIALS["teacher"].score, trial.score) == pytest.approx(trial.diff, abs=PRINTED)


@pytest.mark.parametrize("row", TIMES)
def test_seconds_saved_are_in_per_cent(row: str) -> None:
    """57.4 of the paper is 57.5 by division: its seconds are rounded."""
    time = TIMES[row]
    assert 100 * relative_loss(TIMES["teacher"].seconds, time.seconds) == pytest.approx(time.saved, abs=0.11)


def test_by_hand_with_and_without_spice() -> None:
    metrics = {"BLEU-1": 0.8, "BLEU-2": 0.6, "BLEU-3": 0.4, "BLEU-4": 0.2, "CIDEr": 1.0, "METEOR": 0.3, "ROUGE-L": 0.6}
    assert caption_score(metrics, with_spice=False) == pytest.approx((0.5 + 1.0 + 0.3 + 0.6) / 4)
    assert caption_score({**metrics, "SPICE": 0.1}) == pytest.approx((0.5 + 1.0 + 0.3 + 0.6 + 0.1) / 5)
    with pytest.raises(KeyError, match="SPICE"):
        caption_score(metrics)


def test_nothing_is_lost_of_nothing() -> None:
    assert relative_loss(0.0, 0.0) == 0.0
