"""Windows of consecutive frames, cut from a stream so that a long clip costs no more memory than a short one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Table = tuple[tuple[int, ...], ...]
"""Which frames make each of N windows of T frames: N rows of T numbers."""


@dataclass(frozen=True)
class Window:
    """``length`` frames of a clip from frame ``first`` on, of which ``frames`` (1 to ``length``, ...) are there.

    Frames past the end of the clip repeat the window's first one, as the organisers' extractor has it.
    """

    first: int
    frames: Tensor
    length: int

    @property
    def shape(self) -> torch.Size:
        """Shape of a frame."""
        return self.frames.shape[1:]


def row_count(frames: int, stride: int) -> int:
    """Windows of a clip of ``frames`` frames, one every ``stride``: the organisers' frames // stride, at least one."""
    return max(1, frames // stride)


def centre_times(times: NDArray[np.float64], window: int, stride: int, fps: float) -> NDArray[np.float64]:
    """Centres of the windows, seconds: (rows,).

    ``times`` (frames,) are the seconds at which the frames begin to be shown, the last one for 1 / ``fps``. Of a window
    that reaches past the end, the part inside the clip counts.
    """
    begins = np.arange(row_count(len(times), stride)) * stride
    lasts = np.minimum(begins + window, len(times)) - 1
    centres: NDArray[np.float64] = (times[begins] + times[lasts] + 1 / fps) / 2
    return centres


def cut_windows(chunks: Iterable[Tensor], frames: int, window: int, stride: int) -> Iterator[Window]:
    """Windows i = frames [i * stride, i * stride + window) of a clip that arrives in pieces.

    ``chunks`` are (any number of frames, ...) and together hold ``frames`` >= 1 frames.
    """
    rows = row_count(frames, stride)
    row = offset = 0
    held: Tensor | None = None
    for chunk in chunks:
        held = chunk if held is None else torch.cat([held, chunk])
        while row < rows and row * stride + window <= offset + len(held):
            begin = row * stride - offset
            yield Window(row * stride, held[begin : begin + window], window)
            row += 1
        passed = min(row * stride - offset, len(held))
        held, offset = held[passed:], offset + passed
    for last in range(row, rows):
        assert held is not None
        yield Window(last * stride, held[last * stride - offset :][:window], window)


def join_windows(windows: Sequence[Window]) -> tuple[Tensor, Table]:
    """Frames of a batch of windows, each frame once, (F, ...), and the table of the windows in them.

    ``windows`` stand in the order of their clips; one that begins at frame 0 begins a clip.
    """
    parts: list[Tensor] = []
    rows: list[tuple[int, ...]] = []
    count = end = 0
    for window in windows:
        if window.first == 0:
            end = 0
        there = len(window.frames)
        known = max(0, end - window.first)
        parts.append(window.frames[known:])
        count += there - known
        end = window.first + there
        begin = count - there
        rows.append(tuple(begin + (t if t < there else 0) for t in range(window.length)))
    return torch.cat(parts), tuple(rows)
