"""Several seeds compared at once, beside enumeration, closed forms and made-up systems."""

from itertools import product

import numpy as np
import pytest

from pipeline.scoring.pooled import compare_pooled

KEYS = [f"v_{video}_{turn}" for video in range(8) for turn in range(1 + video % 3)]
VIDEO = np.array([int(key.split("_")[1]) for key in KEYS])


def seeds(generator: np.random.Generator, count: int, level: float, spread: float = 0.0) -> list[dict[str, float]]:
    return [
        dict(zip(KEYS, level + generator.normal(0, spread) + generator.normal(0, 0.3, len(KEYS)), strict=True))
        for _ in range(count)
    ]


def test_p_is_that_of_all_exchanges_of_videos() -> None:
    generator = np.random.default_rng(1)
    first, second = seeds(generator, 3, 0.6), seeds(generator, 2, 0.4)
    found = compare_pooled(first, second, trials=20_000)
    one, other = (np.mean([list(items.values()) for items in system], axis=0) for system in (first, second))
    differences = [
        np.mean(np.where(np.array(mask)[VIDEO] == 1, other - one, one - other)) for mask in product([0, 1], repeat=8)
    ]
    exact = np.mean(np.abs(differences) >= abs(np.mean(one - other)) - 1e-12)
    assert found.difference == pytest.approx(np.mean(one) - np.mean(other))
    assert found.p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000) + 1e-4)
    assert found.seeds == (3, 2)


def test_the_interval_allows_for_seeds() -> None:
    """Items that are the same in all videos: only the seeds vary, and the interval is that of their means."""
    first = [dict.fromkeys(KEYS, value) for value in (0.5, 0.6, 0.9)]
    second = [dict.fromkeys(KEYS, 0.4)]
    found = compare_pooled(first, second, trials=4000)
    # Means of three draws out of three values: .5 once in 27 and .9 once in 27, beyond 2.5 % each.
    assert (found.low, found.high) == (pytest.approx(0.1), pytest.approx(0.5))
    alone = compare_pooled(first[:1], second, trials=500)
    assert alone.low == pytest.approx(alone.high) == pytest.approx(0.1)


def test_the_interval_of_one_seed_is_the_textbooks() -> None:
    generator = np.random.default_rng(3)
    keys = [f"v{video}_0" for video in range(300)]
    values = generator.normal(0.1, 1.0, size=300)
    found = compare_pooled([dict(zip(keys, values, strict=True))], [dict.fromkeys(keys, 0.0)], trials=4000)
    half = 1.96 * values.std() / np.sqrt(300)
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


def test_where_nothing_differs_one_comparison_in_twenty_says_so() -> None:
    generator = np.random.default_rng(5)
    found = [compare_pooled(seeds(generator, 2, 0.5), seeds(generator, 2, 0.5), 199).p for _ in range(200)]
    # Binomial: 10 of 200 expected, standard deviation 3.
    assert sum(p <= 0.05 for p in found) <= 20


def test_other_items_are_refused() -> None:
    with pytest.raises(ValueError, match="other items"):
        compare_pooled([{"a_0": 1.0}], [{"a_1": 1.0}], trials=9)
