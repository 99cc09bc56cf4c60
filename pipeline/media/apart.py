"""Looking into a file apart: in a process of its own, so that no file can hang, crash or fill the one that asks.

libavformat and its decoders run inside the process that uses PyAV. Nothing in Python ends a loop in them, and where
they crash, the videos before are lost too.
"""

import errno
import os
import pickle
import resource
import signal
import time
import traceback
from collections.abc import Callable
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import IO, Generic, NoReturn, Self, TypeVar, cast

from pipeline import stopping
from pipeline.media.endings import Ending, StoppedError, memory_is_short
from pipeline.media.faults import UnreadableError

MEMORY_BYTES = 3 << 29
"""What looks may take beyond what the process has."""

PROCESSOR_SECONDS = 120
"""What a look may take of a processor: that of an hour's file takes a second or two."""

Found = TypeVar("Found")


class Apart(Generic[Found]):
    """``look`` computed in a fork of this process, which serves as long as nothing goes wrong; a context manager.

    A fork costs as much as a look into a short clip: it is made once, when the first file is looked into.
    """

    def __init__(self, look: Callable[[Path], Found]) -> None:
        self._look = look
        self._child: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def __call__(self, path: Path) -> Found:
        """What ``look`` returns or raises for ``path``.

        Raises `UnreadableError` when the file made it crash, take more than `PROCESSOR_SECONDS` or more than
        `MEMORY_BYTES`, and `StoppedError` when something else ended it or the machine has too little memory.
        """
        if self._child is None:
            self._start()
        try:
            _write(self._questions, pickle.dumps(path))
            kind, value = pickle.load(self._answers)  # noqa: S301 - this program wrote it
        except (EOFError, ConnectionError, pickle.UnpicklingError):
            raise _ended(self._reap()) from None
        if kind == "found":
            return cast(Found, value)
        self._close()  # another try begins with nothing left of this one
        if kind == "raised":
            raise value
        if memory_is_short():
            raise StoppedError(f"the file could not be opened: {os.strerror(errno.ENOMEM)}")
        raise UnreadableError("probe", f"looking into it takes more than {MEMORY_BYTES >> 20} MiB of memory", value)

    def _start(self) -> None:
        with stopping.unbroken():
            asked, asking = os.pipe()
            answered, answering = os.pipe()
            self._child = os.fork()
            ours, theirs = (asking, answered), (asked, answering)
            for end in theirs if self._child else ours:
                os.close(end)
            if self._child == 0:
                _serve(self._look, os.fdopen(asked, "rb"), os.fdopen(answering, "wb", buffering=0))
            self._questions, self._answers = os.fdopen(asking, "wb", buffering=0), os.fdopen(answered, "rb")

    def _close(self) -> None:
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)
            self._reap()

    def _reap(self) -> int:
        """The status of the child, which is at its end."""
        assert self._child is not None
        self._questions.close()
        self._answers.close()
        _, status = os.waitpid(self._child, 0)
        self._child = None
        stopping.check()  # Ctrl-C reaches it too
        return os.waitstatus_to_exitcode(status)


def _ended(status: int) -> Exception:
    if status == -signal.SIGXCPU:
        return UnreadableError("probe", f"looking into it takes more than {PROCESSOR_SECONDS} s of a processor")
    if crashed := Ending().crashed(status):
        return UnreadableError("probe", f"the decoder {crashed}")
    return StoppedError(f"looking into it {Ending().stopped(status) or f'ended with status {status}'}")


def _serve(look: Callable[[Path], object], questions: IO[bytes], answers: IO[bytes]) -> NoReturn:
    """The child. Whatever happens, it ends here: files that were open before are not its to close."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if (held := _data_bytes()) is not None:
            _limit(resource.RLIMIT_DATA, held + MEMORY_BYTES)
        while True:
            path = pickle.load(questions)  # noqa: S301
            _limit(resource.RLIMIT_CPU, ceil(time.process_time()) + PROCESSOR_SECONDS)
            _write(answers, _answer(look, path))
    except (EOFError, ConnectionError):
        os._exit(0)
    finally:
        os._exit(1)


def _write(file: IO[bytes], data: bytes) -> None:
    """All of it: a pipe may take a part."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _answer(look: Callable[[Path], object], path: Path) -> bytes:
    try:
        return pickle.dumps(("found", look(path)))
    except MemoryError as error:
        return pickle.dumps(("memory", str(error)))
    except Exception as error:
        error.add_note("".join(traceback.format_tb(error.__traceback__)))  # pickling loses it
        return pickle.dumps(("raised", error))


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, hard))


def _data_bytes() -> int | None:
    """Memory that this process holds as `RLIMIT_DATA` counts it; None where the system does not say (not Linux)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    except FileNotFoundError:
        return None
