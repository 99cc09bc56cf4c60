"""Windows of consecutive frames, cut from a stream so that a long clip costs no more memory than a short one."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


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


def cut_windows(chunks: Iterable[Tensor], frames: int, window: int, stride: int) -> Iterator[Tensor]:
    """Windows i = frames [i * stride, i * stride + window) of a clip that arrives in pieces.

    ``chunks`` are (any number of frames, ...) and together hold ``frames`` >= 1 frames; each window is (window, ...).
    Frames past the end of the clip repeat that window's first frame, as the organisers' extractor has it.
    """
    rows = row_count(frames, stride)
    row = offset = 0
    held: Tensor | None = None
    for chunk in chunks:
        held = chunk if held is None else torch.cat([held, chunk])
        while row < rows and row * stride + window <= offset + len(held):
            begin = row * stride - offset
            yield held[begin : begin + window]
            row += 1
        passed = min(row * stride - offset, len(held))
        held, offset = held[passed:], offset + passed
    for last in range(row, rows):
        assert held is not None
        part = held[last * stride - offset :][:window]
        missing = window - len(part)
        yield torch.cat([part, part[:1].expand(missing, *part.shape[1:])])
