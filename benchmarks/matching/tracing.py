"""Tracing LSTMs at the paper's sizes, beside an implementation that convolves a map for every trace."""

import torch
from torch import Tensor

from benchmarks.shared.differences import gradients, relative_difference
from benchmarks.shared.results import Goal, Row
from benchmarks.shared.timing import interleaved
from pipeline.networks.parts.packing import Packing
from pipeline.networks.parts.tracing import Tracing

CPU = torch.device("cpu")
CLIPS = 2


def plain(tracing: Tracing, maps: Tensor) -> Tensor:
    """Each trace's h_N (B, L, C) of ``maps`` (B, N, C, rows, columns): `nn.Conv2d`, `nn.LSTMCell` as they come."""
    clips, frames, width, *grid = maps.shape
    cells = grid[0] * grid[1]
    state = memory = maps.new_zeros(clips * cells, width)
    for frame in range(frames):
        seen = maps[:, frame]
        look = torch.eye(cells, dtype=maps.dtype).repeat(clips, 1)
        if frame:
            products = seen.repeat_interleave(cells, 0) * state[:, :, None, None]
            look = tracing.second(tracing.first(products).relu()).flatten(1).softmax(1)
        found = torch.bmm(look.view(clips, cells, cells), seen.flatten(2).transpose(1, 2))
        state, memory = tracing.lstm(found.flatten(0, 1), (state, memory))
    return state.view(clips, cells, width)


def tracing(quick: bool, repeats: int) -> list[Row]:
    """Forward and backward of two clips' traces: 500 channels, 4 x 4 cells, 40 frames."""
    width, frames = (8, 4) if quick else (500, 40)
    torch.manual_seed(0)
    network = Tracing(width, (4, 4))
    maps = torch.randn(CLIPS, frames, width, 4, 4)
    packing = Packing.of(torch.full((CLIPS,), frames), frames)
    work = 2.0 * (frames - 1) * CLIPS * 16 * 16 * 9 * width**2
    # The first convolution alone, as a matrix product; its gradient takes two more of the same size.
    size = 64 if quick else 2048
    left, right = torch.randn(size, size), torch.randn(size, size)

    def ours() -> None:
        network.zero_grad()
        network(packing.pack(maps), packing).states.sum().backward()

    def theirs() -> None:
        network.zero_grad()
        plain(network, maps).sum().backward()  # type: ignore[no-untyped-call]

    times = interleaved({"ours": ours, "plain": theirs, "product": lambda: left @ right}, repeats, CPU)
    counted = 3 * work * times["product"] / (2.0 * size**3)
    what = f"tracing {CLIPS} clips of {frames} frames: forward and backward"
    goal = None if quick else Goal("at most", 1.3)
    note = "reference: matrix products of as many multiplications as the plain first convolution has"
    return [
        Row("tracing", f"{what}, beside a plain one", "s", times["ours"], times["plain"]),
        Row("tracing", f"{what}, beside its products", "s", times["ours"], counted, goal, {}, note),
        Row(
            "tracing", "largest relative difference of a gradient", "1", agreement(), None, Goal("below", 1e-6, "ours")
        ),
    ]


def agreement() -> float:
    """How far gradients of the two are apart, in double precision."""
    network = Tracing(6, (3, 4)).double()
    maps = torch.randn(CLIPS, 5, 6, 3, 4, dtype=torch.float64)
    packing = Packing.of(torch.full((CLIPS,), 5), 5)
    results = [
        gradients(network, states.sin().sum())
        for states in (network(packing.pack(maps), packing).states, plain(network, maps))
    ]
    # The softmax takes away what the last bias adds: its gradient is rounding alone.
    named = [key for key, each in results[1].items() if float(each.norm()) > 1e-9]
    return max(relative_difference(results[0][key], results[1][key]) for key in named)
