"""Batches that cross videos: short clips fill a batch together."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor


class Shaped(Protocol):
    """What only goes into a batch with its like: a patch, a window of frames."""

    @property
    def shape(self) -> torch.Size:
        """Equal shapes go into one batch."""


Input = TypeVar("Input", bound=Shaped)
Source = tuple[str, int, Iterable[Input]]
"""A video's id, its number of inputs (windows or patches), and the inputs, each of one shape."""
Watch = Callable[[Iterable[Any], int], Iterable[Any]]
"""Given the inputs of a video and their number, passes them on: progress within a video."""


def compute_in_batches(
    videos: Iterable[Source[Input]], size: int, dims: int, compute: Callable[[Sequence[Input]], Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """Yield (video id, values (inputs, dims) on the CPU) for each of ``videos``, in order.

    ``compute`` maps a batch of at most ``size`` inputs, in the order of the videos, to (N, dims). A batch is made of
    inputs of one shape: where the shape changes from one video to the next, a smaller batch ends. Results stay on the
    device until their video is complete, so that the device need not wait for the copies.
    """
    waiting: deque[tuple[str, int]] = deque()
    rows: deque[Tensor] = deque()
    batch: list[Input] = []

    def flush() -> None:
        rows.extend(compute(batch).unbind(0))
        batch.clear()

    def complete() -> Iterator[tuple[str, Tensor]]:
        while waiting and len(rows) >= waiting[0][1]:
            video_id, count = waiting.popleft()
            values = [rows.popleft() for _ in range(count)]
            yield video_id, torch.stack(values).cpu() if values else torch.empty(0, dims)

    for video_id, count, inputs in videos:
        waiting.append((video_id, count))
        for item in inputs:
            if batch and batch[0].shape != item.shape:
                flush()
            batch.append(item)
            if len(batch) == size:
                flush()
        yield from complete()
    if batch:
        flush()
    yield from complete()
