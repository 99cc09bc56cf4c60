"""Several seeds compared at once, beside enumeration, closed forms and made-up systems."""

from itertools import product

import numpy as np
import pytest

from pipeline.scoring.pooled import Seeds, compare_pooled

KEYS = [f"v_{video}_{turn}" for video in range(8) for turn in range(1 + video % 3)]
VIDEO = np.array([int(key.split("_")[1]) for key in KEYS])


def seeds(generator: np.random.Generator, count: int, level: float) -> Seeds:
    return {
        seed: dict(zip(KEYS, level + generator.normal(0, 0.3, len(KEYS)), strict=True)) for seed in range(1, count + 1)
    }


def alike(values: dict[int, float]) -> Seeds:
    """Each seed as good on every video."""
    return {seed: dict.fromkeys(KEYS, value) for seed, value in values.items()}


def test_p_is_that_of_all_exchanges_of_videos() -> None:
    generator = np.random.default_rng(1)
    first, second = seeds(generator, 3, 0.6), seeds(generator, 2, 0.4)
    found = compare_pooled(first, second, trials=20_000)
    one, other = (np.mean([list(items.values()) for items in system.values()], axis=0) for system in (first, second))
    differences = [
        np.mean(np.where(np.array(mask)[VIDEO] == 1, other - one, one - other)) for mask in product([0, 1], repeat=8)
    ]
    exact = np.mean(np.abs(differences) >= abs(np.mean(one - other)) - 1e-12)
    assert found.difference == pytest.approx(np.mean(one) - np.mean(other))
    assert found.p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000) + 1e-4)
    assert (found.seeds, found.each) == ((3, 2), ())


def test_the_interval_of_seeds_is_students() -> None:
    """All videos the same: only seeds vary. 97.5 % of t: 4.303 with two degrees of freedom, 12.706 with one."""
    values = {1: 0.5, 2: 0.6, 3: 0.9}
    found = compare_pooled(alike(values), alike({1: 0.4}), trials=200_000)
    half = 4.303 * np.std([0.5, 0.6, 0.9], ddof=1) / np.sqrt(3)
    middle = np.mean([0.5, 0.6, 0.9]) - 0.4
    assert (found.low, found.high) == (pytest.approx(middle - half, rel=0.03), pytest.approx(middle + half, rel=0.03))
    two = compare_pooled(alike({1: 0.5, 2: 0.6}), alike({1: 0.4, 3: 0.4}), trials=200_000)
    half = 12.706 * 0.05
    assert (two.low, two.high) == (pytest.approx(0.15 - half, rel=0.05), pytest.approx(0.15 + half, rel=0.05))
    alone = compare_pooled(alike({1: 0.5}), alike({1: 0.4}), trials=500)
    assert alone.low == pytest.approx(alone.high) == pytest.approx(0.1)


def test_the_same_seeds_are_compared_one_by_one() -> None:
    """Worked by hand: 0.1, 0.1 and 0.13, however far apart seeds are."""
    first = alike({1: 0.5, 2: 0.7, 3: 0.93})
    second = alike({3: 0.8, 1: 0.4, 2: 0.6})  # in whatever order
    found = compare_pooled(first, second, trials=200_000)
    assert found.each == pytest.approx((0.1, 0.1, 0.13))
    half = 4.303 * np.sqrt(0.0003) / np.sqrt(3)
    assert (found.low, found.high) == (pytest.approx(0.11 - half, abs=0.001), pytest.approx(0.11 + half, abs=0.001))


def test_the_interval_of_one_seed_is_the_textbooks() -> None:
    generator = np.random.default_rng(3)
    keys = [f"v{video}_0" for video in range(300)]
    values = generator.normal(0.1, 1.0, size=300)
    found = compare_pooled({1: dict(zip(keys, values, strict=True))}, {1: dict.fromkeys(keys, 0.0)}, trials=4000)
    half = 1.96 * values.std() / np.sqrt(300)
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


@pytest.mark.parametrize(("counts", "together"), [((3, 3), 0.0), ((3, 3), 0.05), ((3, 2), 0.0), ((2, 2), 0.0)], ids=str)
def test_intervals_hold_the_true_difference(counts: tuple[int, int], together: float) -> None:
    """Seeds and videos vary; ``together``: seeds of a number are good or bad in both systems."""
    generator, missed, times = np.random.default_rng(7), 0, 150
    keys = [f"v{video}_0" for video in range(60)]
    for _ in range(times):
        common = generator.normal(0, together, max(counts))
        first, second = (
            {
                seed: dict(zip(keys, common[seed] + generator.normal(0, 0.03) + video + own, strict=True))
                for seed, own in enumerate(generator.normal(0, 0.05, (count, len(keys))))
            }
            for count in counts
            for video in [generator.normal(0, 0.08, len(keys))]
        )
        found = compare_pooled(first, second, trials=400)
        missed += not found.low <= 0 <= found.high
    # Binomial: 7.5 of 150 expected, standard deviation 2.7.
    assert missed <= 15


def test_where_nothing_differs_one_comparison_in_twenty_says_so() -> None:
    generator = np.random.default_rng(5)
    found = [compare_pooled(seeds(generator, 2, 0.5), seeds(generator, 2, 0.5), 199).p for _ in range(200)]
    # Binomial: 10 of 200 expected, standard deviation 3.
    assert sum(p <= 0.05 for p in found) <= 20


def test_other_items_are_refused() -> None:
    with pytest.raises(ValueError, match="other items"):
        compare_pooled({1: {"a_0": 1.0}}, {1: {"a_1": 1.0}}, trials=9)
