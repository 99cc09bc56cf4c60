"""What a pool of texts and videos takes in memory: both sides encoded, and pairs by the block."""

from typing import Any

import torch

from benchmarks.matching.bench import CPU, Bench
from benchmarks.shared import own_process
from benchmarks.shared.results import Goal, Row
from pipeline.systems.pairs import TOGETHER, encoded_texts, encoded_videos, score_all

POOL, SMALL = 1000, 100
"""Texts, and as many videos."""
FLAT = Goal("at most", 1.5)
"""For ten times the texts and videos, and a hundred times the pairs."""


def kept(count: int, quick: bool) -> dict[str, Any]:
    """Encode ``count`` texts and videos, keep them all with their matrix of scores, and score one block of pairs.

    Blocks come one after the other and leave nothing but scores, so that one has the peak of all.
    """
    bench = Bench(quick, 1)
    network = bench.network.eval()
    with torch.no_grad():
        sides = []
        for begin in range(0, count, TOGETHER):
            places = range(min(TOGETHER, count - begin))
            texts = encoded_texts(network, bench.texts(len(places)), places, CPU)
            sides.append((texts, encoded_videos(network, bench.videos(len(places)), places, CPU)))
        scores = torch.full((count, count), torch.nan)
        few = range(4)
        one = encoded_texts(network, bench.texts(4), few, CPU), encoded_videos(network, bench.videos(4), few, CPU)
        scores[:4, :4] = score_all(network, [one[0]], [one[1]], "pool")
    width = bench.sizes.joint * (bench.sizes.steps + bench.sizes.words)
    return {"sides": 4 * count * width, "scores": 4 * scores.numel(), "groups": len(sides)}


def memory(bench: Bench) -> list[Row]:
    """The peak of a pool of 1000 beside one of 100: by pairs nothing grows but the scores, 4 bytes each."""
    many, few = (20, 4) if bench.quick else (POOL, SMALL)
    found = {
        count: own_process.run("benchmarks.matching.pool", "kept", count=count, quick=bench.quick)
        for count in (few, many)
    }
    (least, low), (most, high) = (found[count] for count in (few, many))
    wanted = sum(most[key] - least[key] for key in ("sides", "scores")) / 2**20
    what = f"peak of a pool of {many} x {many} beside one of {few} x {few}"
    note = f"encoded sides and scores: {wanted:,.0f} MiB more"
    return [Row("memory", what, "MiB", high, low, None if bench.quick else FLAT, note=note)]
