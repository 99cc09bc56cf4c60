"""Plans of shared convolutions, carried out on numbers, against sums over padded windows one by one."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.features.sharing import Plan, make_plan
from pipeline.features.windows import Table

CPU = torch.device("cpu")


def clip(window: int, stride: int, frames: int, begin: int = 0) -> Table:
    """Windows of a clip, past its end each window's first frame again."""
    rows = range(0, max(1, frames // stride) * stride, stride)
    return tuple(tuple(begin + (t if t < frames else first) for t in range(first, first + window)) for first in rows)


def carried_out(plan: Plan, weights: NDArray[np.float64], maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of the outputs, in order."""
    values = []
    for piece in plan.pieces:
        outputs = np.zeros(piece.outputs)
        bases = np.zeros(piece.outputs, int)
        for part in piece.parts:
            taps = list(part.taps)
            sums = maps[piece.maps.numpy()][part.inputs.numpy()] @ weights[taps]
            outputs[part.rows.numpy()] += sums if part.sums is None else sums[part.sums.numpy()]
            bases[part.rows.numpy()] += plan.base in taps
        # The one part with the base tap stands first: it may overwrite what was there.
        assert (bases == 1).all()
        assert [plan.base in part.taps for part in piece.parts] == sorted(
            (plan.base in part.taps for part in piece.parts), reverse=True
        )
        values.append(outputs)
    return np.concatenate(values)


def one_by_one(
    row: tuple[int, ...], weights: NDArray[np.float64], maps: NDArray[np.float64], stride: int
) -> list[float]:
    """A convolution with TensorFlow's SAME padding, tap by tap."""
    outputs = -(-len(row) // stride)
    before = max(0, (outputs - 1) * stride + len(weights) - len(row)) // 2
    found = []
    for output in range(outputs):
        times = [output * stride + tap - before for tap in range(len(weights))]
        found.append(sum(w * maps[row[t]] for w, t in zip(weights, times, strict=True) if 0 <= t < len(row)))
    return found


def taps_computed(plan: Plan) -> int:
    return sum(part.inputs.numel() for piece in plan.pieces for part in piece.parts)


@pytest.mark.parametrize("most", [1, 4, 1000])
@pytest.mark.parametrize(
    ("window", "stride"), [(16, 4), (16, 2), (16, 6), (16, 5), (16, 16), (16, 21), (13, 4), (2, 1)]
)
def test_two_layers(window: int, stride: int, most: int) -> None:
    """As in I3D: 7 taps with stride 2, then 3 taps; a long clip, one shorter than a window, one frame."""
    table = clip(window, stride, 70) + clip(window, stride, 9, begin=70) + clip(window, stride, 1, begin=79)
    generator = np.random.default_rng(0)
    maps, seven, three = generator.normal(size=80), generator.normal(size=7), generator.normal(size=3)
    first = make_plan(table, tuple(range(80)), 7, 2, most, CPU)
    hidden = carried_out(first, seven, maps)
    second = make_plan(first.table, first.places, 3, 1, most, CPU)
    found = carried_out(second, three, hidden)[np.array(second.table)]
    for row, values, hidden_row in zip(table, found, first.table, strict=True):
        np.testing.assert_allclose(hidden[list(hidden_row)], one_by_one(row, seven, maps, 2), atol=1e-12)
        expected = one_by_one(tuple(range(len(hidden_row))), three, hidden[list(hidden_row)], 1)
        np.testing.assert_allclose(values, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("stride", "first", "between", "second"),
    [(2, 7, 4, 10), (4, 14, 5, 13), (5, 35, 8, 22), (8, 28, 7, 19), (16, 50, 8, 22)],
)
def test_what_a_further_window_costs(stride: int, first: int, between: int, second: int) -> None:
    """Counted by hand from the figure of which frames each output sees; of 56 - 6 and 24 - 2 taps on frames."""

    def costs(windows: int) -> list[int]:
        frames = (windows - 1) * stride + 16
        plan = make_plan(clip(16, stride, frames)[:windows], tuple(range(frames)), 7, 2, 10_000, CPU)
        then = make_plan(plan.table, plan.places, 3, 1, 10_000, CPU)
        return [taps_computed(plan), len(plan.places), taps_computed(then)]

    assert [more - fewer for more, fewer in zip(costs(21), costs(20), strict=True)] == [first, between, second]


def test_small_pieces_share_as_much() -> None:
    table = clip(16, 4, 100)[:22]  # those inside the clip
    for kernel, stride in [(7, 2), (3, 1)]:
        whole, pieces = (make_plan(table, tuple(range(100)), kernel, stride, most, CPU) for most in (1000, 5))
        assert len(whole.pieces) == 1
        assert len(pieces.pieces) > 5
        assert taps_computed(pieces) == taps_computed(whole)
        assert pieces.table == whole.table


def test_no_sum_is_computed_twice() -> None:
    table = clip(16, 4, 70) + clip(16, 4, 9, begin=70)
    plan = make_plan(table, tuple(range(79)), 7, 2, 1000, CPU)
    (piece,) = plan.pieces
    seen = [
        (tap, number)
        for part in piece.parts
        for row in part.inputs.tolist()
        for tap, number in zip(part.taps, row, strict=True)
    ]
    assert len(seen) == len(set(seen))
