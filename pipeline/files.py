"""Writing files so that a reader never sees half of one."""

import errno
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline import stopping
from pipeline.errors import UserError
from pipeline.leftovers import sweep, temporary_name

NOT_TAKEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""How a disk refuses what is written."""


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path beside ``target``; flush and rename it onto ``target`` when the block ends well.

    When the block raises, or a signal ends the command, the temporary file is removed and ``target`` stays as it was.
    What jobs that were killed left in the directory is removed. The directory is made when it is not there. Raises
    `UserError` as `check_target` does, and where no file can be made; errors of the system name ``target``.
    """
    check_target(target)
    with _possible(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent)
    temporary = target.parent / temporary_name(target.name, target.suffix)
    try:
        with _possible(target):
            temporary.touch(mode=0o666, exist_ok=False)
        mode = temporary.stat().st_mode  # as the umask has it; a library may put a file of its own in its place
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.chmod(mode)
        stopping.check()
        temporary.replace(target)
    except BaseException as error:
        with stopping.unbroken():
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            _name(error, temporary, target)
        raise


def check_target(target: Path) -> None:
    """`UserError` for a place that is no file's: without a name, or of a folder, a pipe or a device, by links too.

    A file that takes their place would end what others read from them, or the machine's own.
    """
    if target.name in ("", ".."):
        raise UserError(f"{target}: no file's name; give another place")
    try:
        mode = target.stat().st_mode
    except OSError:
        return  # nothing is there, or what is wrong is said when the file is made
    if not stat.S_ISREG(mode):
        there = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise UserError(f"{target}: {there}, and a file is to be written; give another place")


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None] = ()) -> None:
    """`UserError` where a command would write onto a file that it reads, or two of its files onto each other.

    Also where `check_target` raises. To be called before anything is written. None: a file that is not given.
    """
    written = [path for path in outputs if path is not None]
    read = [path for path in inputs if path is not None]
    for number, path in enumerate(written):
        check_target(path)
        if any(os.path.realpath(path) == os.path.realpath(other) for other in written[:number]):
            raise UserError(f"{path}: two files are to be written there; give each a place of its own")
        # Of what is not there yet nothing is read: thousands of inputs need not be looked at.
        here = _identity(path)
        if here is not None and any(_identity(other) == here for other in read):
            raise UserError(f"{path}: is read, and would be lost when it is written; give another place")


def _identity(path: Path) -> tuple[int, int] | None:
    """What two names of one file have in common; None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _possible(target: Path) -> Iterator[None]:
    """Folders of the system's, /proc and /dev/fd, take no file, and say that there is none."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{target}: no file can be made there; give another place") from None


def _name(error: OSError, temporary: Path, target: Path) -> None:
    """Make an error about the temporary file, or of a write, of which the system does not say it, name ``target``."""
    if error.filename is None and error.errno in NOT_TAKEN:
        error.filename = str(target)
    elif error.filename is not None and os.fspath(error.filename) == os.fspath(temporary):
        error.filename, error.filename2 = str(target), None


@contextmanager
def scratch_folder(what: str) -> Iterator[Path]:
    """A folder of this block's own among the system's temporary ones; folders of dead processes are removed."""
    parent = Path(tempfile.gettempdir())
    sweep(parent)
    folder = parent / temporary_name(f"avsd-{what}")
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        with stopping.unbroken():
            shutil.rmtree(folder, ignore_errors=True)


def finished_files(folder: Path, suffix: str) -> list[Path]:
    """Files of ``folder`` with this suffix, sorted; hidden ones, which may be half-written, are left out.

    None where there is no such folder. Raises `UserError` for one whose files the system does not tell.
    """
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise UserError(f"{folder}: cannot be listed: {error.strerror}; give this user the permission") from None
    return sorted(folder / name for name in names if name.endswith(suffix) and not name.startswith("."))


def write_text(target: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any, indent: int | None = 1) -> None:
    """Write JSON atomically, keys in the order given, non-ASCII characters as they are."""
    write_text(target, json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False) + "\n")
