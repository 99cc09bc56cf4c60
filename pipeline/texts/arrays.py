"""Arrays of real numbers in npy and npz files, whose headers are believed as far as they fit the files."""

import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.texts.limits import MEGABYTE, array_mb
from pipeline.texts.opening import opened

_REAL = "fiu"
_WRONG = (
    *(ValueError, TypeError, KeyError, EOFError, OverflowError, SyntaxError, RecursionError, MemoryError),
    *(NotImplementedError, RuntimeError, tokenize.TokenError, zipfile.BadZipFile, zlib.error, OSError),
)
"""What NumPy and zipfile make of broken files."""


def map_array(path: Path) -> NDArray[Any]:
    """The array of an npy file, which stays in its file: real numbers of any type, of any shape."""
    with opened(path, array_mb()):
        try:
            found: NDArray[Any] = npy.open_memmap(path, mode="r")
        except _WRONG as error:
            raise UserError(f"{path}: not an npy file of numbers ({_line(error)}); copy it again") from None
    if found.dtype.kind not in _REAL:
        raise UserError(f"{path}: not an npy file of real numbers, but of {found.dtype}; copy it again")
    return found


def read_arrays(path: Path, names: Sequence[str], most_mb: float) -> list[NDArray[Any]]:
    """Arrays of an npz file by name. most_mb: what the file, and each of these arrays, may have."""
    with opened(path, most_mb) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return [_member(archive, name, most_mb) for name in names]
        except _WRONG as error:
            raise UserError(f"{path}: expected arrays {' and '.join(names)} ({_line(error)}); copy it again") from None


def _member(archive: zipfile.ZipFile, name: str, most_mb: float) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as member:
        # What the archive says of a member's size may be wrong.
        data = member.read(int(most_mb * MEGABYTE) + 1)
    if len(data) > most_mb * MEGABYTE:
        raise ValueError(f"{name} has more than {most_mb:g} MB")
    file = io.BytesIO(data)
    header = npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = header(file)
    if dtype.kind not in _REAL:
        raise ValueError(f"{name} has {dtype}, no real numbers")
    values: NDArray[Any] = np.frombuffer(data, dtype, math.prod(shape), file.tell())
    return values.reshape(shape, order="F" if fortran else "C")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
