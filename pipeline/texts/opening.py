"""Opening a file that a user has named: only a file is one, and none is read past a limit."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import UserError
from pipeline.texts.limits import check_size, text_mb

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


@contextmanager
def opened(path: Path, most_mb: float) -> Iterator[BinaryIO]:
    """The file, to be read; a `UserError` names one that is missing, no file, not permitted, too large or failing."""
    try:
        # Opening a pipe would wait for somebody to write into it.
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(number, "rb") as file:  # noqa: PTH123 - a descriptor
            found = os.fstat(number)
            if not stat.S_ISREG(found.st_mode):
                raise UserError(f"{path}: {_KINDS.get(stat.S_IFMT(found.st_mode), 'no file')}, expected a file")
            check_size(path, found.st_size, most_mb)
            yield file
    except IsADirectoryError:
        raise UserError(f"{path}: a folder, expected a file") from None
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except PermissionError:
        raise UserError(f"{path}: no permission to read it") from None
    except (OSError, ValueError) as error:
        # Too long a name, a name with a zero byte, links in a circle, a disk that fails.
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None


def read_bytes(path: Path, most_mb: float | None = None) -> bytes:
    """The content of a file of at most ``most_mb`` megabytes, by default those of a text."""
    most_mb = text_mb() if most_mb is None else most_mb
    with opened(path, most_mb) as file:
        data = file.read()
    check_size(path, len(data), most_mb)
    return data
