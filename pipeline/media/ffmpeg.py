"""ffmpeg as a source of raw frames and sound through a pipe.

Commands are built with ffmpeg-python; the binary is imageio-ffmpeg's. ffmpeg writes the time of each frame as the frame
leaves it, so times belong to exactly the frames that arrive.
"""

import os
import re
import resource
import select
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
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
from pipeline.media.clock import Clock
from pipeline.media.colour import BT601, MATRICES, UNSPECIFIED, Reading
from pipeline.media.convert import MARK, UNSAID, as_rgb
from pipeline.media.endings import Ending, StoppedError, memory_is_short
from pipeline.media.faults import UnreadableError
from pipeline.media.probe import Picture
from pipeline.media.source import source

STALL_SECONDS = 120.0
"""A decoder that gives no byte for so long is stuck and is ended."""

MEMORY_BYTES = 2 << 30
"""Memory that a decoder may take: pictures of 8K, unresized, take three quarters of it."""

REWRITES = {
    "libdav1d": ("av1_metadata=matrix_coefficients", UNSPECIFIED),
    "mpeg2video": ("mpeg2_metadata=matrix_coefficients", UNSPECIFIED),
    "prores": ("prores_metadata=colorspace", BT601),
}
"""By codec, of those that pass on any code of a matrix: the bitstream filter that writes one, and the code for none."""

PIPE_BYTES = 1 << 20
MOST_WORDS = 5
_TIME = re.compile(rb"(-?\d+) (\d+)/(\d+)\n")
FRAME_MARKS = "{pts} {tb}"
SOUND_MARKS = "{pts} {samp}"
"""What ffmpeg says of each frame: its time (in time bases, which are samples of sound), its samples."""

MARKS_SECONDS = 0.005
"""Rest between two looks at the marks, which come one by one: without it each would wake a thread."""

_LEVEL = re.compile(rb"^(?:\[[^\]]* @ [^\]]*\] )*\[(info|warning|error|fatal|panic)\] (.*)$")
_REFUSED = ("Invalid color space", "Impossible to convert between the formats")
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


def frames_command(
    path: Path, picture: Picture, media: Media, read: Reading, clock: Clock, *, keep_last: bool = False
) -> list[str]:
    """The command that writes rgb24 frames of `frame_size` to its standard output; all are read as ``read`` says.

    With ``media.fps`` a number the `fps` filter repeats and drops frames to that rate, rounding the end of the clip to
    the nearest frame; ``keep_last`` rounds it up, for clips shorter than half a frame. Rotation is undone by ffmpeg.
    The time of each frame goes to descriptor 0, where `Decoder` reads it.
    """
    size = frame_size(picture, media)
    stream = _picture_input(path, picture, media, clock)
    if media.fps == "source":
        stream = as_rgb(stream, read, size, media.scaler)
    elif picture.rate is not None and picture.rate < media.fps:
        # Resize before frames are repeated.
        stream = _resample(as_rgb(stream, read, size, media.scaler), media.fps, keep_last)
    else:
        stream = as_rgb(_resample(stream, media.fps, keep_last), read, size, media.scaler)
    return _frames_output(stream, format="rawvideo", pix_fmt="rgb24")


def survey_command(path: Path, picture: Picture, media: Media, clock: Clock) -> list[str]:
    """The command that decodes every frame, writes none, and says of each what it is, as the filter `showinfo` does."""
    shown = _picture_input(path, picture, media, clock).filter("showinfo", checksum=0)
    return _frames_output(shown.filter("setparams", **UNSAID), format="null")


def exact_rate(fps: float) -> Fraction:
    """Frames a second as the fraction that is meant: 12.5 is 25/2, 29.97002997 is 30000/1001, and 29.97 is 2997/100."""
    return Fraction(fps).limit_denominator(1001)


def _resample(stream: Any, fps: float, keep_last: bool) -> Any:
    rate = exact_rate(fps)
    end = "pass" if keep_last else "round"
    return stream.filter("fps", fps=f"{rate.numerator}/{rate.denominator}", eof_action=end)


def _picture_input(path: Path, picture: Picture, media: Media, clock: Clock) -> Any:
    # Of a stream that changes in the middle, what is too large does not decode.
    given: dict[str, Any] = {"max_pixels": media.max_pixels}
    if not picture.rewritten:
        return source(path, clock, **given)[str(picture.index)]
    rewrites: dict[int, str] = {}
    if picture.codec in REWRITES:
        rewrite, none = REWRITES[picture.codec]
        rewrites[picture.index] = f"{rewrite}={picture.tags.matrix if picture.tags.matrix in MATRICES else none}"
    # "unknown" instead of what the file says.
    return source(path, clock, rewrites, colorspace="unknown", **given)[str(picture.index)]


def _frames_output(stream: Any, **options: Any) -> list[str]:
    return output(stream, FRAME_MARKS, **options, fps_mode="passthrough", enc_time_base="filter")


def output(stream: Any, marks: str, **options: Any) -> list[str]:
    """The command that writes ``stream`` to its standard output, and a line ``marks`` a frame to its descriptor 0."""
    written = ffmpeg.output(stream, "pipe:1", stats_enc_pre="pipe:0", stats_enc_pre_fmt=marks, **options)
    # At this level it says which signal ended it.
    arguments = ("-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info", "-filter_complex_threads", "1")
    return list(written.global_args(*arguments).compile(cmd=binary()))


def _limit_memory(process: int) -> None:
    """Set `MEMORY_BYTES`, where the system can (Linux) and lets it be done. A process that has ended needs no limit."""
    if hasattr(resource, "prlimit"):
        with suppress(ProcessLookupError, PermissionError):
            hard = resource.prlimit(process, resource.RLIMIT_DATA)[1]
            most = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
            resource.prlimit(process, resource.RLIMIT_DATA, (most, hard))


class Decoder:
    """A running decoder: a context manager that never leaves a process behind.

    While `blocks` reads standard output, threads drain standard error and the frame times, so no side can wait for
    another. The decoder writes a line a frame (`FRAME_MARKS` or `SOUND_MARKS`) to its descriptor 0, which it never
    reads, before the frame itself, and `MARK` whenever it has made the filters of a picture. Raises `StoppedError` when
    it cannot be started.

    ``words`` (its complaints), `times`, `changed` and ``refused`` (whether a filter did not take the frames as they
    were) are complete after `blocks`. ``hear`` is called with each line of standard error, on a thread of its own.
    """

    def __init__(
        self,
        command: list[str],
        stage: str,
        stall_seconds: float = STALL_SECONDS,
        hear: Callable[[str], None] | None = None,
    ) -> None:
        self._marks = bytearray()
        self._marked = threading.Condition()
        self._ended = False
        self.refused = False
        self._hear = hear
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
                threading.Thread(target=self._read_marks, args=(times,), daemon=True),
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
        except OSError as error:
            os.close(times)
            raise StoppedError(f"{self._command[0]} could not be started ({error.strerror})") from None
        finally:
            os.close(times_end)
        _limit_memory(process.pid)
        return process, times

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

    @property
    def times(self) -> list[float]:
        """Seconds at which the frames begin to be shown."""
        # Python's division of integers is correctly rounded.
        return [int(pts) * int(over) / int(under) for pts, over, under in _TIME.findall(self._marks)]

    @property
    def changed(self) -> bool:
        """Whether size, layout, colours or rotation of the picture did in mid-stream."""
        return self._marks.count(MARK.encode()) > 1

    def new_marks(self) -> NDArray[np.int64]:
        """(N, 2) pts and samples of the pieces of sound that came since it was asked; it waits. N = 0: no more come."""
        with self._marked:
            self._marked.wait_for(lambda: self._ended or b"\n" in self._marks)
            whole = self._marks.rfind(b"\n") + 1
            lines = bytes(self._marks[:whole])
            del self._marks[:whole]
        return np.fromstring(lines.decode("ascii"), np.int64, sep=" ").reshape(-1, 2)

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
        if self._ending.out_of_memory(status) and not memory_is_short():
            most = f"{MEMORY_BYTES >> 20} MiB of memory"
            raise UnreadableError(self._stage, f"decoding it takes more than {most}", self.words)
        if stopped := self._ending.stopped(status):
            raise StoppedError(f"the decoder {stopped}")
        if crashed := self._ending.crashed(status):
            raise UnreadableError(self._stage, f"the decoder {crashed}", self.words)

    def _stuck(self) -> UnreadableError:
        return UnreadableError(self._stage, f"the decoder gave nothing for {self._stall:g} s", self.words)

    def _join(self) -> None:
        for drain in self._drains:
            drain.join()

    def _read_marks(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "rb", buffering=0) as pipe:
            while written := pipe.read(PIPE_BYTES):
                with self._marked:
                    self._marks += written
                    self._marked.notify()
                time.sleep(MARKS_SECONDS)
        with self._marked:
            self._ended = True
            self._marked.notify()

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        with os.fdopen(os.dup(self._process.stderr.fileno()), "rb") as lines:
            for line in lines:
                if self._hear is not None:
                    self._hear(line.decode(errors="replace"))
                found = _LEVEL.match(line)
                if found is None or _REPEATED.match(found[2]):
                    continue
                message = found[2].decode(errors="replace").strip()
                self._ending.note(message)
                if found[1] != b"info":
                    self._note(found[1], message)

    def _note(self, level: bytes, message: str) -> None:
        self.refused |= message.startswith(_REFUSED)
        messages = self._complaints.setdefault(level, [])
        if message and message not in messages and len(messages) < MOST_WORDS:
            messages.append(" ".join(message.split()))
