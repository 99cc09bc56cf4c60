"""How a network hears: from sound to log-mel frames, and from these to the stretches of frames it is given.

A frame is 10 ms for every network here. A row of the feature is made of ``row`` frames, one row every ``step``.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline.features.spans import spans

FRAMES_A_SECOND = 100


@dataclass(frozen=True)
class Hearing:
    """What a network hears of a sound.

    rate: Hz. count: frames of so many samples, none of no sound. log_mel: pieces (n,) of a sound, and how many samples
    they are together -> pieces (n, bands) of its frames. silence: a log-mel value of silence. centre: middle of the
    first frame, in frames. most: rows that the network gives of one stretch.
    """

    rate: int
    count: Callable[[int], int]
    log_mel: Callable[[Iterable[Tensor], int], Iterator[Tensor]]
    silence: float
    centre: float
    row: int
    step: int
    most: int

    def rows(self, frames: int) -> int:
        """Rows of so many frames: whole ones, at least one of any sound, none of no sound."""
        return max(1, (frames - self.row) // self.step + 1) if frames else 0

    def stretches(self, pieces: Iterable[Tensor], frames: int) -> Iterator[Tensor]:
        """What the network is given, (n, bands), of ``frames`` frames that come in ``pieces`` (n, bands).

        Fewer frames than a row has are followed by silence.
        """
        missing = max(0, self.row - frames) if frames else 0
        size, step = (self.most - 1) * self.step + self.row, self.most * self.step
        return spans(self._filled(pieces, missing), -(-self.rows(frames) // self.most), size, step)

    def times(self, positions: NDArray[np.float64], seconds: float = math.inf) -> NDArray[np.float64]:
        """Middles of the rows, seconds, (rows,). positions: (frames,) where the frames lie in the sound, in frames.

        Of a row that silence fills up, the part inside the sound counts, which is so many ``seconds`` long.
        """
        begins = np.arange(self.rows(len(positions))) * self.step
        lasts = np.minimum(begins + self.row, len(positions)) - 1
        # Frames may be filled up too: a patch has all of its own, however short the sound is.
        ends = np.minimum(positions[lasts], seconds * FRAMES_A_SECOND - 2 * self.centre)
        middles: NDArray[np.float64] = (positions[begins] + ends) / 2 + self.centre
        # In rows first: whole and half numbers, so that only one product rounds.
        return middles / self.row * (self.row / FRAMES_A_SECOND)

    def _filled(self, pieces: Iterable[Tensor], missing: int) -> Iterator[Tensor]:
        last: Tensor | None = None
        for last in pieces:
            yield last
        if missing and last is not None:
            yield last.new_full((missing, last.shape[1]), self.silence)
