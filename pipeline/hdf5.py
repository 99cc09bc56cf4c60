"""Opening and making HDF5 files with errors that name them, and attributes as plain Python values."""

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from pipeline.errors import UserError, refusal

Attribute = str | int | float | bool

LOCKING = False
"""Files are written under a name of their own, closed, and renamed: no one reads what another writes. And there are
file systems (NFS, Lustre, FUSE) on which locks are not to be had, and HDF5 then opens nothing."""


class MalformedError(UserError):
    """A file that can be read and is no HDF5 file, or a damaged one. reason: what HDF5 said."""

    def __init__(self, path: Path, what: str, reason: str) -> None:
        super().__init__(f"{path}: not {what} ({reason}); make it again")
        self.reason = reason


@contextmanager
def create_hdf5(path: Path, target: Path) -> Iterator[h5py.File]:
    """A new file, open for writing, at ``path``, the `pipeline.files.atomic_path` of ``target``.

    Raises `UserError` when the disk does not take what is written.
    """
    # No cache of chunks: where the disk is full, the write itself fails, and not the destructor of a dataset, unheard.
    file = h5py.File(path, "w", locking=LOCKING, rdcc_nbytes=0)
    try:
        yield file
        file.flush()
    except OSError as error:
        if path.name not in str(error) or (refused := refusal(error)) is None:
            file.close()
            raise
        _abandon(file, error)
        raise UserError(f"{target}: cannot be written ({refused.rpartition(': ')[2]})") from None
    except BaseException:
        file.close()
        raise
    file.close()


def _abandon(*kept: object) -> None:
    """Keep ``kept`` from being closed, now and when the program ends.

    HDF5 cannot close what it could not write: it tries again, complains at length, and crashes.
    """

    def end(*_: object) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)

    atexit.register(end, *kept)


def open_hdf5(path: Path, what: str) -> h5py.File:
    """Open ``path`` for reading. A `UserError` says what failed.

    For a file that is not ``what`` it is a `MalformedError`; a missing file, and a system that does not give it (no
    permission, too many files open, the disk), say nothing of its contents.
    """
    try:
        return h5py.File(path, "r", locking=LOCKING)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected {what}") from None
    except OSError as error:
        if error.errno is None:
            raise MalformedError(path, what, " ".join(str(error).split())) from None
        raise UserError(f"{path}: cannot be opened ({os.strerror(error.errno)}); expected {what}") from None


def attributes(item: h5py.Group) -> dict[str, Attribute]:
    """Attributes of a file or group, NumPy scalars turned into Python's."""
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in item.attrs.items()}
