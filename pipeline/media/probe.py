"""What a file holds, before it is decoded: streams, shape, rate, sound."""

import errno
import math
import os
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.logging

from pipeline.errors import UserError
from pipeline.media.colour import MATRICES, Reading, Tags, reading
from pipeline.media.endings import LACKING, StoppedError
from pipeline.media.extents import Extent, indexed_extent
from pipeline.media.faults import RefusedError, UnreadableError
from pipeline.media.gate import OFF_LIST, open_media, require_file
from pipeline.media.streams import choose_picture, choose_sound

VOTES = 25
LOOKED_AT = 100
"""Where a stream begins with damage: frames without it that say what the picture is, and frames looked at for them."""


MOST_WORDS = 5
"""Messages of libavformat that are passed on."""

MATRIX = "DISPLAYMATRIX"
"""How PyAV calls what a frame says of its turning: ISO 14496-12's matrix of 3 x 3 whole numbers."""

INDEXED = {"avi", "mov,mp4,m4a,3gp,3g2,mj2"}
"""Formats whose index, where they have one, gives every packet its time."""


@dataclass(frozen=True)
class Picture:
    """The video stream, as `streams` chooses it.

    index: among the file's streams. pixel_format, width, height: of stored pixels, before rotation; of the first frame
    where the picture changes. rotation: degrees clockwise to turn the picture for display (0, 90, 180, 270).
    pixel_aspect: width over height of a stored pixel, 1 where the file does not say. rate: frames a second as the file
    gives it, None where it gives none. tags: what the frames say of their colours, and where they say nothing the file.
    rewritten: whether what stream and file say of the matrix is replaced (by what tags say) before frames are decoded.
    choice: a sentence about the other candidates.
    """

    index: int
    codec: str
    pixel_format: str
    width: int
    height: int
    rotation: int
    pixel_aspect: Fraction
    rate: Fraction | None
    tags: Tags
    rewritten: bool = False
    choice: str = ""

    @property
    def reading(self) -> Reading:
        """How its samples become rgb."""
        return reading(self.pixel_format, self.tags, self.width, self.height)

    @property
    def displayed(self) -> tuple[int, int]:
        """(width, height) as a player shows it: square pixels (the height is kept, the width follows), then turned.

        At least 1, also where neither file nor frames give a size.
        """
        width, height = max(1, round(self.width * self.pixel_aspect)), max(1, self.height)
        return (height, width) if self.rotation in {90, 270} else (width, height)


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
    """What a file holds. duration: seconds as the container gives it, None where it gives none. extents: by stream,
    where an index gives the time of each packet, so that times cannot jump; else None.
    """

    container: str
    duration: float | None
    picture: Picture | None
    sound: Sound | None
    extents: dict[int, Extent | None] | None


def probe(path: Path) -> Probe:
    """Open a file and look at its streams; the first frame is decoded, because the rotation comes with it.

    Raises `UnreadableError` when it is no media file that passes the gate, and `MemoryError`. A stream whose frames do
    not decode is still reported, unrotated.
    """
    require_file(path)
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
            return Probe(container.format.name, duration, picture, sound, _extents(container, picture, sound))
    except UnicodeEncodeError:
        raise UserError(f"{path}: its name is not UTF-8; rename it") from None
    except (av.FFmpegError, OSError) as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError(os.strerror(errno.ENOMEM)) from None  # who asked knows how much there was
        if error.errno in LACKING:
            raise StoppedError(f"the file could not be opened: {os.strerror(error.errno)}") from None
        said = dict.fromkeys(message.strip() for _, _, message in logged)
        if any(message.startswith(OFF_LIST) for message in said):
            raise RefusedError("probe", "of a format that is not read: no container of moving pictures") from None
        words = [*list(said)[:MOST_WORDS], str(getattr(error, "strerror", None) or error)]
        raise UnreadableError("probe", "not a readable media file", "; ".join(words)) from None


def _picture(container: av.container.InputContainer, path: Path) -> Picture | None:
    choice = choose_picture(container, path)
    if choice is None:
        return None
    stream = choice.stream
    context = stream.codec_context
    by_file = Look(context.pix_fmt or "", context.width, context.height, 0, _tags(context))
    look = _look(container, stream, by_file) or by_file
    tags = look.tags.completed(by_file.tags)
    return Picture(
        index=stream.index,
        codec=context.name,
        pixel_format=look.pixel_format,
        width=look.width,
        height=look.height,
        rotation=look.rotation,
        pixel_aspect=stream.sample_aspect_ratio or Fraction(1),
        rate=stream.average_rate or stream.guessed_rate or None,
        tags=tags,
        rewritten=tags.matrix not in MATRICES,
        choice=choice.words,
    )


@dataclass(frozen=True)
class Look:
    """What a frame, or a file of its frames, says of itself: as `Picture`."""

    pixel_format: str
    width: int
    height: int
    rotation: int
    tags: Tags

    def shape(self) -> tuple[str, int, int]:
        """Layout and size."""
        return self.pixel_format, self.width, self.height


def _look(container: av.container.InputContainer, stream: av.VideoStream, by_file: Look) -> Look | None:
    """What the first frame says, if nothing before it is damaged and the file agrees; else what most of the next say.

    Frames that are damaged themselves have a say only where no others are found. None where no frame decodes.
    """
    votes: Counter[Look] = Counter()
    damaged: Counter[Look] = Counter()
    whole = True
    for frame in _frames(container, stream):
        if frame is None or frame.is_corrupt:
            whole = False
        if frame is None:
            continue
        look = Look(frame.format.name, frame.width, frame.height, _rotation(frame), _tags(frame))
        if whole and look.shape() == by_file.shape():
            return look
        whole = False
        (damaged if frame.is_corrupt else votes)[look] += 1
        if votes.total() == VOTES or votes.total() + damaged.total() == LOOKED_AT:
            break
    return next((look for look, _ in (votes or damaged).most_common(1)), None)


def _rotation(frame: av.VideoFrame) -> int:
    """Degrees clockwise that a frame is turned for display (0, 90, 180, 270), as ffmpeg has it: rounded to one degree.

    By any angle between, ffmpeg turns the picture within its size: 0.
    """
    said: Any = frame.side_data  # whose type knows motion vectors alone
    if MATRIX not in said:
        return 0
    # PyAV's own number of degrees is cut, not rounded.
    across, down, _, right, below, *_ = struct.unpack("=9i", bytes(said[MATRIX]))
    sine, cosine = down / (math.hypot(down, below) or 1), across / (math.hypot(across, right) or 1)
    degrees = round(math.degrees(math.atan2(sine, cosine))) % 360
    return degrees if degrees % 90 == 0 else 0


def _tags(of: av.VideoFrame | av.VideoCodecContext) -> Tags:
    return Tags(int(of.colorspace), int(of.color_range), int(of.color_primaries), int(of.color_trc))


def _frames(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame | None]:
    """Frames of a stream as far as the file can be read, None for a packet that does not decode."""
    with suppress(av.FFmpegError):
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except av.FFmpegError:
                yield None


def _sound(container: av.container.InputContainer, path: Path) -> Sound | None:
    choice = choose_sound(container, path)
    if choice is None:
        return None
    stream, context = choice.stream, choice.stream.codec_context
    return Sound(stream.index, context.name, context.rate, context.channels, choice.words)


def _extents(
    container: av.container.InputContainer, *chosen: Picture | Sound | None
) -> dict[int, Extent | None] | None:
    streams = [container.streams[stream.index] for stream in chosen if stream is not None]
    if container.format.name not in INDEXED or not all(stream.frames for stream in streams):
        return None
    return {stream.index: indexed_extent(stream) for stream in streams}
