"""Opening HDF5 files with errors that name them, and attributes as plain Python values."""

from pathlib import Path

import h5py
import numpy as np

from pipeline.errors import UserError

Attribute = str | int | float | bool


def open_hdf5(path: Path, what: str) -> h5py.File:
    """Open ``path`` for reading; a missing or malformed file is a `UserError` that says it should be ``what``."""
    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected {what}") from None
    except OSError as error:
        raise UserError(f"{path}: not {what} ({' '.join(str(error).split())}); make it again") from None


def attributes(item: h5py.Group) -> dict[str, Attribute]:
    """Attributes of a file or group, NumPy scalars turned into Python's."""
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in item.attrs.items()}
