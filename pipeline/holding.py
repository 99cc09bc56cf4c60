"""One run at a time in a results folder: a lock that the kernel lets go of when its holder ends, however it ends."""

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from pipeline.errors import UserError
from pipeline.leftovers import remove_leftovers
from pipeline.progress import log

LOCK = ".lock"
"""An empty file, which stays: to remove it would take it from under a run that has just opened it."""
HELD = frozenset({errno.EAGAIN, errno.EACCES})


def hold(results: Path) -> None:
    """Hold ``results`` until this process ends, and remove what jobs that were killed have left anywhere in it.

    Processes started from this one do not hold it. Raises `UserError` when another run does; where the file system
    has no locks a line of the log says so.
    """
    results.mkdir(parents=True, exist_ok=True)
    held = os.open(results / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in HELD:
            raise UserError(f"{results}: another run is at work in this folder; wait for it, or end it") from None
        log(f"warning: {results} cannot be locked ({error.strerror}): see that no other run works in it meanwhile")
    for folder, _, _ in os.walk(results):
        with suppress(OSError):  # one that may not be listed
            remove_leftovers(Path(folder))
