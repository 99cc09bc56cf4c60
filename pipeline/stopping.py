"""Being stopped from outside: SIGINT (Ctrl-C), SIGTERM and SIGHUP end every command alike.

The handler raises, so that everything begun is taken back on the way out. An exception from a handler can be lost: in a
destructor, or in a callback of a C library, Python prints it and goes on. So the signal is remembered too, and `check`
stands wherever a command would go on for long or would finish a file.
"""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PARENT = "AVSD_PARENT"
"""The environment variable in which the workflow tells a command the process that it ends with."""
_PR_SET_PDEATHSIG = 1


class Stopped(SystemExit):
    """A signal ends this command; exit status 128 + its number, as a shell gives it."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number

    def __str__(self) -> str:
        return f"stopped by {signal.Signals(self.number).name}"


class _State:
    watching = False
    received: int | None = None
    held = 0
    counting = threading.Lock()


@contextmanager
def watched() -> Iterator[None]:
    """A command of the command line, which any of `SIGNALS` ends by `Stopped`, and a line that says so.

    A signal that is ignored (`nohup`) stays ignored. A command of the workflow ends when Snakemake dies. Processes
    forked from this one end at once, as Python's do.
    """
    if _State.watching:
        yield
        return
    _watch()
    try:
        if parent := os.environ.pop(PARENT, None):
            end_with(int(parent))
        yield
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        raise


def _watch() -> None:
    _State.watching = True
    before = {number: signal.getsignal(number) for number in SIGNALS}
    watched = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}
    report = sys.unraisablehook

    def unwatch() -> None:
        _State.watching, _State.received = False, None
        for number, handler in watched.items():
            signal.signal(number, handler)

    for number in watched:
        signal.signal(number, _receive)
    os.register_at_fork(after_in_child=unwatch)
    # What is lost is made up for by `check`: no traceback for it.
    sys.unraisablehook = lambda lost: None if isinstance(lost.exc_value, Stopped) else report(lost)


def end_with(parent: int) -> None:
    """Have SIGTERM end this process when its ``parent`` dies, even by SIGKILL. Linux alone can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it was dead before
            os.kill(os.getpid(), signal.SIGTERM)


def check() -> None:
    """Raise `Stopped` when a signal has come, and its exception was lost on the way."""
    if _State.received is not None and not _State.held:
        raise Stopped(_State.received)


@contextmanager
def unbroken() -> Iterator[None]:
    """Steps between which no signal may come, as starting a process and noting that it was: it raises after them."""
    with _State.counting:
        _State.held += 1
    try:
        yield
    finally:
        with _State.counting:
            _State.held -= 1
    check()


@contextmanager
def children_not_told() -> Iterator[None]:
    """Processes started in this block do not hear of Ctrl-C, which goes to a whole group: this one ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _receive(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a signal handler
    _State.received = number
    check()
