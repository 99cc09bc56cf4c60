"""What every step is given: the device, sizes, and the precision to compute in."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.gpu.goals import FAST, GOALS
from benchmarks.shared.dialog_bench import Recipe
from benchmarks.shared.results import Row
from pipeline.features import i3d
from pipeline.networks.parts import recurrence

Precision = Literal["float32", "tf32", "bfloat16"]
CPU = torch.device("cpu")


class LeftOutError(Exception):
    """What a step wants and this machine does not have, through no fault of the device."""


@dataclass(frozen=True)
class Sizes:
    """How much is computed.

    checked, side: I3D windows that are compared, and pixels of their sides. timed_side: pixels where rates are
    measured. batches: windows a batch. repeats: of what is timed, the fastest counts. matrix: size of the yardstick's
    sides. copied: MiB of the copy. flow_frames, flow_batches: frames of a clip, pairs at once. opencv_frames: frames
    that OpenCV gets. sounds: number of them. clips, clip_frames: of the decoded shard. dialogs: that are compared.
    curve: steps of the loss curves. trained: steps before answers. official: turns answered. epoch_dialogs: of the
    measured epoch. losses: batches that a loss is timed on.
    """

    checked: int = 4
    side: int = 112
    timed_side: int = 224
    batches: tuple[int, ...] = (16, 64, 128)
    repeats: int = 3
    matrix: int = 8192
    copied: int = 4096
    flow_frames: int = 257
    flow_batches: tuple[int, ...] = (16, 64, 128)
    opencv_frames: int = 6
    sounds: int = 60
    clips: int = 12
    clip_frames: int = 720
    dialogs: int = 4
    curve: int = 50
    trained: int = 100
    official: int = 1710
    epoch_dialogs: int = 600
    losses: int = 40


QUICK = Sizes(
    checked=2,
    side=32,
    timed_side=32,
    batches=(2,),
    repeats=1,
    matrix=128,
    copied=1,
    flow_frames=4,
    flow_batches=(2,),
    opencv_frames=2,
    sounds=1,
    clips=2,
    clip_frames=40,
    dialogs=2,
    curve=5,
    trained=2,
    official=5,
    epoch_dialogs=14,
    losses=2,
)
"""Everything once over, to see that it runs: no figures."""


@dataclass(frozen=True)
class Card:
    """The device that is checked. folder: scratch, removed afterwards."""

    device: torch.device
    quick: bool
    folder: Path

    @property
    def sizes(self) -> Sizes:
        """How much is computed."""
        return QUICK if self.quick else Sizes()

    @cached_property
    def recipe(self) -> Recipe:
        """The made dialogs, and the sizes of the networks."""
        return Recipe(quick=self.quick)

    @property
    def cuda(self) -> bool:
        """Whether it is a GPU."""
        return self.device.type == "cuda"

    def fast(self, row: Row) -> Row:
        """A row of the section `fast`, with its goal where one can be asked for."""
        wanted = None if self.quick or not self.cuda else GOALS.get((FAST, row.what))
        return replace(row, goal=wanted)

    def peak(self, what: str) -> Iterator[Row]:
        """Most memory allocated on the GPU since the last call; no row on a CPU."""
        if self.cuda:
            yield Row(FAST, f"{what}: peak memory", "MiB", torch.cuda.max_memory_allocated(self.device) / 2**20)
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)

    def generator(self, seed: int = 1) -> torch.Generator:
        """Random numbers on the device."""
        return torch.Generator(self.device).manual_seed(seed)

    def frames(self, count: int, side: int, seed: int = 1) -> Tensor:
        """A texture that drifts, made on the device: (count, side, side, 3) uint8."""
        coarse = torch.rand(1, 3, side // 8 + 8, side // 8 + 8, generator=self.generator(seed), device=self.device)
        large = F.interpolate(coarse, scale_factor=10, mode="bicubic")[0].clamp(0, 1) * 255
        room = large.shape[1] - side
        shifts = [(place % room, place // 2 % room) for place in range(count)]
        cuts = [large[:, top : top + side, left : left + side] for left, top in shifts]
        return torch.stack(cuts).permute(0, 2, 3, 1).to(torch.uint8).contiguous()

    def windows(self, count: int, side: int) -> Tensor:
        """Windows of 16 frames: (count, 16, side, side, 3) uint8."""
        clips = [self.frames(16, side, seed) for seed in range(min(count, 8))]
        return torch.stack([clips[place % len(clips)] for place in range(count)])


def as_on_a_gpu() -> contextlib.AbstractContextManager[object]:
    """The forms of computing that GPUs have, on a CPU too."""
    return mock.patch.dict(recurrence.JOINED, cpu=True)


@contextlib.contextmanager
def precision(name: Precision) -> Iterator[None]:
    """I3D in bfloat16 or not, and float32 products as they are or in TF32."""
    matrix, convolution = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name == "tf32"
    try:
        with mock.patch.object(i3d, "has_bfloat16", lambda _device: name == "bfloat16"):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = matrix, convolution
