"""Bytes: of values, free on a disk, and as people say them."""

import shutil
from pathlib import Path

VALUE_BYTES = {"float16": 2, "float32": 4}
"""Of a stored value."""

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def free_bytes(folder: Path) -> int:
    """Free on the disk of a folder, which need not be there yet."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return shutil.disk_usage(there).free


def in_bytes(count: float) -> str:
    """A number of bytes in powers of 1000.

    >>> in_bytes(200_704), in_bytes(72e9), in_bytes(12)
    ('201 kB', '72.0 GB', '12 B')
    """
    place = 0
    while count >= 999.5 and place < len(_UNITS) - 1:
        count, place = count / 1000, place + 1
    return f"{count:.1f} {_UNITS[place]}" if place > 1 else f"{count:.0f} {_UNITS[place]}"
