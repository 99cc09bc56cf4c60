"""TV-L1 optical flow (Zach, Pock and Bischof, 2007) of many pairs of frames at once, on a CPU or a GPU.

It follows OpenCV's `DualTVL1OpticalFlow` with its default parameters: the same pyramid, warps, median filter and
primal-dual steps. One rule differs. OpenCV goes on at each warp until the mean squared change of the flow falls below
1e-4 square pixels (at most 300 steps, a median filter every 30); here every warp takes `STEPS` steps after one median
filter, because a fixed number needs no look at the result and fits all pairs of a batch. docs/performance.md says what
that changes.

Shapes: N pairs, H and W pixels; a field of flow is (N, 2, H, W), x before y, pixels.
"""

import math
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

TAU, LAMBDA, THETA = 0.25, 0.15, 0.3
SCALES, SCALE_STEP, SMALLEST = 5, 0.8, 16
WARPS = 5
STEPS = 20
FUSED_STEPS = 5
"""Steps in one call of the compiled function: fewer calls, but compiling takes longer."""
SUBPIXELS = 32
GRAY = (9798, 19235, 3735)
GRAY_SHIFT = 15
PAIRS = {"cpu": 1, "cuda": 64}
"""Pairs computed at once. A CPU is fastest while a pair stays in its cache."""

P = ParamSpec("P")
R = TypeVar("R")


class TVL1:
    """TV-L1 flow between consecutive frames.

    ``fused``: the long chains of small operations go through `torch.compile`, which makes them several times as fast;
    the first call then takes some tens of seconds and needs a C++ compiler. Results differ by rounding only.
    """

    def __init__(self, *, fused: bool) -> None:
        def wrapped(function: Callable[P, R]) -> Callable[P, R]:
            return torch.compile(function, dynamic=True) if fused else function

        # The two halves of the median are compiled apart: in one, every column would be sorted five times.
        self._sort_columns, self._median = wrapped(sorted_columns), wrapped(median_of_columns)
        self._steps = wrapped(steps)

    def __call__(self, frames: Tensor) -> Tensor:
        """(T, H, W, 3) uint8 rgb -> (T - 1, H, W, 2) float32, pixels, on the same device."""
        grays = gray(frames).float().unsqueeze(1)
        size = PAIRS[frames.device.type]
        with torch.inference_mode():
            fields = [
                self._flow(grays[i : i + size], grays[i + 1 : i + 1 + size]) for i in range(0, len(grays) - 1, size)
            ]
        return torch.cat(fields).permute(0, 2, 3, 1)

    def _flow(self, first: Tensor, second: Tensor) -> Tensor:
        """(N, 1, H, W) gray, 0 to 255, twice -> (N, 2, H, W); ``first`` may have one frame too many."""
        firsts, seconds = pyramid(first[: len(second)]), pyramid(second)
        flow = first.new_zeros(len(second), 2, *firsts[-1].shape[2:])
        for here, there in zip(reversed(firsts), reversed(seconds), strict=True):
            if flow.shape[2:] != here.shape[2:]:
                flow = resize(flow, here.shape[2:]) / SCALE_STEP
            flow = self._at_scale(flow, here, there)
        return flow

    def _at_scale(self, flow: Tensor, first: Tensor, second: Tensor) -> Tensor:
        image_and_gradient = torch.cat([second, central_gradient(second)], dim=1)
        dual_x, dual_y = torch.zeros_like(flow), torch.zeros_like(flow)
        for _ in range(WARPS):
            linear = linearise(flow, first, image_and_gradient)
            flow = self._median(*self._sort_columns(F.pad(flow, (2, 2, 2, 2), mode="replicate")))
            for _ in range(STEPS // FUSED_STEPS):
                flow, dual_x, dual_y = self._steps(flow, dual_x, dual_y, *linear)
        return flow


def gray(frames: Tensor) -> Tensor:
    """(..., 3) uint8 rgb -> (...) uint8 gray, with the weights and the rounding of OpenCV's `cvtColor`."""
    red, green, blue = frames.int().unbind(-1)
    total = GRAY[0] * red + GRAY[1] * green + GRAY[2] * blue
    return ((total + (1 << (GRAY_SHIFT - 1))) >> GRAY_SHIFT).to(torch.uint8)


def pyramid(images: Tensor) -> list[Tensor]:
    """(N, 1, H, W) at `SCALES` scales, finest first, fewer where a side would fall below `SMALLEST` pixels."""
    scales = [images]
    while len(scales) < SCALES:
        sides = [round(side * SCALE_STEP) for side in scales[-1].shape[2:]]
        if min(sides) < SMALLEST:
            break
        scales.append(resize(scales[-1], sides))
    return scales


def resize(x: Tensor, sides: "torch.Size | list[int]") -> Tensor:
    """Bilinear, without antialiasing, as OpenCV's INTER_LINEAR."""
    return F.interpolate(x, tuple(sides), mode="bilinear", align_corners=False)


def central_gradient(images: Tensor) -> Tensor:
    """(N, 1, H, W) -> (N, 2, H, W): half the difference of the neighbours, those at the border repeated."""
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    across = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    down = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    return torch.cat([across, down], dim=1) / 2


def linearise(flow: Tensor, first: Tensor, image_and_gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Warp the second image by ``flow`` and take the brightness difference as linear in the flow there.

    ``image_and_gradient`` (N, 3, H, W) is the second image and its x and y gradient. Returns the warped gradient g
    (N, 2, H, W), and slope (N, 2, H, W) and offset (N, 1, H, W) such that slope . u + offset is
    the step along g, for a flow u, that makes the difference zero: -(I1(x + u0) + g . (u - u0) - I0) / |g|^2.
    """
    warped = warp(image_and_gradient, flow)
    gradient = warped[:, 1:]
    power = gradient.square().sum(dim=1, keepdim=True)
    inverse = torch.where(power > torch.finfo(torch.float32).eps, 1 / power, 0)
    difference = warped[:, :1] - (gradient * flow).sum(dim=1, keepdim=True) - first
    return gradient, -gradient * inverse, -difference * inverse


def warp(images: Tensor, flow: Tensor) -> Tensor:
    """(N, C, H, W) sampled at x + ``flow``, bicubic (a = -0.75), zero outside.

    Places are rounded to 1/32 pixel as in OpenCV's `remap`. Without that, rounding errors where nothing moves would
    grow from warp to warp at the border, where the zeros outside make a slope that the gradient does not have.
    """
    height, width = images.shape[2:]
    places = (flow * SUBPIXELS).round() / SUBPIXELS
    x = torch.arange(width, device=flow.device) + places[:, 0]
    y = torch.arange(height, device=flow.device).unsqueeze(1) + places[:, 1]
    grid = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], dim=-1)
    return F.grid_sample(images, grid, mode="bicubic", padding_mode="zeros", align_corners=True)


def steps(
    flow: Tensor, dual_x: Tensor, dual_y: Tensor, gradient: Tensor, slope: Tensor, offset: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """`FUSED_STEPS` primal-dual steps: (flow, dual x, dual y) -> the same, all (N, 2, H, W)."""
    for _ in range(FUSED_STEPS):
        flow, dual_x, dual_y = step(flow, dual_x, dual_y, gradient, slope, offset)
    return flow, dual_x, dual_y


def step(
    flow: Tensor, dual_x: Tensor, dual_y: Tensor, gradient: Tensor, slope: Tensor, offset: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """One primal-dual step (equations 9, 11 and 14 of the paper; thresholding written as a clamp)."""
    along = (offset + (slope * flow).sum(dim=1, keepdim=True)).clamp(-LAMBDA * THETA, LAMBDA * THETA)
    flow = flow + along * gradient + THETA * divergence(dual_x, dual_y)
    right, below = (
        F.pad(flow[..., 1:] - flow[..., :-1], (0, 1)),
        F.pad(flow[..., 1:, :] - flow[..., :-1, :], (0, 0, 0, 1)),
    )
    shrink = 1 / (1 + TAU / THETA * torch.sqrt(right * right + below * below))
    return flow, (dual_x + TAU / THETA * right) * shrink, (dual_y + TAU / THETA * below) * shrink


def divergence(dual_x: Tensor, dual_y: Tensor) -> Tensor:
    """Backward differences, nothing before the first column and row."""
    return dual_x - F.pad(dual_x, (1, 0))[..., :-1] + dual_y - F.pad(dual_y, (0, 0, 1, 0))[..., :-1, :]


def sorted_columns(padded: Tensor) -> list[Tensor]:
    """(N, C, H + 4, W) -> five of (N, C, H, W): at each place the five pixels of its column there, sorted."""
    height = padded.shape[2] - 4
    return sort5([padded[:, :, i : i + height] for i in range(5)])


def median_of_columns(*columns: Tensor) -> Tensor:
    """Five of (N, C, H, W + 4) from `sorted_columns` -> (N, C, H, W): the median of 5 x 5 pixels."""
    width = columns[0].shape[3] - 4
    ranks = [sort5([column[..., i : i + width] for i in range(5)]) for column in columns]
    # In a matrix sorted along rows and columns, entry (i, j) has (i + 1)(j + 1) entries that are not larger, itself one
    # of them, and (5 - i)(5 - j) not smaller: where either is above 13 it is not the median of the 25.
    places = [(i, j) for i in range(5) for j in range(5) if (i + 1) * (j + 1) <= 13 and (5 - i) * (5 - j) <= 13]
    return median([ranks[i][j] for i, j in places])


def sort5(x: list[Tensor]) -> list[Tensor]:
    """Five tensors sorted element by element (a network of nine exchanges)."""
    x = list(x)
    for i, j in ((0, 1), (3, 4), (2, 4), (2, 3), (1, 4), (0, 3), (0, 2), (1, 3), (1, 2)):
        exchange(x, i, j)
    return x


def median(x: list[Tensor]) -> Tensor:
    """Median, element by element, of an odd number of tensors.

    Of more than half of them neither the least nor the greatest is the median of all: both go, and the next comes in.
    """
    count = math.ceil(len(x) / 2) + 1
    held, waiting = list(x[:count]), list(x[count:])
    while len(held) > 1:
        for i in range(1, len(held)):
            exchange(held, 0, i)
        for i in range(1, len(held) - 1):
            exchange(held, i, len(held) - 1)
        held = held[1:-1] + waiting[:1]
        waiting = waiting[1:]
    return held[0]


def exchange(x: list[Tensor], i: int, j: int) -> None:
    """Put the smaller of two into place i, the greater into place j."""
    x[i], x[j] = torch.minimum(x[i], x[j]), torch.maximum(x[i], x[j])
