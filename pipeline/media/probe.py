"""What a file holds, before it is decoded: streams, shape, rate, sound."""

import errno
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.logging

from pipeline.errors import UserError
from pipeline.media.endings import LACKING, StoppedError, memory_is_short
from pipeline.media.streams import choose_picture, choose_sound, open_media

BT601 = 6
NO_MATRIX = {0, 2, 3}
"""Codes of H.273 that name no YCbCr matrix: RGB, unspecified, reserved."""


class UnreadableError(Exception):
    """A video that cannot be used: the shard goes on without it.

    stage: where it failed (``probe``, ``frames`` or ``sound``). reason: what was missing. words: what the decoder said.
    """

    def __init__(self, stage: str, reason: str, words: str = "") -> None:
        super().__init__(f"{stage}: {reason}{f' ({words})' if words else ''}")
        self.stage = stage
        self.reason = reason
        self.words = words


@dataclass(frozen=True)
class Picture:
    """The video stream, as `streams` chooses it.

    index: among the file's streams. width, height: stored pixels, before rotation. rotation: degrees clockwise to turn
    the picture for display (0, 90, 180, 270). pixel_aspect: width over height of a stored pixel, 1 where the file does
    not say. rate: frames a second as the file gives it, None where it gives none. matrix: code of the YCbCr matrix in
    ITU-T H.273 (1 BT.709, 5 and 6 BT.601, 9 BT.2020), BT.601 where the file names none; of no meaning for RGB. choice:
    a sentence about the other candidates.
    """

    index: int
    codec: str
    pixel_format: str
    width: int
    height: int
    rotation: int
    pixel_aspect: Fraction
    rate: Fraction | None
    matrix: int
    choice: str = ""

    @property
    def displayed(self) -> tuple[int, int]:
        """(width, height) as a player shows it: square pixels (the height is kept, the width follows), then turned."""
        width = max(1, round(self.width * self.pixel_aspect))
        return (self.height, width) if self.rotation in {90, 270} else (width, self.height)


@dataclass(frozen=True)
class Sound:
    """The sound track, as `streams` chooses it. rate: Hz. choice: a sentence about the other candidates."""

    index: int
    codec: str
    rate: int
    channels: int
    choice: str = ""


@dataclass(frozen=True)
class Probe:
    """What a file holds. duration: seconds as the container gives it, None where it gives none."""

    container: str
    duration: float | None
    picture: Picture | None
    sound: Sound | None


def probe(path: Path) -> Probe:
    """Open a file and look at its streams; the first frame is decoded, because the rotation comes with it.

    Raises `UnreadableError` when it is no media file. A stream whose frames do not decode is still reported, unrotated.
    """
    if path.is_file() and path.stat().st_size == 0:
        raise UnreadableError("probe", "the file is empty")
    level, skip_repeated = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture() as logged:
            return _probe(path, logged)
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skip_repeated)


def _probe(path: Path, logged: list[tuple[int, str, str]]) -> Probe:
    try:
        with open_media(path) as container:
            # Before anything is decoded of it, which takes packets.
            sound, picture = _sound(container, path), _picture(container, path)
            duration = None if container.duration is None else container.duration / av.time_base
            return Probe(container.format.name, duration, picture, sound)
    except UnicodeEncodeError:
        raise UserError(f"{path}: its name is not UTF-8; rename it") from None
    except (av.FFmpegError, OSError) as error:
        if error.errno in LACKING and (error.errno != errno.ENOMEM or memory_is_short()):
            raise StoppedError(f"the file could not be opened: {os.strerror(error.errno)}") from None
        said = [message.strip() for _, _, message in logged] + [str(getattr(error, "strerror", None) or error)]
        raise UnreadableError("probe", "not a readable media file", "; ".join(said)) from None


def _picture(container: av.container.InputContainer, path: Path) -> Picture | None:
    choice = choose_picture(container, path)
    if choice is None:
        return None
    stream = choice.stream
    context = stream.codec_context
    frame = _first_frame(container, stream)
    return Picture(
        index=stream.index,
        codec=context.name,
        pixel_format=context.pix_fmt or "",
        width=context.width if frame is None else frame.width,
        height=context.height if frame is None else frame.height,
        # PyAV gives degrees counter-clockwise, -180 to 180.
        rotation=0 if frame is None else round(-frame.rotation / 90) % 4 * 90,
        pixel_aspect=stream.sample_aspect_ratio or Fraction(1),
        rate=stream.average_rate or stream.guessed_rate or None,
        matrix=_matrix(frame),
        choice=choice.words,
    )


def _matrix(frame: av.VideoFrame | None) -> int:
    return BT601 if frame is None or frame.colorspace in NO_MATRIX else int(frame.colorspace)


def _first_frame(container: av.container.InputContainer, stream: av.VideoStream) -> av.VideoFrame | None:
    try:
        return next(container.decode(stream), None)
    except av.FFmpegError:
        return None


def _sound(container: av.container.InputContainer, path: Path) -> Sound | None:
    choice = choose_sound(container, path)
    if choice is None:
        return None
    stream, context = choice.stream, choice.stream.codec_context
    return Sound(stream.index, context.name, context.rate, context.channels, choice.words)
