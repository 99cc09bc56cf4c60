import numpy as np
import pytest

from pipeline.scoring.bootstrap import intervals, resampled_scores, resampled_sums
from pipeline.scoring.meteor import Meteor
from pipeline.scoring.metrics import Measured, measure
from pipeline.scoring.names import METRICS

SUBJECTS = ("a man", "the woman", "one dog", "she")
VERBS = ("walks to the door", "sits on a chair", "laughs", "picks up the red cup and drinks")


def corpus() -> tuple[list[str], list[list[str]]]:
    picks = np.random.default_rng(0).integers(4, size=(40, 3, 2))
    sentences = [[f"{SUBJECTS[subject]} {VERBS[verb]}" for subject, verb in item] for item in picks]
    return [item[0] for item in sentences], [item[1:] for item in sentences]


def test_each_resample_is_the_score_of_the_drawn_items(meteor: Meteor) -> None:
    from pycocoevalcap.bleu.bleu import Bleu

    hypotheses, references = corpus()
    measured = measure(hypotheses, references, meteor)
    scores = resampled_scores([measured, measured], 4, seed=7)[1]
    lines = meteor.statistics(hypotheses, references)
    drawn = np.random.default_rng(7).integers(0, 40, size=(4, 40))
    for row, rows in enumerate(drawn):
        truths = {place: references[item] for place, item in enumerate(rows)}
        results = {place: [hypotheses[item]] for place, item in enumerate(rows)}
        bleu, _ = Bleu(4).compute_score(truths, results, verbose=0)
        expected = [*bleu, meteor.evaluate([lines[item] for item in rows])[0]]
        expected += [measured.items[metric][rows].mean() for metric in ("ROUGE-L", "CIDEr")]
        assert [scores[metric][row] for metric in METRICS] == pytest.approx(expected, rel=1e-9)


def test_sums_do_not_depend_on_how_they_are_cut_into_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(3).normal(size=(50, 3))
    whole = resampled_sums([values, -values], 20, seed=1)
    monkeypatch.setattr("pipeline.scoring.bootstrap._CHUNK_VALUES", 150)
    np.testing.assert_allclose(resampled_sums([values, -values], 20, seed=1), whole)
    np.testing.assert_allclose(whole[1], -whole[0])


def test_interval_of_a_mean_is_the_textbooks(meteor: Meteor) -> None:
    hypotheses, references = corpus()
    measured = measure(hypotheses, references, meteor)
    low, high = intervals([measured], 4000)[0]["ROUGE-L"]
    items = measured.items["ROUGE-L"]
    half = 1.96 * items.std() / np.sqrt(len(items))
    assert (low, high) == pytest.approx((items.mean() - half, items.mean() + half), abs=0.1 * half)


def test_no_resamples_no_intervals(meteor: Meteor) -> None:
    assert intervals([measure(["a man"], [["a man"]], meteor)], 0) == [{}]


def test_one_video_alone_has_no_interval(capsys: pytest.CaptureFixture[str]) -> None:
    """Its draws are all alike: an interval from its score to its score would say that others have the same."""
    items = {metric: np.array([0.2, 0.8]) for metric in METRICS}
    measured = Measured({}, items, np.ones((2, 10)), np.ones((2, 23)))
    assert intervals([measured], 50, videos=np.array([0, 0])) == [{}]
    assert "one video alone has no interval" in capsys.readouterr().err
    found = intervals([measured], 50, videos=np.array([0, 1]))[0]
    assert found.keys() == set(METRICS)
    assert found["CIDEr"] == pytest.approx([0.2, 0.8])
