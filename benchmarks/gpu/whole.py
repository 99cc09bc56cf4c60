"""The whole of Charades from the measured charades."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.gpu.goals import CHARADES, GOALS
from benchmarks.shared import charades
from benchmarks.shared.results import Row

CORES = 16
"""Of a machine with such a card."""
DECODING = {charades.DECODE_FRAMES: 1151.0, charades.DECODE_SOUND: 279.0}
"""Rates of one core, as docs/performance.md has them: nothing is decoded here."""
MEASURED = {
    "I3D from shards, stride 4": charades.DENSE_WINDOWS,
    "TV-L1, best batch": charades.TVL1_PAIRS,
    "VGGish from shards": charades.PATCHES,
}
NOTE = "decoding at the rate of docs/performance.md, another machine"


def hours(rows: Sequence[Row], *, gpu: bool, goals: bool) -> tuple[list[Row], list[str]]:
    """Hours of each stage and of all; without a rate that is wanted no rows, but the names of the rows that lack."""
    found = {MEASURED[row.what]: row for row in rows if row.what in MEASURED}
    lacking = [what for what, key in MEASURED.items() if key not in found]
    if lacking:
        return [], lacking
    known = [Row(*key, "", row.ours) for key, row in found.items()]
    known += [Row(*key, "", rate) for key, rate in DECODING.items()]
    made = []
    for row in charades.whole(known, CORES, gpu):
        goal = GOALS.get((CHARADES, row.what)) if goals else None
        note = f"{row.note}; {NOTE}" if row.what == charades.TOTAL else ""
        made.append(replace(row, goal=goal, note=note))
    return made, []
