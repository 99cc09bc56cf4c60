"""95 % intervals by resampling videos with their items: what the scores could be had other videos been asked about."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.progress import log
from pipeline.scoring.metrics import Measured, corpus_scores
from pipeline.scoring.videos import summed

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
    systems: Sequence[Measured], resamples: int, seed: int = SEED, videos: NDArray[np.intp] | None = None
) -> list[dict[str, NDArray[np.float64]]]:
    """(resamples,) corpus scores by metric of each system, all on the same N items.

    videos: (N,) the number of each item's video, see `videos`; None: each has its own. Videos that are asked more about
    weigh more, and a draw may have more items or fewer.
    """
    one = np.ones((len(systems[0].bleu), 1))
    values = [summed(np.hstack([measured.statistics(), one]), videos) for measured in systems]
    sums = resampled_sums(values, resamples, seed)
    return [
        corpus_scores(total[:, :-1], total[:, -1], measured.further)
        for total, measured in zip(sums, systems, strict=True)
    ]


def drawable(videos: int, resamples: int) -> bool:
    """Whether there is an interval. Of one video alone every draw is the same: there is none, and the log says so.

    >>> drawable(2, 1000), drawable(2, 0)
    (True, False)
    """
    if videos == 1 and resamples:
        log("one video alone has no interval: how scores of others differ cannot be told from it")
    return videos > 1 and resamples > 0


def intervals(
    systems: Sequence[Measured], resamples: int, seed: int = SEED, videos: NDArray[np.intp] | None = None
) -> list[dict[str, list[float]]]:
    """The 2.5 and 97.5 % points by metric of each system, all on the same items; empty where `drawable` says no."""
    count = len(systems[0].bleu) if videos is None else len(np.unique(videos))
    if not drawable(count, resamples):
        return [{} for _ in systems]
    points = []
    for scores in resampled_scores(systems, resamples, seed, videos):
        ends = {metric: np.percentile(scores[metric], [2.5, 97.5]) for metric in scores}
        points.append({metric: [float(low), float(high)] for metric, (low, high) in ends.items()})
    return points


def with_interval(value: float, ends: Mapping[str, Sequence[float]], name: str) -> str:
    """The metric's value with its interval, for a line of a log; alone where none was drawn.

    >>> with_interval(0.5, {"accuracy": [0.25, 0.75]}, "accuracy"), with_interval(0.5, {}, "accuracy")
    ('0.500 [0.250, 0.750]', '0.500')
    """
    if name not in ends:
        return f"{value:.3f}"
    low, high = ends[name]
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"
