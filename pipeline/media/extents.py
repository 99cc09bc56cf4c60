"""How long a stream lasts and how far its pieces lie apart, before anything is decoded; and whether that is allowed.

ffmpeg repeats a picture, and writes silence, for as long as nothing else comes: two frames a day apart are a file of a
kilobyte and millions of frames.
"""

from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.config import Media
from pipeline.media.faults import RefusedError

RATES = range(100, 400_001)
"""Samples a second that there are; a damaged header may say any number, and resampling costs by it."""


@dataclass(frozen=True)
class Extent:
    """When the first piece of a stream begins, when the last one ends, and the longest time between two begins (s).

    pieces: how many there are; frames, of pictures.
    """

    begin: float
    end: float
    gap: float
    pieces: int

    @property
    def seconds(self) -> float:
        """From the first begin to the end."""
        return self.end - self.begin


def extent(begins: NDArray[np.float64], end: float) -> Extent | None:
    """Of pieces that begin at ``begins`` (N,) s, in any order; the last one ends at ``end``. None where N = 0."""
    if not len(begins):
        return None
    times = np.append(np.sort(begins), max(end, float(begins.max())))
    return Extent(float(times[0]), float(times[-1]), float(np.diff(times).max()), len(begins))


def indexed_extent(stream: av.stream.Stream) -> Extent | None:
    """By the index of a stream, where it has one of every packet."""
    ticks = np.array([entry.timestamp for entry in stream.index_entries if entry.size], np.int64)
    base = float(stream.time_base or 1)
    end = (stream.start_time or 0) + (stream.duration or 0)
    return extent(ticks.astype(np.float64) * base, end * base)


def require_pictures(found: Extent | None, media: Media) -> None:
    """Raise `RefusedError` for pictures beyond the limits of ``media``; what is not known beforehand passes."""
    if found is not None:
        require("frames", "s without a new picture", found.gap, "max_gap", media)
        require("frames", "s of pictures", found.seconds, "max_seconds", media)
        frames = found.pieces if media.fps == "source" else found.seconds * media.fps
        require("frames", "frames", frames, "max_frames", media)


def require_sound(found: Extent | None, rate: int, media: Media) -> None:
    """The same for sound, which begins with silence at second 0; ``rate`` (Hz) has to be one of `RATES`."""
    if rate not in RATES:
        expected = f"expected {RATES[0]} to {RATES[-1]}"
        raise RefusedError("sound", f"{rate} samples a second, as no sound has ({expected})")
    if found is not None:
        require("sound", "s without sound", max(found.gap, found.begin), "max_gap", media)
        require("sound", "s of sound", found.end, "max_seconds", media)


def require_size(width: int, height: int, what: str, media: Media) -> None:
    """The same for pictures of too many pixels."""
    require("frames", f"pixels: {what} of {width} x {height}", width * height, "max_pixels", media)


def require(stage: str, what: str, value: float, key: str, media: Media) -> None:
    """Raise `RefusedError` when ``value`` is above the limit ``key`` of ``media``."""
    most = getattr(media, key)
    if value > most:
        raise RefusedError(stage, f"{value:.0f} {what}, more than the {most:.0f} that media.{key} allows")
