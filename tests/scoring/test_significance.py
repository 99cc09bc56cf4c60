"""Approximate randomisation against the enumeration of all exchanges, and its level where nothing differs."""

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.scoring import significance
from pipeline.scoring.meteor import Meteor
from pipeline.scoring.metrics import Measured, corpus_scores, measure_systems
from pipeline.scoring.names import METRICS
from pipeline.scoring.significance import compare, compare_accuracy, compare_scores, exchanged_differences

REFERENCES = [
    ["a man walks to the door", "he walks to the door and opens it"],
    ["no she does not", "nope"],
    ["she holds a red cup", "a red cup", "she is holding a cup"],
    ["i can not hear any sound", "there is no sound"],
    ["the dog barks twice", "a dog barks"],
    ["he sits on the chair by the window", "he sits down"],
    ["yes there are two people", "two people yes"],
]
FIRST = [
    "a man walks to the door",
    "no she is not",
    "she is holding a red cup",
    "there is no sound at all",
    "a dog barks loudly",
    "he sits on the sofa",
    "yes two people in the room",
]
SECOND = [
    "the man is at the door",
    "no",
    "she holds a cup",
    "i can not hear it",
    "a cat",
    "he sits on the chair by the door",
    "yes there are two people",
]


def enumerated(meteor: Meteor) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """All 2^7 exchanges, and the differences of the two texts' scores, scored anew each time by the published tools."""
    from pycocoevalcap.bleu.bleu import Bleu

    systems = measure_systems([FIRST, SECOND], REFERENCES, meteor)
    lines = [meteor.statistics(hypotheses, REFERENCES) for hypotheses in (FIRST, SECOND)]
    masks = list(product([0, 1], repeat=len(FIRST)))
    truths = dict(enumerate(REFERENCES))

    def scores(mask: tuple[int, ...], side: int) -> list[float]:
        taken = [which ^ side for which in mask]
        texts = {item: [(FIRST, SECOND)[which][item]] for item, which in enumerate(taken)}
        means = [np.mean([systems[w].items[m][item] for item, w in enumerate(taken)]) for m in ("ROUGE-L", "CIDEr")]
        bleu, _ = Bleu(4).compute_score(truths, texts, verbose=0)
        return [*bleu, meteor.evaluate([lines[w][item] for item, w in enumerate(taken)])[0], *means]

    differences = np.array([np.subtract(scores(mask, 0), scores(mask, 1)) for mask in masks])
    return np.array(masks, dtype=np.float64), dict(zip(METRICS, differences.T, strict=True))


def test_exchanges_and_p_values_are_those_of_the_enumeration(meteor: Meteor) -> None:
    masks, expected = enumerated(meteor)
    first, second = measure_systems([FIRST, SECOND], REFERENCES, meteor)
    found = exchanged_differences(
        first.statistics(), second.statistics(), lambda sums: corpus_scores(sums, len(FIRST)), masks
    )
    compared = compare_scores(first, second, trials=20_000)
    assert list(compared) == list(METRICS)
    for metric in METRICS:
        np.testing.assert_allclose(found[metric], expected[metric], atol=1e-7)
        observed = first.corpus[metric] - second.corpus[metric]
        exact = np.mean(np.abs(expected[metric]) >= abs(observed) - 1e-7)
        assert compared[metric]["difference"] == pytest.approx(observed, abs=1e-7)
        assert compared[metric]["p"] == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000) + 1e-4)
    # The enumeration always has the two that exchange nothing and everything, and the metrics do not agree.
    values = {metric: compared[metric]["p"] for metric in METRICS}
    assert min(values.values()) > 1 / 128
    assert len(set(values.values())) > 4


def made(generator: np.random.Generator, difficulty: NDArray[np.float64]) -> Measured:
    """A system whose items are as good as ``difficulty`` (N,) lets any system be, and some luck."""
    count = len(difficulty)
    words = generator.integers(4, 12, size=count)
    matched = [words]
    for order in range(4):
        share = difficulty * (0.8 - 0.15 * order)
        matched.append(generator.binomial(np.minimum(matched[-1], np.maximum(words - order, 0)), share))
    guesses = [np.maximum(words - order, 0) for order in range(4)]
    bleu = np.stack([words, np.full(count, 8), *guesses, *matched[1:]], axis=1).astype(np.float64)
    meteor = np.zeros((count, 23))
    meteor[:, 0], meteor[:, 1] = words, 8
    meteor[:, 4] = meteor[:, 5] = meteor[:, 21] = meteor[:, 22] = matched[1]
    meteor[:, 20] = np.minimum(matched[1], generator.integers(1, 4, size=count))
    rouge = (difficulty + generator.normal(0, 0.1, count)).clip(0, 1)
    return Measured({}, {"ROUGE-L": rouge, "CIDEr": 10 * rouge * generator.random(count)}, bleu, meteor)


def test_level_where_nothing_differs() -> None:
    """With 199 trials p <= .05 has a probability of .05 exactly; a test that is not paired has almost none here."""
    generator = np.random.default_rng(0)
    found: dict[str, list[float]] = {metric: [] for metric in METRICS}
    for run in range(400):
        difficulty = generator.beta(1, 1, size=40)
        first, second = made(generator, difficulty), made(generator, difficulty)
        for metric, comparison in compare_scores(first, second, trials=199, seed=run).items():
            found[metric].append(comparison["p"])
    for metric, values in found.items():
        for level in (0.05, 0.2, 0.5):
            share = np.mean(np.array(values) <= level + 1e-12)
            assert share == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 400)), (metric, level)


def test_a_better_system_is_found() -> None:
    generator = np.random.default_rng(1)
    difficulty = generator.beta(2, 2, size=200)
    better, worse = made(generator, difficulty), made(generator, difficulty * 0.8)
    for metric, comparison in compare_scores(better, worse, trials=500).items():
        assert comparison["difference"] > 0, metric
        assert comparison["p"] < 0.05, metric


def test_equal_systems_have_p_one_and_order_only_turns_the_sign() -> None:
    generator = np.random.default_rng(2)
    first, second = (made(generator, generator.random(30)) for _ in range(2))
    assert all(c == {"difference": 0, "p": 1} for c in compare_scores(first, first, trials=99).values())
    one, other = compare_scores(first, second, trials=99), compare_scores(second, first, trials=99)
    for metric in METRICS:
        assert one[metric]["difference"] == pytest.approx(-other[metric]["difference"])
        assert one[metric]["p"] == other[metric]["p"]


def test_trials_in_pieces_are_the_same_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    first, second = (made(generator, generator.random(24)) for _ in range(2))
    whole = compare_scores(first, second, trials=320)
    monkeypatch.setattr(significance, "_CHUNK_VALUES", 24 * 16)
    assert compare_scores(first, second, trials=320) == whole


def test_accuracy_by_category_is_the_sign_test_of_its_own_items() -> None:
    """Exchanging right and wrong answers is the sign test: p is a binomial tail of the items that differ."""
    first = np.array([1, 1, 1, 1, 1, 1, 0, 1, 0, 0], dtype=np.bool_)
    second = np.array([0, 0, 0, 0, 0, 1, 1, 1, 0, 1], dtype=np.bool_)
    picture = np.arange(10) < 6
    parts = {"all": np.ones(10, dtype=np.bool_), "picture": picture, "sound": ~picture}
    found = compare_accuracy(first, second, parts, trials=20_000)
    # picture: five differ, all for the first: 2 / 2^5. sound: two differ, both for the second: 2 / 2^2.
    # all: seven differ, five for the first: P(at most 2 of 7, or at least 5) = 2 (1 + 7 + 21) / 2^7.
    expected = {"all": (0.3, 58 / 128), "picture": (5 / 6, 1 / 16), "sound": (-0.5, 1 / 2)}
    assert found.keys() == expected.keys()
    for name, (difference, p) in expected.items():
        assert found[name]["difference"] == pytest.approx(difference)
        assert found[name]["p"] == pytest.approx(p, abs=0.015)


def test_p_counts_the_observed_exchange() -> None:
    """No trial reaches the difference of 40 items that are all better: p = 1 / (1 + trials), not 0."""
    ones, zeros = np.ones((40, 1)), np.zeros((40, 1))
    found = compare(ones, zeros, lambda sums: {"mean": sums[..., 0] / 40}, trials=49, seed=1)
    assert found == {"mean": {"difference": 1.0, "p": 1 / 50}}
