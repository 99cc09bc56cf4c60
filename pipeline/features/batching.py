"""Batches that cross videos: short clips fill a batch together."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

Source = tuple[str, int, Iterable[Tensor]]
"""A video's id, its number of inputs (windows or patches), and the inputs, each of one shape."""


def compute_in_batches(
    videos: Iterable[Source], size: int, dims: int, compute: Callable[[Tensor], Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """Yield (video id, values (inputs, dims) on the CPU) for each of ``videos``, in order.

    ``compute`` maps a batch (N, ...) of at most ``size`` inputs to (N, dims). A batch is made of inputs of one shape:
    where the shape changes from one video to the next, a smaller batch ends. Results stay on the device until their
    video is complete, so that the device need not wait for the copies.
    """
    waiting: deque[tuple[str, int]] = deque()
    rows: deque[Tensor] = deque()
    batch: list[Tensor] = []

    def flush() -> None:
        rows.extend(compute(torch.stack(batch)).unbind(0))
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
