"""Pictures that change in mid-stream: size, layout, colours.

ffmpeg makes its filters anew where a picture changes. What they were told of the colours is wrong from there on, and
the `fps` filter loses the frame that it held. So such a clip is decoded once to see what each frame is, and once more
for every way its frames are read; frames are repeated and dropped here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import groupby
from math import floor
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.config import Media
from pipeline.media import ffmpeg
from pipeline.media.clock import Clock
from pipeline.media.colour import MATRICES, PRIMARIES, RANGES, TRANSFERS, UNSPECIFIED, Reading, Tags, code, reading
from pipeline.media.faults import UnreadableError
from pipeline.media.probe import Picture

MOST_CHANGES = 10
"""Parts of a clip that are described; the rest is counted."""

_FRAME = re.compile(r"n: *\d+ pts:.* duration_time:(\S+) +fmt:(\S+) .*\bs:(\d+)x(\d+) ")
_TAGS: dict[str, tuple[str, dict[int, str], int]] = {
    "color_range": ("range", RANGES, 0),
    "color_space": ("matrix", MATRICES, UNSPECIFIED),
    "color_primaries": ("primaries", PRIMARIES, UNSPECIFIED),
    "color_trc": ("transfer", TRANSFERS, UNSPECIFIED),
}
"""Fields of `Tags` by the words that come before them, the names they may have, and the code for any other name."""
_NAMES = sorted({name for _, names, _ in _TAGS.values() for name in names.values()}, key=len, reverse=True)
# Known names alone: a message of another thread may follow without a space.
_TAG = re.compile(f"({'|'.join(_TAGS)}):({'|'.join(_NAMES)}|)")
_FINEST = 10**7  # Denominators of times in containers are smaller.


FrameMaker = Callable[[int], h5py.Dataset]


@dataclass(frozen=True)
class Seen:
    """What one frame is. width, height: pixels, turned for display."""

    pixel_format: str
    width: int
    height: int
    tags: Tags = field(default_factory=Tags)


@dataclass
class Survey:
    """What each frame of a stream is (`frames`), when it begins to be shown (`times`, s), for how long the last is."""

    frames: list[Seen] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    last: float = 0.0
    _known: dict[Seen, Seen] = field(default_factory=dict)  # few: a frame is one of them

    def hear(self, line: str) -> None:
        """Take a line of the filter `showinfo`: of each frame the layout comes before the tags."""
        if found := _FRAME.search(line):
            self.last = 0.0 if found[1] == "NOPTS" else float(found[1])
            self.frames.append(Seen(found[2], int(found[3]), int(found[4])))
        for said in _TAG.finditer(line) if self.frames else ():
            kind, names, unsaid = _TAGS[said[1]]
            seen = self.frames[-1]
            seen = replace(seen, tags=replace(seen.tags, **{kind: code(names, said[2], unsaid)}))
            self.frames[-1] = self._known.setdefault(seen, seen)

    def parts(self) -> str:
        """For people: from when on the picture is what."""
        begun = [
            f"{self.times[next(same)[0]]:.3f} s: {_described(seen)}"
            for seen, same in groupby(enumerate(self.frames), key=lambda pair: pair[1])
        ]
        more = [f"{len(begun) - MOST_CHANGES} more"] if len(begun) > MOST_CHANGES else []
        return "; ".join(begun[:MOST_CHANGES] + more)


def _described(seen: Seen) -> str:
    tags = seen.tags
    return f"{seen.pixel_format} {seen.width}x{seen.height} {MATRICES.get(tags.matrix)} {RANGES.get(tags.range)}"


def survey(path: Path, picture: Picture, media: Media, clock: Clock) -> Survey:
    """Decode a stream to see what its frames are. Raises `UnreadableError` as the decoder does."""
    found = Survey()
    with ffmpeg.Decoder(ffmpeg.survey_command(path, picture, media, clock), "frames", hear=found.hear) as decoder:
        for _ in decoder.blocks(1, 1):
            pass
    found.times = decoder.times[: len(found.frames)]
    if not found.times or len(found.times) < len(found.frames):
        raise UnreadableError("frames", f"{len(found.frames)} frames, times of {len(found.times)}", decoder.words)
    return found


def decode_changing(
    frames: FrameMaker, path: Path, picture: Picture, media: Media, clock: Clock, found: Survey
) -> tuple[list[float], list[Reading], ffmpeg.Decoder]:
    """Decode a clip whose picture changes.

    ``frames`` makes the array for a number of frames of `ffmpeg.frame_size`, and they are written into it. Returns the
    times at which they begin to be shown (s), the ways in which they were read, and a decoder that has read them all.
    Raises `UnreadableError`.
    """
    if media.fps == "source":
        shown, times = np.arange(len(found.frames)), found.times
    else:
        shown, times = resample(found.times, found.last, ffmpeg.exact_rate(media.fps))
    ways = {seen: _read(seen, picture) for seen in set(found.frames)}
    read = [ways[seen] for seen in found.frames]
    array = frames(len(shown))
    source = media.model_copy(update={"fps": "source"})
    used = list(dict.fromkeys(read[i] for i in shown))
    for way in used:
        command = ffmpeg.frames_command(path, picture, source, way, clock)
        decoder = _fill(array, command, shown, np.array([each == way for each in read]))
    return times, used, decoder


def resample(times: list[float], last: float, rate: Fraction) -> tuple[NDArray[np.int64], list[float]]:
    """Which frame is shown at each step of 1 / ``rate`` s, and the times of the steps (s), as the filter `fps` has it.

    The time of a frame, and of the end of the last one (``last`` seconds after it began), is rounded to the nearest
    step. A clip of less than half a step is one.
    """
    steps = np.array([floor(_exact(time) * rate + Fraction(1, 2)) for time in [*times, times[-1] + last]])
    steps = np.maximum.accumulate(steps)
    wanted = np.arange(steps[0], max(steps[-1], steps[0] + 1))
    shown = np.searchsorted(steps[:-1], wanted, side="right") - 1
    return shown, [float(int(step) / rate) for step in wanted]


def _exact(time: float) -> Fraction:
    return Fraction(time).limit_denominator(_FINEST)


def _read(seen: Seen, picture: Picture) -> Reading:
    return reading(seen.pixel_format, seen.tags.completed(picture.tags), seen.width, seen.height)


def _fill(array: h5py.Dataset, command: list[str], shown: NDArray[np.int64], mine: NDArray[np.bool_]) -> ffmpeg.Decoder:
    """Write those of a command's frames that are ``mine`` wherever they are ``shown``, both by number of the frame."""
    _, height, width, _ = array.shape
    block_frames = array.chunks[0]
    begin = 0
    with ffmpeg.Decoder(command, "frames") as decoder:
        for block in decoder.blocks(height * width * 3, block_frames):
            pictures = block.reshape(-1, height, width, 3)
            first, end = np.searchsorted(shown, [begin, begin + len(pictures)])
            for start in range(first, end, block_frames):  # of a frame that is shown for long there are many
                part = slice(start, min(start + block_frames, end))
                wanted = mine[shown[part]]
                kept = array[part]
                kept[wanted] = pictures[shown[part][wanted] - begin]
                array[part] = kept
            begin += len(pictures)
    if begin != len(mine):
        raise UnreadableError("frames", f"{begin} frames where there were {len(mine)} before", decoder.words)
    return decoder
