"""What the measured rates come to for the whole of Charades."""

from dataclasses import dataclass

from benchmarks import rates
from benchmarks.results import Goal, Row

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
    row: rates.Key
    cpu: bool


DENSE_WINDOWS = FRAMES / rates.DENSE
STAGES = (
    Stage(
        "decode frames, once for rgb and once for flow",
        FRAME_FEATURES * FRAMES,
        rates.DECODE_FRAMES,
        True,
    ),
    Stage("decode sound", HOURS * 3600, rates.DECODE_SOUND, True),
    Stage("i3d_rgb, stride 4", DENSE_WINDOWS, rates.DENSE_WINDOWS, False),
    Stage("i3d_flow, stride 4: flow tvl1", FRAMES, rates.TVL1_PAIRS, False),
    Stage("i3d_flow, stride 4: network, as rgb's", DENSE_WINDOWS, rates.DENSE_WINDOWS, False),
    Stage("vggish", HOURS * 3600 / rates.PATCH_SECONDS, rates.PATCHES, False),
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
