"""Names of temporary files and folders that say who made them, and the removal of those whose makers are dead."""

import os
import re
import shutil
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from pipeline.progress import log

ABANDONED_SECONDS = 24 * 3600.0
"""Nobody here can ask about a process of another machine: what it has not written to for so long is a dead one's."""

LONGEST_NAME = 255
"""Bytes that file systems allow a name."""

FEW = 256
"""Looking through so many names takes less time than writing a file."""
SWEEPING_SHARE = 0.01
"""Looking through folders of more takes at most this share of the time, however many files are written one by one."""

_MARK = re.compile(
    r"\.avsd-(?P<machine>[0-9a-f]{8})-(?P<boot>[0-9a-f]{8})-(?P<space>\d+)-(?P<pid>\d{1,9})-(?P<start>\d+)-[0-9a-f]{8}"
)


@dataclass(frozen=True)
class _Here:
    """Where numbers of processes mean something: the machine, since it was started, and the container."""

    machine: str
    boot: str
    space: str


@cache
def _here() -> _Here:
    identity = f"{socket.gethostname()} {_text('/etc/machine-id')}"
    namespace = Path("/proc/self/ns/pid")
    return _Here(
        _short(identity),
        _short(_text("/proc/sys/kernel/random/boot_id")),
        str(namespace.stat().st_ino) if namespace.exists() else "0",
    )


def temporary_name(label: str, suffix: str = "") -> str:
    """A hidden name that no one else has, with ``label`` (shortened where it must be) and this process in it."""
    here, pid = _here(), os.getpid()
    mark = f".avsd-{here.machine}-{here.boot}-{here.space}-{pid}-{_start(pid) or 0}-{token_hex(4)}{suffix}"
    room = LONGEST_NAME - len(os.fsencode(mark)) - 1
    return f".{os.fsdecode(os.fsencode(label)[:room])}{mark}"


def remove_leftovers(folder: Path) -> int:
    """Remove what dead processes left in ``folder`` under a `temporary_name`; a line of the log for each.

    What a living process of this machine has is kept, whatever its age; what is from before the machine was started
    goes. What another machine, or another container, has written to within `ABANDONED_SECONDS` is kept. Returns how
    many names it looked at.
    """
    looked_at = 0
    for entry in os.scandir(folder):
        looked_at += 1
        found = _MARK.search(entry.name)
        if found is None or not entry.name.startswith(".") or _alive(found, entry):
            continue
        with suppress(OSError):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                Path(entry.path).unlink()
            log(f"{entry.path}: left by a job that died, removed")
    return looked_at


class _Sweeps:
    """When each folder may be looked through again (`time.monotonic`)."""

    due: dict[str, float] = {}  # noqa: RUF012 - one for the process


def sweep(folder: Path) -> None:
    """`remove_leftovers`, unless ``folder`` is a large one that was looked through only just now."""
    start = time.monotonic()
    if start < _Sweeps.due.get(str(folder), 0.0):
        return
    with suppress(OSError):  # a folder that may be written to but not listed
        if remove_leftovers(folder) > FEW:
            end = time.monotonic()
            _Sweeps.due[str(folder)] = end + (end - start) / SWEEPING_SHARE


def _alive(found: "re.Match[str]", entry: "os.DirEntry[str]") -> bool:
    here = _here()
    if found["machine"] == here.machine and found["boot"] == here.boot and found["space"] == here.space:
        return _runs(int(found["pid"]), int(found["start"]))
    try:
        age = time.time() - entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return True  # gone, or not ours to judge
    if found["machine"] == here.machine and found["boot"] != here.boot and age > _uptime():
        return False  # from before this machine was started anew; what is younger is of another one of its name
    return age < ABANDONED_SECONDS


def _runs(pid: int, start: int) -> bool:
    """Whether the process that had this number, and began then, still runs: numbers are given out again."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return _start(pid) in (start, None)


def _start(pid: int) -> int | None:
    """When a process began, in the kernel's ticks; -1 when it is dead but not yet waited for, None if nobody says."""
    try:
        # The second field, the program's name, may hold anything, brackets too.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return -1 if fields[0] in "ZX" else int(fields[19])


def _uptime() -> float:
    """Seconds since the machine was started; without end where nobody says."""
    return float((_text("/proc/uptime") or "inf").split()[0])


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]
