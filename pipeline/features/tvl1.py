"""TV-L1 optical flow (Zach, Pock and Bischof, 2007) of many pairs of frames at once, on a CPU or a GPU.

It follows OpenCV's `DualTVL1OpticalFlow` with its default parameters: the same pyramid, warps, median filter and
primal-dual steps, and the same rule to stop: at each warp a pair goes on until the mean squared change of its flow in
one step is at most `EPSILON` squared, at most `ROUNDS` times `ROUND` steps, each round after a median filter. The
results of the two differ as much as OpenCV's own when both frames are transposed: by what rounding errors grow to.

Shapes: N pairs, H and W pixels; a field of flow is (N, 2, H, W), x before y, pixels. While it is worked on, a pair's
fields lie in *rows*: every field has a column of zeros more at its right and `BLOCK` rows of zeros more above and
below, and is one row of M = (H + 2 BLOCK)(W + 1) values. A pixel's neighbours are then 1 and W + 1 values away
everywhere, and `BLOCK` steps never look outside.
"""

import math
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.devices import can_compile
from pipeline.progress import log

TAU, LAMBDA, THETA = 0.25, 0.15, 0.3
SCALES, SCALE_STEP, SMALLEST = 5, 0.8, 16
WARPS = 5
EPSILON = 0.01
"""Pixels: a pair is done with a warp when its flow changes by no more in a step, root mean square."""
ROUNDS, ROUND = 10, 30
"""Most rounds at a warp, and steps a round. They bound what a cut between scenes costs, which never settles."""
BLOCK = 5
"""Steps in one call of the compiled function: fewer calls, but compiling takes longer. A part of `ROUND`."""
GRAY = (9798, 19235, 3735)
GRAY_SHIFT = 15
PAIRS = {"cpu": 1, "cuda": 64}
"""Pairs computed at once. A CPU is fastest while a pair stays in its cache."""

UNSTORED: dict[str, str | int | bool | Callable[..., object]] = {
    "realize_opcount_threshold": 200,
    "realize_reads_threshold": 8,
}
"""What the compiler would else store between operations and read again, a quarter of the time."""

Numbers = tuple[float, float, float, float]
"""Lambda theta, theta, tau / theta, and the sum of squared changes that is small enough."""
P = ParamSpec("P")
R = TypeVar("R")


class TVL1:
    """TV-L1 flow between consecutive frames.

    ``fused``: long chains of small operations are one each, which makes them several times as fast: on a CPU through
    `torch.compile`, where the first call takes some tens of seconds, on a GPU as `pipeline.features.tvl1_kernels`, in
    some seconds. Both need what `can_fuse` looks for. Results differ by rounding only. ``exact``: in float64, which
    shows how much that is.
    """

    def __init__(self, *, fused: bool, exact: bool = False) -> None:
        self._fused, self._kind = fused, torch.float64 if exact else torch.float32

        def wrapped(function: Callable[P, R]) -> Callable[P, R]:
            return torch.compile(function, dynamic=True, options=UNSTORED) if fused else function

        # The two halves of the median are compiled apart: in one, every column would be sorted five times.
        self._sort_columns, self._median_of_columns = wrapped(sorted_columns), wrapped(median_of_columns)
        self._sampling_grid, self._linearise, self._steps = wrapped(sampling_grid), wrapped(linearise), wrapped(steps)

    def __call__(self, frames: Tensor) -> Tensor:
        """(T, H, W, 3) uint8 rgb -> (T - 1, H, W, 2), pixels, on the same device."""
        size = PAIRS[frames.device.type]
        with torch.inference_mode():
            grays = gray(frames).to(self._kind).unsqueeze(1)
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
        size = flow.shape[2:]
        image_and_gradient = to_powers_of_two(torch.cat([second, central_gradient(second)], dim=1))
        sides = image_and_gradient.shape[2:]
        sizes = (LAMBDA * THETA, THETA, TAU / THETA, EPSILON**2 * size.numel())
        # flow, dual x and dual y, x before y in each.
        state = to_rows(torch.cat([flow.transpose(0, 1), flow.new_zeros(4, len(flow), *size)]))
        linear = state.new_zeros(4, *state.shape[1:])
        # On a GPU these two are not worth the time that compiling takes.
        grid, linear_at = (sampling_grid, linearise) if flow.is_cuda else (self._sampling_grid, self._linearise)
        for _ in range(WARPS):
            flow = from_rows(state[:2], size).transpose(0, 1)
            warped = warp(image_and_gradient, grid(flow, sides[0], sides[1]))
            for field, part in zip(from_rows(linear, size), linear_at(warped, flow, first), strict=True):
                field.copy_(part)
            self._settle(state, linear, size, sizes)
        return from_rows(state[:2], size).transpose(0, 1)

    def _settle(self, state: Tensor, linear: Tensor, size: torch.Size, numbers: Numbers) -> None:
        """Take every pair's steps at one warp, in ``state`` (6, N, M), with the rows of `linearise` (4, N, M).

        numbers: of `steps`, its sizes.
        """
        if self._fused and state.is_cuda:
            # Imported here: PyTorch brings Triton along on Linux alone.
            from pipeline.features.tvl1_kernels import settle

            settle(state, linear, size, numbers, (ROUNDS, ROUND))
            return
        edges = inner_edges(size[0], size[1], state.device)
        # As a tensor: the compiled function would make one of each number at every call.
        sizes = torch.tensor(numbers, device=state.device, dtype=state.dtype)
        whole, places = state, torch.arange(state.shape[1], device=state.device)
        for _ in range(ROUNDS):
            self._median(from_rows(state[:2], size))
            active = state.new_ones(state.shape[1], 1)
            for _ in range(ROUND // BLOCK):
                active = self._steps(state, active, linear, edges, sizes, size[1] + 1)
                if not active.any():
                    break
            going_on = active[:, 0] > 0
            if going_on.all():
                continue
            if state is not whole:
                whole[:, places] = state
            if not going_on.any():
                return
            places, state, linear = places[going_on], state[:, going_on], linear[:, going_on]
        if state is not whole:
            whole[:, places] = state

    def _median(self, fields: Tensor) -> None:
        """Replace (2, N, H, W) fields by the medians of 5 x 5 pixels, those at the border repeated."""
        if fields.device.type == "cpu" and fields.dtype == torch.float32:
            # Several times as fast as the sorting below; the results are the same.
            for field in fields.view(-1, *fields.shape[2:]).numpy():
                cv2.medianBlur(field, 5, field)
        else:
            padded = F.pad(fields, (2, 2, 2, 2), mode="replicate")
            fields.copy_(self._median_of_columns(*self._sort_columns(padded)))


def can_fuse(device: torch.device) -> bool:
    """Whether ``device`` and what is installed here can do what `TVL1` fuses. Where they cannot, the log says why."""
    if device.type == "cpu":
        return can_compile(device)
    try:
        TVL1(fused=True)(torch.zeros(2, SMALLEST, SMALLEST, 3, dtype=torch.uint8, device=device))
    except Exception as error:  # Triton's own errors have no name where it is missing
        reason = str(error).strip().splitlines() or [type(error).__name__]
        log(f"warning: Triton does not work here, so TV-L1 runs many times slower ({reason[0]})")
        return False
    return True


def gray(frames: Tensor) -> Tensor:
    """(..., 3) uint8 rgb -> (...) uint8 gray, with the weights and the rounding of OpenCV's `cvtColor`."""
    red, green, blue = frames.int().unbind(-1)
    total = GRAY[0] * red + GRAY[1] * green + GRAY[2] * blue
    return ((total + (1 << (GRAY_SHIFT - 1))) >> GRAY_SHIFT).to(torch.uint8)


def pyramid(images: Tensor) -> list[Tensor]:
    """(N, 1, H, W) at `SCALES` scales, finest first, fewer where a side would fall below `SMALLEST` pixels."""
    scales = [images]
    while len(scales) < SCALES:
        height, width = (round(side * SCALE_STEP) for side in scales[-1].shape[2:])
        if min(height, width) < SMALLEST:
            break
        # Pixels are 1 / SCALE_STEP apart exactly, also where the sides are rounded; one more may be needed at the end.
        longer = F.pad(scales[-1], (0, 1, 0, 1), mode="replicate")
        scaled = F.interpolate(longer, scale_factor=SCALE_STEP, mode="bilinear", recompute_scale_factor=False)
        scales.append(scaled[..., :height, :width])
    return scales


def resize(x: Tensor, sides: torch.Size) -> Tensor:
    """Bilinear, without antialiasing, as OpenCV's INTER_LINEAR."""
    return F.interpolate(x, tuple(sides), mode="bilinear", align_corners=False)


def to_rows(fields: Tensor) -> Tensor:
    """(C, N, H, W) -> (C, N, M), with zeros around."""
    return F.pad(fields, (0, 1, BLOCK, BLOCK)).flatten(2)


def from_rows(rows: Tensor, size: torch.Size) -> Tensor:
    """(C, N, M) -> (C, N, H, W), a view."""
    height, width = size
    return rows.view(*rows.shape[:2], height + 2 * BLOCK, width + 1)[:, :, BLOCK:-BLOCK, :width]


def inner_edges(height: int, width: int, device: torch.device) -> Tensor:
    """(2, M): 1 where a pixel has a right neighbour, and where it has one below; else 0."""
    ones = torch.ones(2, height, width, device=device)
    ones[0, :, -1] = 0
    ones[1, -1] = 0
    return to_rows(ones.unsqueeze(1))[:, 0]


def central_gradient(images: Tensor) -> Tensor:
    """(N, 1, H, W) -> (N, 2, H, W): half the difference of the neighbours, those at the border repeated."""
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    across = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    down = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    return torch.cat([across, down], dim=1) / 2


def to_powers_of_two(images: Tensor) -> Tensor:
    """(N, C, H, W) with zeros to the right and below until both sides are powers of two."""
    height, width = ((1 << (side - 1).bit_length()) - side for side in images.shape[2:])
    return F.pad(images, (0, width, 0, height))


def sampling_grid(flow: Tensor, height: int, width: int) -> Tensor:
    """(N, 2, h, w) -> x + flow in images of ``height`` and ``width``, as `warp` wants it: (N, h, w, 2), from -1 to 1.

    With sides that are powers of two this is exact to 2^-16 pixels at 224 x 224. So what does not move stays: errors of
    rounding would grow from warp to warp at the border, where the zeros outside make a slope that the gradient does not
    have.
    """
    x = torch.arange(flow.shape[3], device=flow.device) + flow[:, 0]
    y = torch.arange(flow.shape[2], device=flow.device).unsqueeze(1) + flow[:, 1]
    return torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)


def warp(images: Tensor, grid: Tensor) -> Tensor:
    """(N, C, H, W) at the places of `sampling_grid`, bicubic (a = -0.75), zero outside: `remap` of OpenCV 5.

    OpenCV before 5 rounds the places to 1/32 pixel.
    """
    return F.grid_sample(images, grid, mode="bicubic", padding_mode="zeros", align_corners=False)


def linearise(warped: Tensor, flow: Tensor, first: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The brightness difference as linear in the flow around ``flow`` (N, 2, H, W): four of (N, H, W).

    ``warped`` (N, 3, H, W) is the second image and its x and y gradient g, warped by ``flow``. Returns the gradient, x
    and y, the difference I1(x + u0) - g . u0 - I0, which with g . u is the difference for a flow u, and -1 / |g|^2, by
    which that difference becomes the step along g that makes it zero.
    """
    image, across, down = warped.unbind(1)
    power = across * across + down * down
    inverse = torch.where(power > torch.finfo(torch.float32).eps, -1 / power, 0)
    difference = image - across * flow[:, 0] - down * flow[:, 1] - first[:, 0]
    return across, down, difference, inverse


def steps(state: Tensor, active: Tensor, linear: Tensor, edges: Tensor, sizes: Tensor, stride: int) -> Tensor:
    """`BLOCK` primal-dual steps of the pairs that are ``active``, in place; pairs stop as soon as they are done.

    ``state`` (6, N, M): flow, dual x and dual y; ``active`` (N, 1), 1 or 0; ``linear`` (4, N, M), rows of `linearise`;
    ``edges`` (2, M) of `inner_edges`; ``sizes`` (4): of the steps of `step`, and the sum of squared changes that is
    small enough; ``stride``: W + 1. Returns what is still active, (N, 1).
    """
    fields = state.unbind(0)
    pixels = edges.shape[1] - 2 * BLOCK * stride
    for i in range(BLOCK):
        # The zeros around a field are used up row by row.
        begin, length = (i + 1) * stride, edges.shape[1] - 2 * (i + 1) * stride
        here = linear.narrow(2, begin, length + stride)
        fields, change = step(fields, active * sizes[:3], here, edges.narrow(1, begin, length), stride)
        active = active * (change > sizes[3])
    state.narrow(2, BLOCK * stride, pixels).copy_(torch.stack(fields))
    return active


def step(
    fields: tuple[Tensor, ...], sizes: Tensor, linear: Tensor, edges: Tensor, stride: int
) -> tuple[tuple[Tensor, ...], Tensor]:
    """One primal-dual step (equations 9, 11 and 14 of the paper; thresholding written as a clamp).

    Of six fields (N, m) it returns the values from ``stride`` on to ``stride`` before the end, and the sum over a pair
    of the squared change of the flow (N, 1). ``linear`` (4, N, m - stride) begins at ``stride``, ``edges``
    (2, m - 2 stride) too. ``sizes`` (N, 3): lambda theta, theta and tau / theta; a pair whose are 0 does not change.
    """
    flow_x, flow_y, *dual = fields
    length = edges.shape[1]
    across, down, difference, inverse = linear.unbind(0)
    old_x, old_y = (flow.narrow(1, stride, length + stride) for flow in (flow_x, flow_y))
    most, theta, rate = (sizes[:, i : i + 1] for i in range(3))
    along = (difference + (across * old_x + down * old_y)) * inverse
    along = torch.minimum(torch.maximum(along, -most), most)
    new_x = old_x + along * across + theta * divergence(dual[0], dual[2], stride)
    new_y = old_y + along * down + theta * divergence(dual[1], dual[3], stride)
    change = ((new_x - old_x).square() + (new_y - old_y).square()).sum(dim=1, keepdim=True)
    next_to = [
        (
            (new.narrow(1, 1, length) - new.narrow(1, 0, length)) * edges[0],
            (new.narrow(1, stride, length) - new.narrow(1, 0, length)) * edges[1],
        )
        for new in (new_x, new_y)
    ]
    grown_x, grown_y = (1 + rate * torch.sqrt(right * right + below * below) for right, below in next_to)
    # One division for both: they take most of the time.
    shrunk = 1 / (grown_x * grown_y)
    shrink = (shrunk * grown_y, shrunk * grown_x)
    flow = (new.narrow(1, 0, length) for new in (new_x, new_y))
    dual = [
        (dual[2 * i + j].narrow(1, stride, length) + rate * next_to[j][i]) * shrink[j]
        for i in range(2)
        for j in range(2)
    ]
    return (*flow, *dual), change


def divergence(dual_x: Tensor, dual_y: Tensor, stride: int) -> Tensor:
    """Backward differences of (N, m) from ``stride`` on: (N, m - stride)."""
    length = dual_x.shape[1] - stride
    across = dual_x.narrow(1, stride, length) - dual_x.narrow(1, stride - 1, length)
    return across + (dual_y.narrow(1, stride, length) - dual_y.narrow(1, 0, length))


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
