"""What `pipeline.features.tvl1` does at a warp, as Triton kernels for a GPU: a launch a step, and one a median.

A step reads a pair's fields in one buffer and writes them to another, so that no pixel sees its neighbour's next value.
Every program handles `PIXELS` places of one pair. It finds out itself whether the pair goes on, from what all programs
of the step before have noted of their changes; a pair that is done is copied, and so notes no change. No sum depends on
the order in which programs end.

Shapes and formats are those of `pipeline.features.tvl1`: fields in rows (C, N, M).
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

PIXELS = 512
"""Places of a program of `_step`."""
MEDIANS = 64
"""Places of a program of `_median`, each with a column of 32 values."""
LOOK = 10
"""Steps between two looks at whether any pair goes on, each of which waits for the GPU."""


class Buffers:
    """Six fields of N pairs, twice over, (6, N, M), and what the programs have noted.

    current: the fields. other: takes those of the next step. linear: rows of `linearise` (4, N, M). noted: (N,
    programs), the sum of squared changes at each program's places in the last step; notes: takes those of the next.
    """

    def __init__(self, state: Tensor, linear: Tensor, size: torch.Size) -> None:
        self.current, self.other, self.linear, self.size = state, torch.zeros_like(state), linear, size
        self.programs = triton.cdiv(size[0] * (size[1] + 1), PIXELS)
        self.noted, self.notes = (state.new_zeros(state.shape[1], self.programs) for _ in range(2))

    def step(self, first: bool, constants: tuple[float, float, float, float]) -> None:
        """One primal-dual step of all pairs that go on; at the ``first`` of a round all do."""
        (_, pairs, row), (height, width) = self.current.shape, self.size
        _step[(self.programs, pairs)](
            self.current,
            self.other,
            self.linear,
            self.noted,
            self.notes,
            int(first),
            pairs,
            row,
            (row - height * (width + 1)) // 2,
            height,
            width,
            self.programs,
            *constants,
            # One power for all scales of usual pictures: each is compiled anew.
            POWER=max(128, triton.next_power_of_2(self.programs)),
            PIXELS=PIXELS,
        )
        self.current, self.other, self.noted, self.notes = self.other, self.current, self.notes, self.noted

    def median(self) -> None:
        """Replace the flow by its medians of 5 x 5 pixels, those at the border repeated."""
        (_, pairs, row), (height, width) = self.current.shape, self.size
        begin = (row - height * (width + 1)) // 2
        _median[(triton.cdiv(height * width, MEDIANS), 2 * pairs)](
            self.current, self.other, row, begin, height, width, PIXELS=MEDIANS
        )
        self.current[:2] = self.other[:2]

    def going_on(self, enough: float) -> Tensor:
        """(N,) bool: whose flow has changed by more in the last step."""
        return self.noted.sum(1) > enough

    def only(self, chosen: Tensor) -> "Buffers":
        """Some of the pairs."""
        return Buffers(self.current[:, chosen], self.linear[:, chosen], self.size)


def settle(
    state: Tensor,
    linear: Tensor,
    size: torch.Size,
    constants: tuple[float, float, float, float],
    rounds: tuple[int, int],
) -> None:
    """Take every pair's steps at one warp, in ``state`` (6, N, M), with the rows of `linearise` (4, N, M).

    constants: lambda theta, theta, tau / theta, and the sum of squared changes that is small enough. rounds: how many
    at most, and steps in each.
    """
    buffers, places = Buffers(state.clone(), linear, size), torch.arange(state.shape[1], device=state.device)
    for _ in range(rounds[0]):
        buffers.median()
        for number in range(rounds[1]):
            buffers.step(number == 0, constants)
            if (number + 1) % LOOK == 0 and not buffers.going_on(constants[3]).any():
                break
        going_on = buffers.going_on(constants[3])
        if going_on.all():
            continue
        state[:, places] = buffers.current
        if not going_on.any():
            return
        places, buffers = places[going_on], buffers.only(going_on)
    state[:, places] = buffers.current


@triton.jit
def _field(fields, field: tl.constexpr, pair, pairs, row, place, here):
    """Values of one field of one pair."""
    offset = (field * pairs + pair).to(tl.int64) * row
    return tl.load(fields + offset + place, mask=here, other=0.0)


@triton.jit
def _moved(fields, linear, pair, pairs, row, stride, place, here, most, theta):
    """The flow after a step at some places, x and y (equations 9 and 11)."""
    flow_x = _field(fields, 0, pair, pairs, row, place, here)
    flow_y = _field(fields, 1, pair, pairs, row, place, here)
    across = _field(linear, 0, pair, pairs, row, place, here)
    down = _field(linear, 1, pair, pairs, row, place, here)
    difference = _field(linear, 2, pair, pairs, row, place, here)
    inverse = _field(linear, 3, pair, pairs, row, place, here)
    along = (difference + (across * flow_x + down * flow_y)) * inverse
    along = tl.minimum(tl.maximum(along, -most), most)
    spread_x = _spread(fields, 2, 4, pair, pairs, row, stride, place, here)
    spread_y = _spread(fields, 3, 5, pair, pairs, row, stride, place, here)
    return flow_x + along * across + theta * spread_x, flow_y + along * down + theta * spread_y


@triton.jit
def _spread(fields, across: tl.constexpr, down: tl.constexpr, pair, pairs, row, stride, place, here):
    """The divergence of a dual field: backward differences."""
    sideways = _field(fields, across, pair, pairs, row, place, here)
    sideways -= _field(fields, across, pair, pairs, row, place - 1, here)
    downwards = _field(fields, down, pair, pairs, row, place, here)
    downwards -= _field(fields, down, pair, pairs, row, place - stride, here)
    return sideways + downwards


@triton.jit(do_not_specialize=["first", "pairs", "row", "begin", "height", "width", "programs"])
def _step(
    fields,
    after,
    linear,
    noted,
    notes,
    first,
    pairs,
    row,
    begin,
    height,
    width,
    programs,
    most,
    theta,
    rate,
    enough,
    POWER: tl.constexpr,
    PIXELS: tl.constexpr,
):
    """`pipeline.features.tvl1.step` at `PIXELS` places of one pair, from ``fields`` to ``after``."""
    program, pair = tl.program_id(0), tl.program_id(1)
    stride = width + 1
    number = program * PIXELS + tl.arange(0, PIXELS)
    x, y = number % stride, number // stride
    here = (x < width) & (y < height)
    place = begin + number
    old_x = _field(fields, 0, pair, pairs, row, place, here)
    old_y = _field(fields, 1, pair, pairs, row, place, here)
    across_x = _field(fields, 2, pair, pairs, row, place, here)
    across_y = _field(fields, 3, pair, pairs, row, place, here)
    down_x = _field(fields, 4, pair, pairs, row, place, here)
    down_y = _field(fields, 5, pair, pairs, row, place, here)
    others = tl.arange(0, POWER)
    changes = tl.load(noted + pair * programs + others, mask=others < programs, other=0.0)
    goes_on = (first != 0) | (tl.sum(changes, 0) > enough)
    change = tl.sum(tl.zeros([PIXELS], tl.float32), 0)
    new_x, new_y = old_x, old_y
    if goes_on:
        new_x, new_y = _moved(fields, linear, pair, pairs, row, stride, place, here, most, theta)
        right_x, right_y = _moved(fields, linear, pair, pairs, row, stride, place + 1, here, most, theta)
        below_x, below_y = _moved(fields, linear, pair, pairs, row, stride, place + stride, here, most, theta)
        moved_x, moved_y = new_x - old_x, new_y - old_y
        change = tl.sum(tl.where(here, moved_x * moved_x + moved_y * moved_y, 0.0), 0)
        inside, above = x < width - 1, y < height - 1
        right_x = tl.where(inside, right_x - new_x, 0.0)
        right_y = tl.where(inside, right_y - new_y, 0.0)
        below_x = tl.where(above, below_x - new_x, 0.0)
        below_y = tl.where(above, below_y - new_y, 0.0)
        shrink_x = 1 / (1 + rate * tl.sqrt(right_x * right_x + below_x * below_x))
        shrink_y = 1 / (1 + rate * tl.sqrt(right_y * right_y + below_y * below_y))
        across_x = (across_x + rate * right_x) * shrink_x
        across_y = (across_y + rate * right_y) * shrink_y
        down_x = (down_x + rate * below_x) * shrink_x
        down_y = (down_y + rate * below_y) * shrink_y
    _put(after, 0, pair, pairs, row, place, here, new_x)
    _put(after, 1, pair, pairs, row, place, here, new_y)
    _put(after, 2, pair, pairs, row, place, here, across_x)
    _put(after, 3, pair, pairs, row, place, here, across_y)
    _put(after, 4, pair, pairs, row, place, here, down_x)
    _put(after, 5, pair, pairs, row, place, here, down_y)
    tl.store(notes + pair * programs + program, change)


@triton.jit
def _put(fields, field: tl.constexpr, pair, pairs, row, place, here, values):
    offset = (field * pairs + pair).to(tl.int64) * row
    tl.store(fields + offset + place, values, mask=here)


@triton.jit(do_not_specialize=["row", "begin", "height", "width"])
def _median(fields, after, row, begin, height, width, PIXELS: tl.constexpr):
    """Medians of 5 x 5 pixels of one of the first 2 N fields: of 32 sorted values, 7 of them infinite, the 13th."""
    field = tl.program_id(1).to(tl.int64) * row + begin
    number = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    here = number < height * width
    x, y = number % width, number // width
    one = tl.arange(0, 32)
    across = tl.minimum(tl.maximum(x[:, None] + one[None, :] % 5 - 2, 0), width - 1)
    down = tl.minimum(tl.maximum(y[:, None] + one[None, :] // 5 - 2, 0), height - 1)
    wanted = here[:, None] & (one < 25)[None, :]
    values = tl.load(fields + field + down * (width + 1) + across, mask=wanted, other=float("inf"))
    middle = tl.sum(tl.where((one == 12)[None, :], tl.sort(values, dim=1), 0.0), 1)
    tl.store(after + field + y * (width + 1) + x, middle, mask=here)
