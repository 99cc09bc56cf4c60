"""What a file holds, before it is decoded: streams, shape, rate, sound."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import av.logging
from av.stream import Disposition

from pipeline.media.colour import Reading, Tags, reading

LOOKED_AT = 100
"""Frames looked at for one without damage."""


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
    """The video stream: the first one that is not an attached picture (cover art).

    index: among the file's streams. pixel_format, width, height: of stored pixels, before rotation; of the first frame
    where the picture changes. rotation: degrees clockwise to turn the picture for display (0, 90, 180, 270).
    pixel_aspect: width over height of a stored pixel, 1 where the file does not say. rate: frames a second as the file
    gives it, None where it gives none. tags: what the frames say of their colours, and where they say nothing the file.
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
    """The first sound track. rate: Hz."""

    index: int
    codec: str
    rate: int
    channels: int


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
        with av.open(str(path), metadata_errors="ignore") as container:
            picture = _picture(container)
            duration = None if container.duration is None else container.duration / av.time_base
            return Probe(container.format.name, duration, picture, _sound(container))
    except (av.FFmpegError, OSError) as error:
        said = [message.strip() for _, _, message in logged] + [str(getattr(error, "strerror", None) or error)]
        raise UnreadableError("probe", "not a readable media file", "; ".join(said)) from None


def _picture(container: av.container.InputContainer) -> Picture | None:
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        return None
    stream = streams[0]
    context = stream.codec_context
    file_says = _tags(context)
    frame = _first_frame(container, stream)
    return Picture(
        index=stream.index,
        codec=context.name,
        pixel_format=(context.pix_fmt or "") if frame is None else frame.format.name,
        width=context.width if frame is None else frame.width,
        height=context.height if frame is None else frame.height,
        # PyAV gives degrees counter-clockwise, -180 to 180.
        rotation=0 if frame is None else round(-frame.rotation / 90) % 4 * 90,
        pixel_aspect=stream.sample_aspect_ratio or Fraction(1),
        rate=stream.average_rate or stream.guessed_rate or None,
        tags=file_says if frame is None else _tags(frame).completed(file_says),
    )


def _tags(of: av.VideoFrame | av.VideoCodecContext) -> Tags:
    return Tags(int(of.colorspace), int(of.color_range), int(of.color_primaries), int(of.color_trc))


def _first_frame(container: av.container.InputContainer, stream: av.VideoStream) -> av.VideoFrame | None:
    """The first frame without damage among the first that decode, else the first that does; None where none does."""
    damaged = None
    for frame in islice(_frames(container, stream), LOOKED_AT):
        if not frame.is_corrupt:
            return frame
        damaged = damaged or frame
    return damaged


def _frames(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """Frames of a stream, past packets that do not decode, as far as the file can be read."""
    with suppress(av.FFmpegError):
        for packet in container.demux(stream):
            with suppress(av.FFmpegError):
                yield from packet.decode()


def _sound(container: av.container.InputContainer) -> Sound | None:
    # A track whose codec or rate is unknown cannot be decoded by anything: ffmpeg would refuse it too.
    for stream in container.streams.audio:
        context = stream.codec_context
        if context.rate and context.channels:
            return Sound(stream.index, context.name, context.rate, context.channels)
    return None
