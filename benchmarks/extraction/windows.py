"""Sections i3d and stride: the network against a plain one, and what close windows cost."""

import itertools
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from benchmarks.extraction.clips import WINDOW, Bench
from benchmarks.extraction.plain_i3d import PlainI3D, with_weights
from benchmarks.shared import machine
from benchmarks.shared.charades import DENSE, DENSE_WINDOWS
from benchmarks.shared.differences import relative_difference
from benchmarks.shared.results import Goal, Row
from benchmarks.shared.timing import interleaved, place
from pipeline.config import I3DFeature
from pipeline.features.frames import FrameExtractor
from pipeline.features.i3d import I3D, has_bfloat16
from pipeline.features.weights import load_i3d
from pipeline.features.windows import row_count
from pipeline.layout import kinetics_path
from pipeline.media.decoded import DecodedShard

NETWORK, SPARSE = "i3d", 16
STRIDE, DENSE_RATE = DENSE_WINDOWS
OURS, PLAIN = "ours", "plain"
AGREEMENT = {torch.float32: 1e-3, torch.bfloat16: 3e-2}
"""Largest relative difference to the plain network's float32 features; beyond it, it is not the same network."""


def weights_at_hand(resources: Path) -> Literal["kinetics", "random"]:
    """The Kinetics weights where they have been fetched, else seeded random ones: times do not depend on them."""
    return "kinetics" if kinetics_path(resources).is_file() else "random"


def measure_network(bench: Bench) -> list[Row]:
    """Windows a second with a batch of one and of many, against the plain network with the same weights."""
    loaded = load_i3d(weights_at_hand(bench.resources), bench.resources, "rgb")
    plain = with_weights({name: value.clone() for name, value in loaded.network.state_dict().items()}, bench.device)
    ours = loaded.network.prepare(bench.device)
    with place(bench.device), torch.inference_mode():
        rows = [_batch(bench, batch, ours, plain) for batch in (1, bench.sizes.batch)]
        windows = _windows(bench, bench.sizes.batch)
        limit = AGREEMENT[_precision(bench.device)]
        difference = relative_difference(ours.features(windows), plain.features(windows))
    goal, note = Goal("at most", limit, "ours"), f"weights: {loaded.label}"
    return [*rows, Row(NETWORK, "difference to plain features", "relative", difference, goal=goal, note=note)]


def _batch(bench: Bench, batch: int, ours: I3D, plain: PlainI3D) -> Row:
    windows = _windows(bench, batch)
    side, precision = bench.sizes.side, _precision(bench.device)
    yardsticks = {
        machine.MATRIX: machine.matrix_product(bench.sizes.matrix, bench.device, precision),
        machine.CONVOLUTION: machine.convolution(batch, side, bench.device, precision),
    }
    calls = {OURS: lambda: ours.features(windows), PLAIN: lambda: plain.features(windows)}
    sticks = {name: stick.call for name, stick in yardsticks.items()}
    times = interleaved({**calls, **sticks}, bench.repeats, bench.device)
    flop = machine.flop_count(PlainI3D, batch, 3, WINDOW, side, side)
    return Row(
        NETWORK,
        f"batch {batch}",
        "windows/s",
        batch / times[OURS],
        batch / times[PLAIN],
        _goal(bench.device, batch),
        machine.shares(flop, times[OURS], yardsticks, times),
        f"{flop / batch / 1e9:.1f} GFLOP a window",
    )


def _goal(device: torch.device, batch: int) -> Goal | None:
    if device.type == "cpu":
        return Goal("at least", 1.3)
    # One window does not fill a GPU.
    return Goal("at least", 0.4, "share", machine.MATRIX) if batch > 1 else None


def _windows(bench: Bench, batch: int) -> Tensor:
    """Windows of all clips in turn, over and over: (batch, 16, side, side, 3) uint8."""
    return torch.stack(list(itertools.islice(itertools.cycle(bench.windows.values()), batch)))


def _precision(device: torch.device) -> torch.dtype:
    return torch.bfloat16 if has_bfloat16(device) else torch.float32


def measure_stride(bench: Bench) -> list[Row]:
    """The real path, decoded shard to rows, with a window every 4 frames and every 16."""
    dense, sparse = (_extractor(bench, stride) for stride in (DENSE, SPARSE))
    with place(bench.device), DecodedShard(bench.cut) as shard:
        windows = sum(row_count(len(shard.frames(name)), DENSE) for name in shard.video_ids)
        calls = {"dense": lambda: list(dense.rows(shard)), "sparse": lambda: list(sparse.rows(shard))}
        times = interleaved(calls, bench.repeats, bench.device)
    return [
        Row(STRIDE, DENSE_RATE, "windows/s", windows / times["dense"]),
        Row(
            STRIDE,
            f"stride {DENSE} over stride {SPARSE}",
            "s",
            times["dense"],
            times["sparse"],
            Goal("below", SPARSE / DENSE),
            note=f"{windows} windows at stride {DENSE}",
        ),
    ]


def _extractor(bench: Bench, stride: int) -> FrameExtractor:
    feature = I3DFeature(
        network="i3d_rgb",
        weights=weights_at_hand(bench.resources),
        window=WINDOW,
        stride=stride,
        batch=bench.sizes.extract_batch,
    )
    return FrameExtractor(feature, bench.resources, bench.device)
