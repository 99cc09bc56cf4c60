"""Writing files so that a reader never sees half of one."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline import stopping
from pipeline.leftovers import sweep, temporary_name

NOT_TAKEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""How a disk refuses what is written."""


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path beside ``target``; flush and rename it onto ``target`` when the block ends well.

    When the block raises, or a signal ends the command, the temporary file is removed and ``target`` stays as it was.
    What jobs that were killed left in the directory is removed. The directory is made when it is not there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent)
    temporary = target.parent / temporary_name(target.name, target.suffix)
    try:
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
        if isinstance(error, OSError) and error.filename is None and error.errno in NOT_TAKEN:
            error.filename = str(target)  # which the system does not say of a write
        raise


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
    """Files of ``folder`` with this suffix, sorted; hidden ones, which may be half-written, are left out."""
    return sorted(path for path in folder.glob(f"*{suffix}") if not path.name.startswith("."))


def write_text(target: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any, indent: int | None = 1) -> None:
    """Write JSON atomically, keys in the order given, non-ASCII characters as they are."""
    write_text(target, json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False) + "\n")
