"""Step fast: windows of I3D a second, by precision, layout and batch, and compiled."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from benchmarks.extraction.plain_i3d import PlainI3D
from benchmarks.gpu.card import Card, Precision, precision
from benchmarks.gpu.goals import FAST
from benchmarks.gpu.limits import matrix_rate
from benchmarks.shared import machine
from benchmarks.shared.results import Row
from benchmarks.shared.timing import interleaved, seconds
from pipeline.features.i3d import I3D
from pipeline.features.weights import random_i3d

WINDOW = 16
Features = Callable[[Tensor], Tensor]
PRECISIONS: tuple[Precision, ...] = ("bfloat16", "tf32", "float32")
COMPILED = "I3D, compiled, bfloat16"


def measure(card: Card) -> Iterator[Row]:
    """As it is, every precision and batch; then with channels first in memory."""
    network = random_i3d(3).prepare(card.device)
    for name in PRECISIONS:
        with precision(name), torch.inference_mode():
            rate = matrix_rate(card, name)
            for batch in card.sizes.batches if name == "bfloat16" else [_usual(card)]:
                yield _row(card, f"I3D, {name}, batch {batch}", network.features, batch, rate)
    yield from card.peak("I3D")
    with precision("bfloat16"), torch.inference_mode():
        rate = matrix_rate(card, "bfloat16")
        first = network.to(memory_format=torch.contiguous_format)
        batch = _usual(card)
        yield _row(card, f"I3D, channels first, bfloat16, batch {batch}", _channels_first(first), batch, rate)


def measure_compiled(card: Card) -> Iterator[Row]:
    """The network through `torch.compile`; the first call, which compiles, counted apart."""
    network = random_i3d(3).prepare(card.device)
    # With tiny sizes the graph is found but no code is made of it, which takes longer than all else.
    compiled = torch.compile(network.features, backend="eager" if card.quick else "inductor")
    batch = _usual(card)
    with precision("bfloat16"), torch.inference_mode():
        # Made here: for tensors made outside it would be compiled again.
        windows = card.windows(batch, card.sizes.timed_side)
        took = seconds(lambda: compiled(windows), card.device)
        yield Row(FAST, f"{COMPILED}: first call", "s", took)
        yield _row(card, f"{COMPILED}, batch {batch}", compiled, batch, matrix_rate(card, "bfloat16"))
    yield from card.peak("I3D, compiled")


def _usual(card: Card) -> int:
    """The batch of extraction."""
    return 64 if 64 in card.sizes.batches else card.sizes.batches[0]


def _channels_first(network: I3D) -> Features:
    def features(windows: Tensor) -> Tensor:
        return network.features(windows.permute(0, 4, 1, 2, 3).contiguous().permute(0, 2, 3, 4, 1))

    return features


def _row(card: Card, what: str, features: Features, batch: int, matrix: float) -> Row:
    side = card.sizes.timed_side
    windows = card.windows(batch, side)
    took = interleaved({what: lambda: features(windows)}, card.sizes.repeats, card.device)[what]
    flop = machine.flop_count(PlainI3D, batch, 3, WINDOW, side, side)
    share = {machine.MATRIX: flop / took / matrix}
    return card.fast(Row(FAST, what, "windows/s", batch / took, shares=share, note=f"{flop / batch / 1e9:.1f} GFLOP"))
