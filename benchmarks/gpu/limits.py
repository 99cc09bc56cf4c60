"""Step fast: what the machine can do, the yardstick of the other steps."""

from collections.abc import Iterator

import torch

from benchmarks.gpu.card import Card, precision
from benchmarks.gpu.goals import FAST
from benchmarks.shared import machine
from benchmarks.shared.results import Row
from benchmarks.shared.timing import interleaved

COPY = "copy on the device"


def measure(card: Card) -> Iterator[Row]:
    """Bytes read and written a second by a copy; operations a second of a matrix product of random numbers."""
    source = torch.randint(0, 255, (card.sizes.copied << 20,), dtype=torch.uint8, device=card.device)
    target = torch.empty_like(source)
    took = interleaved({COPY: lambda: target.copy_(source)}, card.sizes.repeats, card.device)[COPY]
    yield Row(FAST, COPY, "GB/s", 2 * len(source) / took / 1e9, note="bytes read and bytes written")
    for name in ("bfloat16", "tf32", "float32"):
        with precision(name):
            yield Row(FAST, f"matrix product, {name}", "TFLOP/s", matrix_rate(card, name) / 1e12)
    yield from card.peak("machine")


def matrix_rate(card: Card, name: str) -> float:
    """Floating-point operations a second of a product of square matrices; inside `precision`."""
    dtype = torch.bfloat16 if name == "bfloat16" else torch.float32
    stick = machine.matrix_product(card.sizes.matrix, card.device, dtype)
    took = interleaved({name: stick.call}, card.sizes.repeats + 2, card.device)[name]
    return stick.flop / took
