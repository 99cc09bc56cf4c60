"""Looking into a file apart: in a process of its own, so that no file can hang, crash or fill the one that asks.

libavformat and its decoders run inside the process that uses PyAV. Nothing in Python ends a loop in them, and where
they crash, the videos before are lost too.
"""

import errno
import os
import pickle
import resource
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar, cast

from pipeline import stopping
from pipeline.media.endings import Ending, StoppedError, memory_is_short
from pipeline.media.faults import UnreadableError

MEMORY_BYTES = 3 << 29
"""What a look may take beyond what the process has."""

PROCESSOR_SECONDS = 120
"""What a look may take of a processor: that of an hour's file takes a second or two."""

Found = TypeVar("Found")


def apart(look: Callable[[], Found], what: str) -> Found:
    """What ``look`` returns or raises, computed in a fork of this process.

    Raises `UnreadableError` of the stage ``what`` when the file made it crash, take more than `PROCESSOR_SECONDS` or
    more than `MEMORY_BYTES`, and `StoppedError` when something else ended it or the machine has too little memory.
    """
    receiving, sending = os.pipe()
    with stopping.unbroken():
        child = os.fork()
        if child == 0:
            os.close(receiving)
            _work(look, sending)
        os.close(sending)
    try:
        with os.fdopen(receiving, "rb") as pipe:
            answer = pipe.read()
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    stopping.check()  # Ctrl-C reaches it too
    if status:
        raise _ended(status, what)
    kind, value = pickle.loads(answer)  # noqa: S301 - this program wrote it
    if kind == "raised":
        raise value
    if kind == "memory" and memory_is_short():
        raise StoppedError(f"the file could not be opened: {os.strerror(errno.ENOMEM)}")
    if kind == "memory":
        raise UnreadableError(what, f"looking into it takes more than {MEMORY_BYTES >> 20} MiB of memory", value)
    return cast(Found, value)


def _ended(status: int, what: str) -> Exception:
    if status == -signal.SIGXCPU:
        return UnreadableError(what, f"looking into it takes more than {PROCESSOR_SECONDS} s of a processor")
    if crashed := Ending().crashed(status):
        return UnreadableError(what, f"the decoder {crashed}")
    return StoppedError(f"looking into it {Ending().stopped(status) or f'ended with status {status}'}")


def _work(look: Callable[[], object], sending: int) -> NoReturn:
    """The child. Whatever happens, it ends here: files that were open before are not its to close."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _limit(resource.RLIMIT_CPU, PROCESSOR_SECONDS)
        if (held := _data_bytes()) is not None:
            _limit(resource.RLIMIT_DATA, held + MEMORY_BYTES)
        with os.fdopen(sending, "wb") as pipe:
            pipe.write(_answer(look))
        os._exit(0)
    finally:
        os._exit(1)


def _answer(look: Callable[[], object]) -> bytes:
    try:
        return pickle.dumps(("found", look()))
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
