"""95 % intervals by resampling items: what the scores could be had other questions been asked."""

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.meteor import meteor_from_statistics
from pipeline.scoring.metrics import BLEUS, METRICS, Measured, bleu_from_statistics

SEED = 1
_CHUNK_VALUES = 4_000_000


def resampled_sums(values: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    """(resamples, S) sums of ``values`` (N, S) over N items drawn with replacement.

    The draws depend on N, ``resamples`` and ``seed`` alone: systems with the same items share them.
    """
    count = len(values)
    generator = np.random.default_rng(seed)
    sums = np.empty((resamples, values.shape[1]))
    step = max(1, _CHUNK_VALUES // count)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = generator.integers(0, count, size=(rows, count))
        drawn += np.arange(rows)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        sums[start : start + rows] = times @ values
    return sums


def resampled_scores(measured: Measured, resamples: int, seed: int = SEED) -> dict[str, NDArray[np.float64]]:
    """(resamples,) corpus scores by metric.

    BLEU and METEOR are computed anew from the summed statistics of the drawn items; ROUGE-L and CIDEr are means of
    items, CIDEr's with the document frequencies of the whole set.
    """
    count = len(measured.bleu)
    means = [metric for metric in METRICS if metric not in (*BLEUS, "METEOR")]
    statistics = np.concatenate([measured.bleu, measured.meteor, *(measured.items[m][:, None] for m in means)], axis=1)
    sums = resampled_sums(statistics, resamples, seed)
    width = measured.bleu.shape[1]
    bleu = bleu_from_statistics(sums[:, :width])
    scores = {metric: bleu[:, index] for index, metric in enumerate(BLEUS)}
    scores["METEOR"] = meteor_from_statistics(sums[:, width : width + measured.meteor.shape[1]])
    for index, metric in enumerate(means):
        scores[metric] = sums[:, index - len(means)] / count
    return {metric: scores[metric] for metric in METRICS}


def intervals(measured: Measured, resamples: int, seed: int = SEED) -> dict[str, list[float]]:
    """The 2.5 and 97.5 % points by metric; empty without resamples."""
    if resamples == 0:
        return {}
    scores = resampled_scores(measured, resamples, seed)
    return {metric: [float(v) for v in np.percentile(values, [2.5, 97.5])] for metric, values in scores.items()}
