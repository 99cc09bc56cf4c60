"""GPUs of this machine for a job of its own.

Snakemake limits how many jobs use a GPU, not which one each of them takes. So a job locks the GPUs it takes and sees no
others. The lock is the kernel's, on an empty file (`flock`): it goes with the process, however that ends.
"""

import fcntl
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline import stopping
from pipeline.errors import UserError
from pipeline.progress import log

VISIBLE = "CUDA_VISIBLE_DEVICES"
SHARING = "AVSD_JOBS_PER_GPU"
DEVICES = Path("/dev")
LOCKS = Path("/dev/shm")  # noqa: S108 - one folder for all users, which nothing tidies up while a job runs
_POLL_SECONDS = 0.5
_held: list[int] = []
"""Descriptors of the locked files: open as long as this process lives."""


def visible() -> list[str]:
    """The GPUs that a process started here sees, as `CUDA_VISIBLE_DEVICES` names them; without it the machine's."""
    if VISIBLE in os.environ:
        names = [name.strip() for name in os.environ[VISIBLE].split(",")]
        # CUDA sees none of those behind the first that it does not know.
        end = next((index for index, name in enumerate(names) if name in ("", "-1")), len(names))
        return names[:end]
    found = [path for path in DEVICES.glob("nvidia*") if re.fullmatch(r"nvidia\d+", path.name)]
    return [str(index) for index in range(len(found))]


def jobs_per_gpu() -> int:
    """How many jobs share a GPU: `AVSD_JOBS_PER_GPU`, or 1. Raises `UserError` where that is no number above 0."""
    text = os.environ.get(SHARING, "1")
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"environment variable {SHARING}: {text!r} is no number above 0")
    return int(text)


def take(count: int) -> None:
    """Let this process, and those it starts, see ``count`` GPUs that no other job has; wait until so many are free.

    To be called before CUDA looks at the machine. Where `CUDA_VISIBLE_DEVICES` names as many, whoever set it (a
    scheduler) has chosen; where it names more, these are chosen from. A machine without any is left as it is. Raises
    `UserError` when the machine has fewer.
    """
    gpus = visible()
    if count < 1 or not gpus:
        return
    if len(gpus) < count:
        raise UserError(f"{count} GPUs asked for, and there are {len(gpus)} ({', '.join(gpus)}) on this machine")
    if VISIBLE in os.environ and len(gpus) == count:
        log(f"GPU {','.join(gpus)}, as {VISIBLE} has it")
        return
    taken = _wait_for(gpus, count, jobs_per_gpu())
    os.environ[VISIBLE] = ",".join(taken)
    # The order in which all jobs, whatever they are, count the GPUs alike.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    log(f"GPU {','.join(taken)} of {len(gpus)}")


def _wait_for(gpus: Sequence[str], count: int, places: int) -> list[str]:
    waited = False
    while True:
        locked = _lock(gpus, count, places)
        if len(locked) == count:
            _held.extend(locked.values())
            return sorted(locked, key=gpus.index)
        # Not to keep what others wait for.
        for descriptor in locked.values():
            os.close(descriptor)
        if not waited:
            log(f"waiting for {count} of {len(gpus)} GPUs: other jobs have them")
            waited = True
        time.sleep(_POLL_SECONDS)
        stopping.check()


def _lock(gpus: Sequence[str], count: int, places: int) -> dict[str, int]:
    """As many GPUs as are free, ``count`` at most; those first that the fewest share."""
    locked: dict[str, int] = {}
    for place in range(places):
        for gpu in gpus:
            if len(locked) == count:
                return locked
            if gpu not in locked and (descriptor := _locked(_file(gpu, place))) is not None:
                locked[gpu] = descriptor
    return locked


def _file(gpu: str, place: int) -> Path:
    return LOCKS / f"avsd-gpu-{gpu.replace('/', '_')}.{place}"


def _locked(path: Path) -> int | None:
    """The descriptor of the file, locked by this process; None where another one has it."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        # Another job may make it now: to create what is there already is no error.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CREAT)
        os.fchmod(descriptor, 0o644)  # whatever this user's files are like, another's jobs lock it too
        return descriptor
