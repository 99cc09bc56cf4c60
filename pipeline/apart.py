"""Work on files that a library may not survive: in a child process first, within a limit of processor time.

libhdf5 trusts what it reads: a byte that changed can send it round in circles, or end the whole program. What comes
back of the child was read without either.
"""

import faulthandler
import os
import pickle
import resource
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
Item = TypeVar("Item")


class UnreadableError(Exception):
    """The child did not come back from an item. what: what became of it, for an error."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def apart(function: Callable[[Item], T], items: Sequence[Item], seconds: float) -> Iterator[T]:
    """``function`` of each of ``items``, one after the other, found in a child that has so many ``seconds`` in all.

    What ``function`` raises is raised here. Raises `UnreadableError` at the item that the child did not come back from.
    Seconds are of the processor: a slow disk and a busy machine cost none.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python warns of locks that other threads may hold. h5py's it takes itself before a fork, and the child needs
        # no other one.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _work(function, items, seconds, writing)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            for _ in items:
                try:
                    well, found = pickle.load(pipe)  # noqa: S301, of this program's own child
                except EOFError:
                    raise UnreadableError(_end(child)) from None
                if not well:
                    raise found
                yield found
    finally:
        _end(child)


def _work(function: Callable[[Item], T], items: Sequence[Item], seconds: float, writing: int) -> None:
    """What the child does; it never returns."""
    try:
        faulthandler.disable()  # what becomes of the child is told by the parent
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with os.fdopen(writing, "wb") as pipe:
            for item in items:
                try:
                    made: tuple[bool, object] = (True, function(item))
                except Exception as error:
                    made = (False, error)
                pickle.dump(made, pipe, pickle.HIGHEST_PROTOCOL)
                pipe.flush()
                if not made[0]:
                    break
    finally:
        os._exit(0)


_ENDED = {signal.SIGPROF: "reading it does not come to an end"}


def _end(child: int) -> str:
    """Wait for the child; what became of it."""
    try:
        _, status = os.waitpid(child, 0)
    except ChildProcessError:
        return ""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return "reading it failed"
    return _ENDED.get(signal.Signals(-code), f"reading it ends the program ({signal.Signals(-code).name})")
