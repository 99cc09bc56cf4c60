"""Which of several streams is the picture, and which the sound: the one that ffmpeg and players would choose.

A picture that moves goes before a single one (a thumbnail that nobody marked as such), sound that is there before a
track without any; then the stream flagged as default, then the larger picture or the one of more channels, then the
first. Attached pictures (covers) are never the picture.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import av
from av.stream import Discard, Disposition

from pipeline.media.gate import open_media

ENOUGH_PACKETS = 5000
"""A stream that has shown nothing new while another gave so many packets is not waited for."""
DESCRIBED = 10
"""Streams that are described; the rest is counted."""
SIDE = Disposition.dependent | Disposition.still_image | Disposition.timed_thumbnails
"""Flags of streams that complete another one, or stand for it."""

Stream = TypeVar("Stream", av.VideoStream, av.AudioStream)


@dataclass(frozen=True)
class Choice(Generic[Stream]):
    """A stream, and a sentence about the others: empty where there is no other."""

    stream: Stream
    words: str = ""


@dataclass(frozen=True)
class _Candidate(Generic[Stream]):
    """A stream that can be decoded. size: pixels or channels."""

    stream: Stream
    size: int
    described: str


def choose_picture(container: av.container.InputContainer, path: Path) -> Choice[av.VideoStream] | None:
    """The picture of an open file; None where it has none that can be decoded."""
    found = []
    for stream in container.streams.video:
        context = stream.codec_context  # None where nothing can decode it
        if context and not stream.disposition & Disposition.attached_pic:
            described = f"{context.name} {context.width}x{context.height}"
            found.append(_Candidate(stream, context.width * context.height, described))
    return _choose(found, path, "pictures", enough=2)


def choose_sound(container: av.container.InputContainer, path: Path) -> Choice[av.AudioStream] | None:
    """The sound track of an open file; None where it has none that can be decoded."""
    found = []
    for stream in container.streams.audio:
        context = stream.codec_context
        # A track whose rate or channels are unknown cannot be decoded by anything: ffmpeg would refuse it too.
        if context and context.rate and context.channels:
            described = f"{context.name} of {context.channels} channel{'s' * (context.channels > 1)}"
            found.append(_Candidate(stream, context.channels, described))
    return _choose(found, path, "sound tracks", enough=1)


def _choose(candidates: Sequence[_Candidate[Stream]], path: Path, what: str, enough: int) -> Choice[Stream] | None:
    if len(candidates) < 2:
        return Choice(candidates[0].stream) if candidates else None
    shown = _shown([candidate.stream for candidate in candidates], path, enough)

    def rank(candidate: _Candidate[Stream]) -> tuple[int, bool, bool, int]:
        flags = candidate.stream.disposition
        main, default = not flags & SIDE, bool(flags & Disposition.default)
        return shown[candidate.stream.index], main, default, candidate.size

    best = max(candidates, key=rank).stream  # the first of equals
    words = [_words(candidate, shown[candidate.stream.index], enough) for candidate in candidates[:DESCRIBED]]
    more = [f"{len(candidates) - DESCRIBED} more"] if len(candidates) > DESCRIBED else []
    listed = "; ".join(words + more)
    return Choice(best, f"{len(candidates)} {what} ({listed}): stream {best.index} is taken")


def _words(candidate: _Candidate[Stream], shown: int, enough: int) -> str:
    notes = [candidate.described]
    if shown < enough:
        notes.append("one picture" if shown else "nothing in it")
    if candidate.stream.disposition & Disposition.default:
        notes.append("default")
    return f"stream {candidate.stream.index}: {', '.join(notes)}"


def _shown(streams: Sequence[Stream], path: Path, enough: int) -> dict[int, int]:
    """How many packets each stream has, counted up to ``enough``."""
    # mp4 and its relatives count their samples; elsewhere a number of frames may be anything.
    if "mp4" in streams[0].container.format.name and all(stream.frames for stream in streams):
        return {stream.index: min(stream.frames, enough) for stream in streams}
    read = dict.fromkeys((stream.index for stream in streams), 0)
    with open_media(path) as container, suppress(av.FFmpegError):
        for stream in container.streams:
            if stream.index not in read:
                stream.discard = Discard.all
        for packet in container.demux([container.streams[index] for index in read]):
            if packet.size:  # the last ones, which end the streams, have none
                read[packet.stream.index] += 1
            if min(read.values()) >= enough or max(read.values()) >= ENOUGH_PACKETS:
                break
    return {index: min(read[index], enough) for index in read}
