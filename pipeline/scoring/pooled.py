"""Is one system better than another, each trained with several seeds, on these videos?

Legend: K seeds of a system, N items (answers), M videos, T trials.

A system's score is the mean over its seeds of a metric that is itself a mean of items (ROUGE-L, CIDEr). Two questions,
and an answer to each:

* Could the difference have come by chance on these videos, given the trained networks? p, by paired approximate
  randomisation as in `significance`: all answers about a video, of all seeds, are exchanged together.
* How large is it, other videos and other seeds allowed for? A 95 % interval: videos drawn anew, with replacement, and
  of the seeds Student's t with the standard error of their mean, which two or three of them leave wide. It holds the
  true difference 95 times in 100 or more often: how seeds differ on these videos alone is in both. Systems that have
  the same seeds are compared seed by seed: the same number starts their weights and orders their batches, and a student
  of that number learned from the teacher of that number, so that they are good or bad together. Where a system has one
  seed, nothing is said of its others.

>>> first, second = ({1: {"YEDU4_0": 0.8, "YEDU4_1": 0.6, "0A8CF_0": 0.1 * seed}} for seed in (5, 3))
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
Seeds = Mapping[int, Items]
"""The items of each seed of a system, by its number."""


@dataclass(frozen=True)
class Pooled:
    """First system less second.

    difference: of the means over seeds. p: two-sided, by exchanging videos. low, high: 95 % interval. seeds: how many
    of each. each: the difference of every seed, where both have the same ones; empty where they have not.
    """

    difference: float
    p: float
    low: float
    high: float
    seeds: tuple[int, int]
    each: tuple[float, ...]


def compare_pooled(first: Seeds, second: Seeds, trials: int, seed: int = SEED) -> Pooled:
    """Compare two systems by their seeds' items; all must be the same items. Raises `ValueError` where they are not."""
    keys = list(next(iter(first.values())))
    if any(items.keys() != set(keys) for items in (*first.values(), *second.values())):
        raise ValueError("seeds with other items; score them on the same answers")
    videos = numbered([key.rsplit("_", 1)[0] for key in keys])
    paired = first.keys() == second.keys()
    ours, theirs = (
        _by_video([system[number] for number in sorted(system)], keys, videos) for system in (first, second)
    )
    found = compare(
        ours.mean(1, keepdims=True),
        theirs.mean(1, keepdims=True),
        lambda sums: {"mean": sums[..., 0] / len(keys)},
        trials,
        seed,
    )["mean"]
    answers = summed(np.ones((len(keys), 1)), videos)[:, 0]
    generator = np.random.default_rng(seed)
    drawn = _other_videos(ours.mean(1) - theirs.mean(1), answers, trials, generator)
    for system in [ours - theirs] if paired else [ours, theirs]:
        drawn += _other_seeds(system.sum(0) / len(keys), trials, generator)
    low, high = np.percentile(drawn, [2.5, 97.5])
    each = tuple(((ours - theirs).sum(0) / len(keys)).tolist()) if paired else ()
    return Pooled(found["difference"], found["p"], float(low), float(high), (len(first), len(second)), each)


def _by_video(system: Sequence[Items], keys: Sequence[str], videos: NDArray[np.intp]) -> NDArray[np.float64]:
    """(M, K) sums over each video's items."""
    return summed(np.array([[items[key] for items in system] for key in keys]), videos)


def _other_videos(
    sums: NDArray[np.float64], answers: NDArray[np.float64], draws: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """(draws,) means of items with videos drawn anew. sums: (M,) over each video's items. answers: (M,) how many."""
    videos = generator.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=draws).astype(np.float64)
    return np.asarray((videos @ sums) / (videos @ answers))


def _other_seeds(means: NDArray[np.float64], draws: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """(draws,) by how much the mean over other seeds may be another one. means: (K,); one seed says nothing."""
    if len(means) == 1:
        return np.zeros(draws)
    error = means.std(ddof=1) / np.sqrt(len(means))
    return np.asarray(error * generator.standard_t(len(means) - 1, size=draws))
