"""What the measured rates come to for the whole of Charades, and what the rows with these rates are called.

It measures nothing: who adds the rates up need not be able to measure them.
"""

from dataclasses import dataclass

from benchmarks.shared.results import Goal, Row

Key = tuple[str, str]
"""Section and name of a row."""
DENSE = 4
"""Frames between windows where features are dense."""
DECODE_FRAMES: Key = ("decode", "frames, all clips")
DECODE_SOUND: Key = ("decode", "sound, all clips")
DENSE_WINDOWS: Key = ("stride", f"stride {DENSE}, from decoded shard to rows")
TVL1_PAIRS: Key = ("flow", "tvl1, all clips")
PATCHES: Key = ("vggish", "patches, from decoded sound")
PATCH_SECONDS = 0.96
"""Of a VGGish patch."""

SECTION = "charades"
VIDEOS, HOURS, FRAMES = 11_816, 98, 8_490_000
"""The data set: videos, hours of them, frames at 24 a second."""
FRAME_FEATURES = 2
"""Features of frames, rgb and flow: each has the frames decoded for itself."""
TOTAL = "all stages"
GOAL_HOURS = 1.0


@dataclass(frozen=True)
class Stage:
    """A stage: units of work, the row that measured its rate, and whether it stays on the CPU beside a GPU."""

    name: str
    work: float
    row: Key
    cpu: bool


DENSE_FRAMES = FRAMES / DENSE
STAGES = (
    Stage("decode frames, once for rgb and once for flow", FRAME_FEATURES * FRAMES, DECODE_FRAMES, True),
    Stage("decode sound", HOURS * 3600, DECODE_SOUND, True),
    Stage("i3d_rgb, stride 4", DENSE_FRAMES, DENSE_WINDOWS, False),
    Stage("i3d_flow, stride 4: flow tvl1", FRAMES, TVL1_PAIRS, False),
    Stage("i3d_flow, stride 4: network, as rgb's", DENSE_FRAMES, DENSE_WINDOWS, False),
    Stage("vggish", HOURS * 3600 / PATCH_SECONDS, PATCHES, False),
)


def whole(rows: list[Row], cores: int, gpu: bool) -> list[Row]:
    """Hours a stage and in all, from the rates in ``rows``; empty when a rate was not measured.

    Work of the CPU is spread over ``cores``, which decode side by side. With ``gpu`` the networks and the flow follow
    each other on one GPU while the CPU decodes, so the whole takes as long as the longer of the two.
    """
    rates = {(row.section, row.what): row.ours for row in rows}
    if any(stage.row not in rates for stage in STAGES):
        return []
    hours = {
        stage.name: stage.work / rates[stage.row] / 3600 / (cores if stage.cpu or not gpu else 1) for stage in STAGES
    }
    on_cpu = sum(hours[stage.name] for stage in STAGES if stage.cpu)
    others = sum(hours[stage.name] for stage in STAGES if not stage.cpu)
    slowest = max(hours, key=lambda name: hours[name])
    total = Row(
        SECTION,
        TOTAL,
        "h",
        max(on_cpu, others) if gpu else on_cpu + others,
        goal=Goal("at most", GOAL_HOURS, "ours") if gpu else None,
        note=f"{cores} cores{' and a GPU' if gpu else ''}, {VIDEOS:,} videos; slowest: {slowest}",
    )
    return [*(Row(SECTION, name, "h", value) for name, value in hours.items()), total]


def missing(rows: list[Row]) -> list[str]:
    """Sections and rows whose rates `whole` wants and ``rows`` lacks."""
    found = {(row.section, row.what) for row in rows}
    return sorted({" ".join(stage.row) for stage in STAGES if stage.row not in found})
