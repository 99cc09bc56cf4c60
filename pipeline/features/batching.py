"""Batches that cross videos: short clips fill a batch together."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
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
Rows = tuple[str, Iterator[NDArray[np.float32]], NDArray[np.float64]]
"""A video's id, its values (rows, dims) in parts that are computed as they are taken, and its times (rows,) seconds."""
PART = 1024
"""Results of a video that are held: of a longer one they are given in parts."""


def compute_in_batches(
    videos: Iterable[Source[Input]], size: int, dims: int, compute: Callable[[Sequence[Input]], Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """Yield (video id, values (inputs, dims) on the CPU) for each of ``videos``, in order.

    A video of more than `PART` inputs comes in parts, one after the other, so that its length costs no memory.
    ``compute`` maps a batch of at most ``size`` inputs, in the order of the videos, to (N, dims). A batch is made of
    inputs of one shape: where the shape changes from one video to the next, a smaller batch ends. Results stay on the
    device until their part is complete, so that the device need not wait for the copies.
    """
    waiting: deque[tuple[str, int]] = deque()
    rows: deque[Tensor] = deque()
    batch: list[Input] = []

    def flush() -> None:
        rows.extend(compute(batch).unbind(0))
        batch.clear()

    def take(count: int) -> Tensor:
        values = [rows.popleft() for _ in range(count)]
        return torch.stack(values).cpu() if values else torch.empty(0, dims)

    def complete() -> Iterator[tuple[str, Tensor]]:
        while waiting and len(rows) >= waiting[0][1]:
            video_id, count = waiting.popleft()
            yield video_id, take(count)
        if waiting and len(rows) >= PART:
            video_id, count = waiting[0]
            waiting[0] = video_id, count - len(rows)
            yield video_id, take(len(rows))

    for video_id, count, inputs in videos:
        waiting.append((video_id, count))
        for item in inputs:
            if batch and batch[0].shape != item.shape:
                flush()
            batch.append(item)
            if len(batch) == size:
                flush()
                yield from complete()
        yield from complete()
    if batch:
        flush()
    yield from complete()


def by_video(results: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Iterator[NDArray[np.float32]]]]:
    """What `compute_in_batches` gives, as (video id, its parts); the parts not taken before the next video are lost."""
    for video_id, parts in groupby(results, key=itemgetter(0)):
        yield video_id, (values.numpy() for _, values in parts)
