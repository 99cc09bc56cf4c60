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
    """``length`` frames from frame ``first`` of what is read of a clip; ``frames`` (1 to ``length``, ...) are there.

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


@dataclass(frozen=True)
class Cut:
    """What of a clip is computed: the windows, and the frames that they need.

    rows: numbers of the windows, rising. runs: frames of the clip that are read, in stretches one after the other.
    begins: where the windows begin in the frames that are read.
    """

    rows: NDArray[np.int64]
    runs: tuple[range, ...]
    begins: tuple[int, ...]


def whole(frames: int, stride: int) -> Cut:
    """Every window of a clip of ``frames`` frames, and every frame."""
    rows = np.arange(row_count(frames, stride))
    return Cut(rows, (range(frames),), tuple((rows * stride).tolist()))


def some(rows: NDArray[np.int64], frames: int, window: int, stride: int, after: int) -> Cut:
    """The windows ``rows`` (rising) alone, and the frames they are made of with ``after`` more behind each window."""
    runs: list[range] = []
    for begin in (rows * stride).tolist():
        end = min(begin + window + after, frames)
        if runs and begin <= runs[-1].stop:
            runs[-1] = range(runs[-1].start, end)
        else:
            runs.append(range(begin, end))
    read = np.concatenate([np.arange(run.start, run.stop) for run in runs])
    return Cut(rows, tuple(runs), tuple(np.searchsorted(read, rows * stride).tolist()))


def in_pieces(runs: Sequence[range], size: int) -> Iterator[list[range]]:
    """The frames of ``runs``, one after the other, in pieces of ``size`` frames, the last one shorter."""
    piece: list[range] = []
    held = 0
    for run in runs:
        begin = run.start
        while begin < run.stop:
            end = min(run.stop, begin + size - held)
            piece.append(range(begin, end))
            held, begin = held + end - begin, end
            if held == size:
                yield piece
                piece, held = [], 0
    if piece:
        yield piece


def cut_windows(chunks: Iterable[Tensor], begins: Sequence[int], window: int) -> Iterator[Window]:
    """Windows of frames [begin, begin + window) for each of ``begins``, rising, of frames that arrive in pieces.

    ``chunks`` are (any number of frames, ...). All of them are taken, also those behind the last window.
    """
    row = offset = 0
    held: Tensor | None = None
    for chunk in chunks:
        held = chunk if held is None else torch.cat([held, chunk])
        while row < len(begins) and begins[row] + window <= offset + len(held):
            begin = begins[row] - offset
            yield Window(begins[row], held[begin : begin + window], window)
            row += 1
        passed = min(begins[row] - offset, len(held)) if row < len(begins) else len(held)
        held, offset = held[passed:], offset + passed
    for begin in begins[row:]:
        assert held is not None
        yield Window(begin, held[begin - offset :][:window], window)


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
