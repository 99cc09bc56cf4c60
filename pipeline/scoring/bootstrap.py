"""95 % intervals by resampling items: what the scores could be had other questions been asked."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.metrics import Measured, corpus_scores
from pipeline.scoring.names import METRICS

SEED = 1
_CHUNK_VALUES = 4_000_000


def resampled_sums(systems: Sequence[NDArray[np.float64]], resamples: int, seed: int) -> list[NDArray[np.float64]]:
    """(resamples, S) sums of each system's values (N, S) over N items drawn with replacement.

    The draws depend on N, ``resamples`` and ``seed`` alone: all systems share them.
    """
    count = len(systems[0])
    generator = np.random.default_rng(seed)
    sums = [np.empty((resamples, values.shape[1])) for values in systems]
    step = max(1, _CHUNK_VALUES // count)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = generator.integers(0, count, size=(rows, count))
        drawn += np.arange(rows)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)
        for total, values in zip(sums, systems, strict=True):
            total[start : start + rows] = times @ values
    return sums


def resampled_scores(
    systems: Sequence[Measured], resamples: int, seed: int = SEED
) -> list[dict[str, NDArray[np.float64]]]:
    """(resamples,) corpus scores by metric of each system, all on the same N items."""
    sums = resampled_sums([measured.statistics() for measured in systems], resamples, seed)
    return [corpus_scores(total, len(measured.bleu)) for total, measured in zip(sums, systems, strict=True)]


def intervals(systems: Sequence[Measured], resamples: int, seed: int = SEED) -> list[dict[str, list[float]]]:
    """The 2.5 and 97.5 % points by metric of each system, all on the same items; empty without resamples."""
    if resamples == 0:
        return [{} for _ in systems]
    points = []
    for scores in resampled_scores(systems, resamples, seed):
        ends = {metric: np.percentile(scores[metric], [2.5, 97.5]) for metric in METRICS}
        points.append({metric: [float(low), float(high)] for metric, (low, high) in ends.items()})
    return points
