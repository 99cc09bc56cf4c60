"""How a decoder ended: by what is in the file, or by something that happened to it.

Only faults of the data may put a video in quarantine, since only these are the same when it is tried again. A decoder
that somebody ended, or that got no memory, says nothing about the video: the job fails, and can be run again.
"""

import errno
import mmap
import os
import re
import resource
import signal
from pathlib import Path

from pipeline.errors import UserError

CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP})
"""Signals a program gets for what it does itself, which a file can make it do."""
LACKING = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC)
"""What the machine lacks, by the error that says so; no file makes a decoder report them."""
NO_THREAD = errno.EAGAIN
"""With this a process ends that may have no more threads or memory; a decoder's messages mean something else by it."""
TOO_MANY_SIGNALS = 123
"""ffmpeg's status when it is told so often to end that it does so at once."""
_TOLD = re.compile(r"Exiting normally, received signal (\d+)")
READ_BYTES = 1 << 22
LARGEST_ALLOCATION = (1 << 31) - 1


class StoppedError(UserError):
    """A decoder did not come to its end, and not for what is in the file: nothing can be said about the video."""


class Ending:
    """What a decoder's last messages and its status say."""

    def __init__(self) -> None:
        self._signal: int | None = None
        self._lacking: str | None = None

    def note(self, message: str) -> None:
        """Take in a message of the decoder."""
        # ffmpeg's status alone would not tell: 255 is what it ends with when told to, and with some broken files.
        if told := _TOLD.match(message):
            self._signal = int(told[1])
        elif lacking := next((words for words in map(os.strerror, LACKING) if words in message), None):
            self._lacking = lacking

    def stopped(self, status: int) -> str | None:
        """What happened to the decoder, for a sentence; None where it ended for itself."""
        ended_by = self._signal or _signal_of(status)
        if status == TOO_MANY_SIGNALS:
            return "was ended from outside"
        if ended_by is not None and ended_by not in CRASHES:
            hint = "; out of memory?" if ended_by == signal.SIGKILL else ""
            return f"was ended from outside, by {_name(ended_by)}{hint}"
        lacking = self._lacking or next((os.strerror(e) for e in (*LACKING, NO_THREAD) if status == 256 - e), None)
        return None if lacking is None else f"got too little from the machine: {lacking}"

    def out_of_memory(self, status: int) -> bool:
        """Whether it got no more memory, for all it may have."""
        return self._lacking == os.strerror(errno.ENOMEM) or status == 256 - errno.ENOMEM

    def crashed(self, status: int) -> str | None:
        """How the decoder crashed, for a sentence; None where it did not."""
        ended_by = _signal_of(status)
        return f"crashed ({_name(ended_by)})" if ended_by in CRASHES else None


def _signal_of(status: int) -> int | None:
    """The signal that ended a process, or the one a shell around it reports."""
    number = -status if status < 0 else status - 128
    return number if 0 < number < signal.NSIG and (status < 0 or number in _REPORTED) else None


_REPORTED = frozenset({*CRASHES, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL, signal.SIGTERM})
"""Of the statuses above 128 those with which shells report a signal; ffmpeg has none of them for a file."""


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def memory_is_short() -> bool:
    """Whether an allocation may have failed for want of memory.

    Otherwise it asked for what no machine has: headers of damaged files do. libav takes `LARGEST_ALLOCATION` at most
    at once, and where no limit is set that much is always to be had.
    """
    if any(
        resource.getrlimit(kind)[0] != resource.RLIM_INFINITY for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    ):
        return True
    try:
        mmap.mmap(-1, LARGEST_ALLOCATION).close()
    except OSError:
        return True
    return False


def require_readable(path: Path) -> None:
    """Read a file from beginning to end, but for its holes. `UserError` when the machine does not give it."""
    try:
        # Should a named pipe stand there by now, nothing is waited for.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0) as file:
            while file.read(READ_BYTES):
                _skip_hole(file.fileno())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); see to the file or the disk") from None


def _skip_hole(file: int) -> None:
    """Go on where there is something again: a hole of terabytes takes no room on a disk."""
    place = os.lseek(file, 0, os.SEEK_CUR)
    try:
        os.lseek(file, place, os.SEEK_DATA)
    except OSError as error:
        if error.errno != errno.ENXIO:  # it is hole up to the end
            raise
        os.lseek(file, 0, os.SEEK_END)
