"""Batches that cross videos: short clips fill a batch together."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
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
"""A video's id, its number of rows, and the inputs they are computed of (windows or patches), each of one shape."""
Watch = Callable[[Iterable[Any], int], Iterable[Any]]
"""Given the inputs of a video and their number, passes them on: progress within a video."""
Rows = tuple[str, Iterator[NDArray[np.float32]], NDArray[np.float64]]
"""A video's id, its values (rows, dims) in parts that are computed as they are taken, and its times (rows,) seconds."""
PART, PART_BYTES = 1024, 16 << 20
"""Results of a video that are held, and how many bytes of them as float32: of a longer one they are given in parts."""


def in_parts(parts: Sequence[Sequence[Input]], compute: Callable[[Sequence[Input]], Tensor]) -> Tensor:
    """The rows that ``compute`` makes of all ``parts`` of a batch, one after the other."""
    found = [compute(part) for part in parts]
    return found[0] if len(found) == 1 else torch.cat(found)


@dataclass(frozen=True)
class Coming:
    """Values on their way to the host. copied: when they have come, None for those that were there."""

    values: Tensor
    copied: torch.cuda.Event | None

    @classmethod
    def of(cls, values: Tensor) -> "Coming":
        """Values on any device."""
        if not values.is_cuda:
            return cls(values, None)
        host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True).copy_(values, non_blocking=True)
        copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        copied.record()
        return cls(host, copied)

    @property
    def late(self) -> int:
        """Parts that may be on their way at once, this one among them, before the first is waited for."""
        return 0 if self.copied is None else 1

    def arrived(self) -> Tensor:
        """The values, on the host."""
        if self.copied is not None:
            self.copied.synchronize()
        return self.values


def compute_in_batches(
    videos: Iterable[Source[Input]], size: int, dims: int, compute: Callable[[Sequence[Input]], Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """Yield (video id, values (rows, dims) on the CPU) for each of ``videos``, in order.

    A video of more rows than `PART` or `PART_BYTES` comes in parts, one after the other, so that its length costs no
    memory. ``compute`` maps a batch of at most ``size`` inputs, in the order of the videos, to (N, dims), the rows of
    all of them one after the other; an input may have several. A batch is made of inputs of one shape: where the shape
    changes from one video to the next, a smaller batch ends. Results stay on the device until their part is complete;
    from a GPU they come a part late, so that it has work while they are copied.
    """
    waiting: deque[tuple[str, int]] = deque()
    rows: deque[Tensor] = deque()
    coming: deque[tuple[str, Coming]] = deque()
    batch: list[Input] = []
    part = max(1, min(PART, PART_BYTES // (4 * dims)))

    def flush() -> None:
        rows.extend(compute(batch).unbind(0))
        batch.clear()

    def take(count: int) -> Tensor:
        values = [rows.popleft() for _ in range(count)]
        return torch.stack(values) if values else torch.empty(0, dims)

    def complete() -> Iterator[tuple[str, Tensor]]:
        while waiting and len(rows) >= waiting[0][1]:
            video_id, count = waiting.popleft()
            yield from passed(video_id, take(count))
        if waiting and len(rows) >= part:
            video_id, count = waiting[0]
            waiting[0] = video_id, count - len(rows)
            yield from passed(video_id, take(len(rows)))

    def passed(video_id: str, values: Tensor) -> Iterator[tuple[str, Tensor]]:
        coming.append((video_id, Coming.of(values)))
        while coming and len(coming) > coming[-1][1].late:
            yield arrived()

    def arrived() -> tuple[str, Tensor]:
        video_id, values = coming.popleft()
        return video_id, values.arrived()

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
    while coming:
        yield arrived()


def by_video(results: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Iterator[NDArray[np.float32]]]]:
    """What `compute_in_batches` gives, as (video id, its parts); the parts not taken before the next video are lost."""
    for video_id, parts in groupby(results, key=itemgetter(0)):
        yield video_id, (values.numpy() for _, values in parts)
