"""Writing files so that a reader never sees half of one."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path beside ``target``; flush and rename it onto ``target`` when the block ends well.

    When the block raises, the temporary file is removed and ``target`` stays as it was. The directory is made when
    it is not there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=target.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise


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


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value
