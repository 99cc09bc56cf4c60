"""Is one system better than another, each trained with several seeds, on these videos?

Legend: K seeds of a system, N items (answers), M videos, T trials.

A system's score is the mean over its seeds of a metric that is itself a mean of items (ROUGE-L, CIDEr). Two questions,
and an answer to each:

* Could the difference have come by chance on these videos, given the trained networks? p, by paired approximate
  randomisation as in `significance`: all answers about a video, of all seeds, are exchanged together.
* How large is it, other videos and other seeds allowed for? A 95 % interval from draws of both, with replacement. Few
  seeds make it rough, and with one it says nothing of seeds.

>>> first, second = ([{"YEDU4_0": 0.8, "YEDU4_1": 0.6, "0A8CF_0": 0.1 * seed}] for seed in (5, 3))
>>> found = compare_pooled(first, second, trials=99)
>>> round(found.difference, 3), found.seeds
(0.067, (1, 1))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.significance import SEED, compare
from pipeline.scoring.videos import numbered, summed

Items = Mapping[str, float]
"""A metric of every item, by `<video>_<turn>`, as score files have it."""


@dataclass(frozen=True)
class Pooled:
    """First system less second.

    difference: of the means over seeds. p: two-sided, by exchanging videos. low, high: 95 % interval. seeds: of each.
    """

    difference: float
    p: float
    low: float
    high: float
    seeds: tuple[int, int]


def compare_pooled(first: Sequence[Items], second: Sequence[Items], trials: int, seed: int = SEED) -> Pooled:
    """Compare two systems by their seeds' items; all must be the same items. Raises `ValueError` where they are not."""
    keys = list(first[0])
    if any(items.keys() != first[0].keys() for items in (*first, *second)):
        raise ValueError("seeds with other items; score them on the same answers")
    videos = numbered([key.rsplit("_", 1)[0] for key in keys])
    ours, theirs = (_by_video(system, keys, videos) for system in (first, second))
    found = compare(
        ours.mean(1, keepdims=True),
        theirs.mean(1, keepdims=True),
        lambda sums: {"mean": sums[..., 0] / len(keys)},
        trials,
        seed,
    )["mean"]
    answers = summed(np.ones((len(keys), 1)), videos)
    low, high = np.percentile(_drawn(ours, theirs, answers, trials, seed), [2.5, 97.5])
    return Pooled(found["difference"], found["p"], float(low), float(high), (len(first), len(second)))


def _by_video(system: Sequence[Items], keys: Sequence[str], videos: NDArray[np.intp]) -> NDArray[np.float64]:
    """(M, K) sums over each video's items."""
    return summed(np.array([[items[key] for items in system] for key in keys]), videos)


def _drawn(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], answers: NDArray[np.float64], draws: int, seed: int
) -> NDArray[np.float64]:
    """(draws,) differences with videos and seeds drawn anew. ours, theirs: (M, K). answers: (M, 1) items a video."""
    generator = np.random.default_rng(seed)
    videos = generator.multinomial(len(ours), np.full(len(ours), 1 / len(ours)), size=draws).astype(np.float64)
    counts = (videos @ answers)[:, 0]
    means = []
    for system in (ours, theirs):
        seeds = system.shape[1]
        shares = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws) / seeds
        means.append(((videos @ system) * shares).sum(1) / counts)
    return np.asarray(means[0] - means[1])
