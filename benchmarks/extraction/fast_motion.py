"""TV-L1 beside OpenCV's by class of motion, from slow to fast, and beside the truth on made motions."""

import math
from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.extraction.clips import Bench
from benchmarks.shared.results import Goal, Row
from pipeline.features.flow import FlowMethod
from pipeline.progress import progress

CLASSES = ((0, 1), (1, 3), (3, 6), (6, 10), (10, math.inf))
"""Pixels: mean length of OpenCV's flow of a pair."""
GAPS = (1, 2, 4, 8)
"""Frames between the two of a pair."""
LARGEST_DIFFERENCE, LARGEST_ERROR = 0.1, 1.2
FASTEST = 10.0
"""Pixels at the corners of made motions."""


def by_class(bench: Bench, section: str, ours: FlowMethod, reference: FlowMethod) -> list[Row]:
    """Mean end-point difference from ``reference`` over the pairs of each class that has some.

    The note says how far the reference is from itself when both frames are transposed: what rounding errors grow to.
    """
    found: list[tuple[float, float, float]] = []
    for name in progress(bench.videos, len(bench.videos), "classes of motion", "clips"):
        frames = bench.frames(name, max(GAPS) + 1)
        for gap in (gap for gap in GAPS if gap < len(frames)):
            pair = frames[[0, gap]]
            theirs = reference(pair)
            turned = reference(pair.transpose(1, 2).contiguous()).transpose(1, 2).flip(-1)
            found.append((_mean_length(theirs), _mean_length(ours(pair) - theirs), _mean_length(turned - theirs)))
    rows = []
    for low, high in CLASSES:
        members = np.array([pair for pair in found if low <= pair[0] < high])
        if len(members):
            _, difference, own = (float(mean) for mean in members.mean(axis=0))
            goal = Goal("at most", LARGEST_DIFFERENCE, "ours") if high <= FASTEST else None
            name = f"{low} to {high} px" if high < math.inf else f"{low} px and more"
            note = f"{len(members)} pairs, OpenCV from itself, transposed {own:.3f}"
            rows.append(Row(section, f"tvl1, difference, motion {name}", "px", difference, goal=goal, note=note))
    return rows


def beside_truth(bench: Bench, section: str, ours: FlowMethod, reference: FlowMethod) -> list[Row]:
    """Mean distance from the true flow of pictures shifted, zoomed or turned, where they stay in the frame."""
    rows = []
    for name, motion in _motions(bench.sizes.side).items():
        pair, truth, stays = made_pair(bench.sizes.side, motion)
        mine, theirs = (
            _mean_length((method(pair.to(bench.device))[0].cpu() - truth)[stays]) for method in (ours, reference)
        )
        goal = Goal("at most", LARGEST_ERROR)
        rows.append(Row(section, f"tvl1, from the truth, {name}", "px", mine, theirs, goal))
    return rows


def made_pair(side: int, motion: Callable[[complex], complex]) -> tuple[Tensor, Tensor, Tensor]:
    """Two frames (2, side, side, 3) uint8, the true flow (side, side, 2), and where it stays within them (side, side).

    ``motion`` takes a place, x + iy from the middle, pixels, to where it goes; it has the form a z + b.
    """
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    here, shift = x + 1j * y, motion(0)
    stretch = motion(1) - shift
    world = _scenery(2 * side)
    frames = [_sampled(world, place + (1 + 1j) * side) for place in (here, (here - shift) / stretch)]
    there = stretch * here + shift
    stays = np.maximum(abs(there.real), abs(there.imag)) < side / 2
    truth = np.stack([(there - here).real, (there - here).imag], axis=-1)
    pair = np.repeat(np.stack(frames)[..., None], 3, axis=3)
    return torch.from_numpy(pair), torch.from_numpy(truth), torch.from_numpy(stays)


def _motions(side: int) -> dict[str, Callable[[complex], complex]]:
    """Motions of at most `FASTEST` pixels at the corners."""
    most = FASTEST / (side / math.sqrt(2))
    return {
        "shift 3 px": lambda z: z + 3,
        "shift 10 px": lambda z: z + 10j,
        "zoom in": lambda z: z * (1 + most),
        "zoom out": lambda z: z * (1 - most),
        "turn": lambda z: z * complex(math.cos(most), math.sin(most)),
        "zoom and turn": lambda z: z * complex(1 + most / 2, most / 2),
    }


def _scenery(size: int) -> NDArray[np.float64]:
    """(size, size), 0 to 255: noise at four scales, smooth enough to be sampled between pixels."""
    draw = np.random.default_rng(3).normal
    noise = np.zeros((size, size))
    for sigma in (1.5, 3, 6, 12):
        noise += sigma * np.asarray(cv2.GaussianBlur(draw(size=(size, size)), (0, 0), sigma))
    return np.asarray(np.clip(128 + 40 * noise / noise.std(), 0, 255))


def _sampled(world: NDArray[np.float64], places: NDArray[np.complex128]) -> NDArray[np.uint8]:
    x, y = places.real.astype(np.float32), places.imag.astype(np.float32)
    values = cv2.remap(world, x, y, cv2.INTER_LANCZOS4)
    return np.asarray(values).round().clip(0, 255).astype(np.uint8)


def _mean_length(flow: Tensor) -> float:
    return float(torch.linalg.vector_norm(flow, dim=-1).mean())
