"""ffmpeg as a source of raw frames and sound through a pipe.

Commands are built with ffmpeg-python; the binary is imageio-ffmpeg's. Frame times come from ffmpeg's own `showinfo`
lines, so they belong to exactly the frames that arrive.
"""

import os
import re
import select
import subprocess
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ffmpeg
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from pipeline.config import Media
from pipeline.errors import UserError
from pipeline.media.probe import Picture, Sound, UnreadableError

STALL_SECONDS = 120.0
"""A decoder that gives no byte for so long is stuck and is ended."""

CONVERSION = "accurate_rnd+full_chroma_int+bitexact"
"""swscale without the shortcuts of its default, which darken frames by about 1.3 of 255 levels; equal on every CPU."""

PIPE_BYTES = 1 << 20
MOST_WORDS = 5
_TIME = re.compile(rb"n: *\d+ pts: *(-?\d+) ")
_TIME_BASE = re.compile(rb"config in time_base: (\d+)/(\d+)")
_LEVEL = re.compile(rb"^(?:\[[^\]]* @ [^\]]*\] )*\[(warning|error|fatal|panic)\] (.*)$")
_REPEATED = re.compile(rb"\s*Last message repeated \d+ times")


def binary() -> str:
    """Path of the ffmpeg binary. `UserError` when there is none."""
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise UserError("imageio-ffmpeg: no ffmpeg binary; install it again, or set IMAGEIO_FFMPEG_EXE") from None


def version() -> str:
    """Version of the ffmpeg binary."""
    binary()
    return str(imageio_ffmpeg.get_ffmpeg_version())


def frame_size(picture: Picture, media: Media) -> tuple[int, int]:
    """(width, height) of decoded frames, pixels.

    direct: size x size. short_side: the displayed picture (square pixels, turned) with its short side at size.
    source: the displayed picture as it is.
    """
    if media.resize == "direct":
        return media.size, media.size
    width, height = picture.displayed
    if media.resize == "source":
        return width, height
    scale = Fraction(media.size, min(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def frames_command(path: Path, picture: Picture, media: Media, *, keep_last: bool = False) -> list[str]:
    """The command that writes rgb24 frames of `frame_size` to its standard output.

    With ``media.fps`` a number the `fps` filter repeats and drops frames to that rate, rounding the end of the clip to
    the nearest frame; ``keep_last`` rounds it up, for clips shorter than half a frame. Rotation is undone by ffmpeg.
    """
    width, height = frame_size(picture, media)
    stream = _input(path)[str(picture.index)]
    if media.fps != "source":
        rate = Fraction(media.fps).limit_denominator(1001)
        end = "pass" if keep_last else "round"
        stream = stream.filter("fps", fps=f"{rate.numerator}/{rate.denominator}", eof_action=end)
    stream = stream.filter("scale", width, height, flags=f"{media.scaler}+{CONVERSION}").filter("showinfo", checksum=0)
    return _output(stream, format="rawvideo", pix_fmt="rgb24", fps_mode="passthrough")


def sound_command(path: Path, sound: Sound) -> list[str]:
    """The command that writes little-endian float32 sound, mono, at the track's own rate, to its standard output.

    Mono is the mean of the channels. Sample 0 is at time 0 of the file: a track that begins later, or has gaps, is
    filled with silence, so sound and frames share one clock.
    """
    mean = "+".join(f"{1 / sound.channels:.9f}*c{channel}" for channel in range(sound.channels))
    filters = f"aformat=sample_fmts=flt,pan=1c|c0={mean},aresample=async=1:first_pts=0"
    return _output(_input(path)[str(sound.index)], af=filters, format="f32le", ar=sound.rate)


def _input(path: Path) -> Any:
    # One decoding thread: jobs run side by side. Only local files, whatever a playlist in disguise asks for.
    return ffmpeg.input(f"file:{path}", protocol_whitelist="file", threads=1)


def _output(stream: Any, **options: Any) -> list[str]:
    output = ffmpeg.output(stream, "pipe:1", **options)
    arguments = ("-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info", "-filter_complex_threads", "1")
    return list(output.global_args(*arguments).compile(cmd=binary()))


class Decoder:
    """A running decoder: a context manager that never leaves a process behind.

    While `blocks` reads standard output, a thread drains standard error, so neither side can wait for the other.
    ``times`` (seconds of the frames so far) and ``words`` (the decoder's complaints) are complete after `blocks`.
    """

    def __init__(self, command: list[str], stage: str, stall_seconds: float = STALL_SECONDS) -> None:
        self.times: list[float] = []
        self._complaints: dict[bytes, list[str]] = {}
        self._stage = stage
        self._stall = stall_seconds
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pipesize=PIPE_BYTES,
        )
        self._drain = threading.Thread(target=self._read_errors, daemon=True)
        self._drain.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._drain.join()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    @property
    def words(self) -> str:
        """Errors the decoder reported, or its warnings when it reported no error."""
        for level in (b"panic", b"fatal", b"error"):
            if level in self._complaints:
                return "; ".join(self._complaints[level])
        return "; ".join(self._complaints.get(b"warning", []))

    @property
    def failed(self) -> bool:
        """Whether the decoder reported errors or ended with a status other than 0."""
        return self._process.returncode != 0 or bool(self._complaints.keys() - {b"warning"})

    def blocks(self, item_bytes: int, block_items: int) -> Iterator[NDArray[np.uint8]]:
        """Yield (n, item_bytes) uint8, n up to ``block_items``; a block is overwritten by the next.

        An item that is cut short at the end is dropped. Raises `UnreadableError` when the decoder is stuck or is ended
        by a signal.
        """
        buffer = np.empty((block_items, item_bytes), np.uint8)
        flat = buffer.reshape(-1).data
        filled = 0
        while count := self._read_into(flat[filled:]):
            filled += count
            if filled == len(flat):
                yield buffer
                filled = 0
        self._finish()
        if filled >= item_bytes:
            yield buffer[: filled // item_bytes]

    def _read_into(self, target: memoryview) -> int:
        pipe = self._process.stdout
        assert pipe is not None
        ready, _, _ = select.select([pipe], [], [], self._stall)
        if not ready:
            raise self._stuck()
        return os.readv(pipe.fileno(), [target])

    def _finish(self) -> None:
        try:
            status = self._process.wait(self._stall)
        except subprocess.TimeoutExpired:
            raise self._stuck() from None
        self._drain.join()
        if status < 0:
            raise UnreadableError(self._stage, f"the decoder was ended by signal {-status}", self.words)

    def _stuck(self) -> UnreadableError:
        return UnreadableError(self._stage, f"the decoder gave nothing for {self._stall:g} s", self.words)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        base = Fraction(0)
        with os.fdopen(os.dup(self._process.stderr.fileno()), "rb") as lines:
            for line in lines:
                if found := _TIME.search(line):
                    self.times.append(float(int(found[1]) * base))
                elif found := _TIME_BASE.search(line):
                    base = Fraction(int(found[1]), int(found[2]))
                elif (found := _LEVEL.match(line)) and not _REPEATED.match(found[2]):
                    self._note(found[1], found[2].decode(errors="replace").strip())

    def _note(self, level: bytes, message: str) -> None:
        messages = self._complaints.setdefault(level, [])
        if message and message not in messages and len(messages) < MOST_WORDS:
            messages.append(" ".join(message.split()))
