"""ffmpeg as a source of raw frames and sound through a pipe.

Commands are built with ffmpeg-python; the binary is imageio-ffmpeg's. ffmpeg writes the time of each frame as the frame
leaves it, so times belong to exactly the frames that arrive.
"""

import os
import re
import select
import subprocess
import threading
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ffmpeg
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from pipeline import stopping
from pipeline.config import Media
from pipeline.errors import UserError
from pipeline.media.endings import Ending, StoppedError
from pipeline.media.probe import Picture, Sound, UnreadableError

STALL_SECONDS = 120.0
"""A decoder that gives no byte for so long is stuck and is ended."""

CONVERSION = "zimg, rounded once; matrix and range as the file says, else BT.601 and limited; to full-range rgb24"
"""How pictures become rgb: recorded with the frames."""

SWSCALE = "accurate_rnd+full_chroma_int+bitexact"
"""swscale without the shortcuts of its default, which darken frames by 1 to 2 of 255 levels."""

FILTERS: dict[str, dict[str, Any]] = {
    "bilinear": {"filter": "bilinear"},
    "bicubic": {"filter": "bicubic", "param_a": 0, "param_b": 0.5},  # Keys' a = -0.5, as PIL and torch
    "lanczos": {"filter": "lanczos", "param_a": 3},
}
"""zimg's filters by the scaler's name; all widen when they shrink a picture (antialiasing). It has none for `area`."""

PIPE_BYTES = 1 << 20
MOST_WORDS = 5
_TIME = re.compile(rb"(-?\d+) (\d+)/(\d+)\n")
_LEVEL = re.compile(rb"^(?:\[[^\]]* @ [^\]]*\] )*\[(info|warning|error|fatal|panic)\] (.*)$")
_REPEATED = re.compile(rb"\s*Last message repeated \d+ times")


def binary() -> str:
    """Path of the ffmpeg binary. `UserError` when there is none."""
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise UserError("imageio-ffmpeg: no ffmpeg binary; install it again, or set IMAGEIO_FFMPEG_EXE") from None


@cache
def version() -> str:
    """Version of the ffmpeg binary, which is asked once."""
    binary()
    try:
        return str(imageio_ffmpeg.get_ffmpeg_version())
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(f"{binary()}: ffmpeg does not run ({error}); install it again, or try again") from None


def require_zimg() -> None:
    """Raise `UserError` when the ffmpeg binary cannot convert pictures exactly."""
    answer = subprocess.run([binary(), "-v", "error", "-h", "filter=zscale"], capture_output=True, check=False)
    if stopped := Ending().stopped(answer.returncode):
        raise StoppedError(f"{binary()}, asked for its filters, {stopped}")
    if not answer.stdout.startswith(b"Filter zscale"):
        raise UserError(
            f"{binary()}: ffmpeg without the filter zscale (zimg); set IMAGEIO_FFMPEG_EXE to a build that has it"
        )


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
    The time of each frame goes to descriptor 0, where `Decoder` reads it.
    """
    stream = _input(path)[str(picture.index)]
    if media.fps == "source":
        stream = _as_rgb(stream, picture, media)
    elif picture.rate is not None and picture.rate < media.fps:
        stream = _resample(_as_rgb(stream, picture, media), media.fps, keep_last)  # resize before frames are repeated
    else:
        stream = _as_rgb(_resample(stream, media.fps, keep_last), picture, media)
    times = {"stats_enc_pre": "pipe:0", "stats_enc_pre_fmt": "{pts} {tb}", "enc_time_base": "filter"}
    return _output(stream, format="rawvideo", pix_fmt="rgb24", fps_mode="passthrough", **times)


def _resample(stream: Any, fps: float, keep_last: bool) -> Any:
    rate = Fraction(fps).limit_denominator(1001)
    end = "pass" if keep_last else "round"
    return stream.filter("fps", fps=f"{rate.numerator}/{rate.denominator}", eof_action=end)


def _as_rgb(stream: Any, picture: Picture, media: Media) -> Any:
    """Resize and convert: zimg does both in one step and rounds once, at the end."""
    width, height = frame_size(picture, media)
    matrix = picture.matrix
    # zimg takes no odd sizes where colour is subsampled. In most files there is nothing to repack.
    odd = picture.width % 2 == 1 or picture.height % 2 == 1
    stream = stream.filter("scale", flags=f"bilinear+{SWSCALE}").filter("format", _layouts(odd))
    if media.scaler == "area":
        # Which zimg has not: swscale resizes what zimg gives and takes back, all but unrounded (16 bits).
        stream = stream.filter("zscale", matrixin=matrix, matrix=matrix, range="limited").filter("format", "yuv444p16")
        stream = stream.filter("scale", width, height, flags=f"area+{SWSCALE}")
    resize = {"width": width, "height": height} | FILTERS.get(media.scaler, {})
    rgb = stream.filter("zscale", **resize, matrixin=matrix, matrix="gbr").filter("format", "gbrp")
    return rgb.filter("format", "rgb24")


def _layouts(full_colour: bool) -> str:
    """Layouts of pixels that zimg takes, for the `format` filter: separate planes, without transparency."""
    families = ["yuv444p"] if full_colour else ["yuv420p", "yuv422p", "yuv444p"]
    names = [f"{family}{depth}" for family in [*families, "gbrp"] for depth in ("", "10", "12", "16")]
    return "|".join(names + [family.replace("yuv", "yuvj") for family in families])


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

    While `blocks` reads standard output, threads drain standard error and the frame times, so no side can wait for
    another. The decoder writes a line ``pts numerator/denominator`` (the time base) a frame to its descriptor 0, which
    it never reads. ``times`` (seconds of the frames) and ``words`` (its complaints) are complete after `blocks`.
    Raises `StoppedError` when it cannot be started.
    """

    def __init__(self, command: list[str], stage: str, stall_seconds: float = STALL_SECONDS) -> None:
        self.times: list[float] = []
        self._complaints: dict[bytes, list[str]] = {}
        self._ending = Ending()
        self._stage = stage
        self._stall = stall_seconds
        self._command = command

    def __enter__(self) -> Self:
        # A signal that came in the middle would leave a process that nobody knows of.
        with stopping.unbroken():
            self._process, times = self._start()
            self._drains = [
                threading.Thread(target=self._read_errors, daemon=True),
                threading.Thread(target=self._read_times, args=(times,), daemon=True),
            ]
            for drain in self._drains:
                drain.start()
        return self

    def _start(self) -> "tuple[subprocess.Popen[bytes], int]":
        """The process, and the descriptor that its times come from."""
        times, times_end = os.pipe()
        try:
            process = subprocess.Popen(
                self._command,
                stdin=times_end,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pipesize=PIPE_BYTES,
            )
            return process, times
        except OSError as error:
            os.close(times)
            raise StoppedError(f"{self._command[0]} could not be started ({error.strerror})") from None
        finally:
            os.close(times_end)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with stopping.unbroken():
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
            self._join()
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

        An item that is cut short at the end is dropped. Raises `UnreadableError` when the decoder is stuck or crashes,
        and `StoppedError` when something else ended it before its end: what came of it is then not all there is.
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
        stopping.check()
        ready, _, _ = select.select([pipe], [], [], self._stall)
        if not ready:
            raise self._stuck()
        return os.readv(pipe.fileno(), [target])

    def _finish(self) -> None:
        try:
            status = self._process.wait(self._stall)
        except subprocess.TimeoutExpired:
            raise self._stuck() from None
        self._join()
        stopping.check()  # Ctrl-C reaches decoders too
        if stopped := self._ending.stopped(status):
            raise StoppedError(f"the decoder {stopped}")
        if crashed := self._ending.crashed(status):
            raise UnreadableError(self._stage, f"the decoder {crashed}", self.words)

    def _stuck(self) -> UnreadableError:
        return UnreadableError(self._stage, f"the decoder gave nothing for {self._stall:g} s", self.words)

    def _join(self) -> None:
        for drain in self._drains:
            drain.join()

    def _read_times(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "rb") as pipe:
            written = pipe.read()
        # Python's division of integers is correctly rounded.
        self.times = [int(pts) * int(over) / int(under) for pts, over, under in _TIME.findall(written)]

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        with os.fdopen(os.dup(self._process.stderr.fileno()), "rb") as lines:
            for line in lines:
                found = _LEVEL.match(line)
                if found is None or _REPEATED.match(found[2]):
                    continue
                message = found[2].decode(errors="replace").strip()
                self._ending.note(message)
                if found[1] != b"info":
                    self._note(found[1], message)

    def _note(self, level: bytes, message: str) -> None:
        messages = self._complaints.setdefault(level, [])
        if message and message not in messages and len(messages) < MOST_WORDS:
            messages.append(" ".join(message.split()))
