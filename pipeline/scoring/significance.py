"""Is one system better than another on these items, or could the difference have come by chance?

Paired approximate randomisation (Riezler and Maxwell 2005; Noreen 1989): were the two systems equal, it would not
matter which of them gave which of an item's two answers. So the answers of each item are exchanged with probability one
half, many times over, and the p value is how often the difference of the corpus scores is then at least as large. The
answers about one video, which are alike, are exchanged together.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.metrics import Measured, corpus_scores
from pipeline.scoring.videos import summed

SEED = 1
SIGNIFICANT = 0.05
"""p values below are marked in tables; they are of single comparisons, not corrected for there being several."""
_CHUNK_VALUES = 4_000_000
# Sums in another order differ in the last digits: a difference this little below the observed one is equal to it.
_TIE = 1e-10

Scores = Callable[[NDArray[np.float64]], Mapping[str, NDArray[np.float64]]]
"""Corpus scores (...,) by name of statistics (..., S) summed over the items."""
Comparison = dict[str, dict[str, float]]
"""By name: `difference` (first minus second) and its two-sided `p`."""


def compare_scores(
    first: Measured, second: Measured, trials: int, seed: int = SEED, videos: NDArray[np.intp] | None = None
) -> Comparison:
    """Differences of all metrics, ``first`` minus ``second``, on the same N items.

    videos: (N,) the number of each item's video, see `videos`; None: each has its own.
    """
    count = len(first.bleu)
    ours, theirs = (summed(measured.statistics(), videos) for measured in (first, second))

    def scores(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return corpus_scores(sums, count, first.further)

    return compare(ours, theirs, scores, trials, seed)


def compare_accuracy(
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    parts: Mapping[str, NDArray[np.bool_]],
    trials: int,
    videos: NDArray[np.intp] | None = None,
) -> Comparison:
    """Differences of the share of right answers, of which (N,) ``first`` and ``second`` say which are right.

    parts: (N,) masks by name, each of at least one item; the comparison has each of them by its name. videos: as
    `compare_scores` has them.
    """
    chosen = np.stack(list(parts.values()), axis=1)
    sizes = chosen.sum(axis=0)

    def shares(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return {name: sums[..., index] / sizes[index] for index, name in enumerate(parts)}

    values = [summed((right[:, None] & chosen).astype(np.float64), videos) for right in (first, second)]
    return compare(values[0], values[1], shares, trials, SEED)


def compare(
    first: NDArray[np.float64], second: NDArray[np.float64], scores: Scores, trials: int, seed: int
) -> Comparison:
    """Compare two systems by their statistics (N, S) on the same N items.

    p = (1 + trials with a difference at least as large) / (1 + trials): never 0, and 1 for equal systems. The exchanges
    depend on N, ``trials`` and ``seed`` alone.
    """
    observed = exchanged_differences(first, second, scores, np.zeros((1, len(first))))
    reached = dict.fromkeys(observed, 0)
    generator = np.random.default_rng(seed)
    step = max(1, _CHUNK_VALUES // len(first))
    for start in range(0, trials, step):
        exchanged = generator.integers(0, 2, size=(min(step, trials - start), len(first)), dtype=np.int8)
        for name, found in exchanged_differences(first, second, scores, exchanged.astype(np.float64)).items():
            reached[name] += int(at_least(found, observed[name]).sum())
    return {
        name: {"difference": float(observed[name][0]), "p": (1 + count) / (1 + trials)}
        for name, count in reached.items()
    }


def exchanged_differences(
    first: NDArray[np.float64], second: NDArray[np.float64], scores: Scores, exchanged: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """(T,) differences by name, with the answers exchanged of the items marked 1, not 0, in ``exchanged`` (T, N)."""
    moved = exchanged @ (first - second)
    ours, theirs = scores(first.sum(axis=0) - moved), scores(second.sum(axis=0) + moved)
    return {name: ours[name] - theirs[name] for name in ours}


def at_least(found: NDArray[np.float64], observed: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which differences are at least as large as the observed one, whatever their sign."""
    return np.abs(found) >= np.abs(observed) - _TIE
