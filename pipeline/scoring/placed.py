"""Where right answers stand: recall, median and mean rank, and their intervals by resampling videos."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.files import write_json
from pipeline.inert import shown
from pipeline.progress import log
from pipeline.scoring.bootstrap import SEED, drawable, with_interval
from pipeline.versions import STAGES

Ranks = NDArray[np.int64]


def measure(ranks: Ranks, names: Sequence[str]) -> dict[str, float]:
    """The metrics ``names`` of ranks (N,): accuracy, R@k, median rank, mean rank, MRR; shares, not per cent.

    >>> measure(np.array([1, 3, 12, 2]), ["R@1", "R@5", "median rank", "mean rank"])
    {'R@1': 0.25, 'R@5': 0.75, 'median rank': 2.5, 'mean rank': 4.5}
    """
    return {name: float(_metric(name, ranks)) for name in names}


def by_chance(candidates: Sequence[int], names: Sequence[str]) -> dict[str, float]:
    """The metrics that an order of chance is expected to have; ``candidates``: how many there are, of each item.

    >>> by_chance([4, 4], ["accuracy", "R@5", "mean rank"])
    {'accuracy': 0.25, 'R@5': 1.0, 'mean rank': 2.5}
    """
    counts = np.array(candidates)
    found = {
        "mean rank": float(((counts + 1) / 2).mean()),
        "median rank": float(np.median((counts + 1) / 2)),
        "MRR": float(np.mean([(1 / np.arange(1, count + 1)).mean() for count in counts])),
        "accuracy": float((1 / counts).mean()),
    }
    return {
        name: found[name] if name in found else float(np.minimum(int(name.removeprefix("R@")) / counts, 1).mean())
        for name in names
    }


def _metric(name: str, ranks: NDArray[Any]) -> Any:
    """Over the last axis."""
    if name == "median rank":
        return np.median(ranks, axis=-1)
    if name == "mean rank":
        return ranks.mean(-1)
    if name == "MRR":
        return (1 / ranks).mean(-1)
    return (ranks <= (1 if name == "accuracy" else int(name.removeprefix("R@")))).mean(-1)


def intervals(ranks: Ranks, videos: Sequence[str], names: Sequence[str], resamples: int) -> dict[str, list[float]]:
    """The 2.5 and 97.5 % points of the metrics, had other videos been drawn; ``videos``: (N,) of each item.

    Empty where `drawable` says no.
    """
    if not drawable(len(set(videos)), resamples):
        return {}
    groups: dict[str, list[int]] = {}
    for place, video in enumerate(videos):
        groups.setdefault(video, []).append(place)
    parts = [ranks[places] for places in groups.values()]
    generator = np.random.default_rng(SEED)
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(resamples):
        drawn = np.concatenate([parts[place] for place in generator.integers(0, len(parts), len(parts))])
        for name in names:
            found[name].append(float(_metric(name, drawn)))
    return {name: [float(end) for end in np.percentile(values, [2.5, 97.5])] for name, values in found.items()}


def write_placed(
    path: Path,
    out: Path | None,
    names: Sequence[str],
    placed: Mapping[tuple[str, int], int],
    candidates: Sequence[int],
    bootstrap: int,
    items: str,
) -> None:
    """Log, and write to ``out``, the scores of the file ``path``: the rank of each item's right answer.

    placed: by video and turn (of a text about the video 0). candidates: how many each item has. items: what they are.
    """
    ranks = np.array(list(placed.values()))
    metrics, chance = measure(ranks, names), by_chance(candidates, names)
    ends = intervals(ranks, [video for video, _ in placed], names, bootstrap)
    for name, value in metrics.items():
        log(f"{path}: {name} {with_interval(value, ends, name)}, by chance {chance[name]:.3f}")
    if out is None:
        return
    content = {
        "hypotheses": shown(path),
        "metrics": metrics,
        "intervals": ends,
        "chance": chance,
        "signature": {
            "items": len(ranks),
            "of": items,
            "candidates": sorted(set(candidates)),
            "ties": "against the system",
            "bootstrap": bootstrap,
            "stage": STAGES["scoring"],
        },
        "items": {f"{video}_{turn}": {"rank": int(rank)} for (video, turn), rank in placed.items()},
    }
    write_json(out, content)
