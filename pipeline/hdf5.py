"""Opening and making HDF5 files, and the gate through which all that is read of them comes.

An HDF5 file may be a few bytes that claim to be terabytes, may show what stands in other files, and may be damaged in
ways that the library reports in any manner. What `dataset`, `group`, `texts` and `attributes` give is in the file
itself, whole, and of the kind that was asked for; what they do not give is a `FaultError`, and what HDF5 itself raises
in the block of `malformed` comes out as a `MalformedError` that names the file.
"""

import atexit
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from pipeline.errors import UserError, refusal
from pipeline.inert import shown
from pipeline.texts import check_text

Attribute = str | int | float | bool
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF}
"""What the bytes of a dataset may have passed through; for any other filter HDF5 would load code from elsewhere."""
UNPACKED_BYTES, MOST_PACKED = 64 << 20, 100
"""A compressed dataset above so many bytes is at most so many times what its file holds of it."""
ATTRIBUTE_BYTES = 1 << 16
TEXTS_AT_ONCE = 256

LOCKING = False
"""Files are written under a name of their own, closed, and renamed: no one reads what another writes. And there are
file systems (NFS, Lustre, FUSE) on which locks are not to be had, and HDF5 then opens nothing."""


class MalformedError(UserError):
    """A file that can be read and is no HDF5 file, or a damaged one. reason: what HDF5 said."""

    def __init__(self, path: Path, what: str, reason: str) -> None:
        super().__init__(f"{path}: not {what} ({reason}); make it again")
        self.path, self.what, self.reason = path, what, reason

    def __reduce__(self) -> tuple[type["MalformedError"], tuple[Path, str, str]]:
        return type(self), (self.path, self.what, self.reason)


class FaultError(Exception):
    """What is wrong inside a file, a phrase for `MalformedError`."""


@contextmanager
def malformed(path: Path, what: str) -> Iterator[None]:
    """Whatever is raised within, by a check or by HDF5, of the contents of ``path``, is a `MalformedError`.

    A disk that does not give what is in the file says nothing of it: that is a plain `UserError`.
    """
    try:
        yield
    except FaultError as error:
        raise MalformedError(path, what, str(error)) from None
    except (KeyError, RuntimeError, ValueError, TypeError, OverflowError, AttributeError) as error:
        raise MalformedError(path, what, f"damaged: {_words(error)}") from None
    except OSError as error:
        if refused := refusal(error):
            raise UserError(f"{path}: cannot be read ({refused})") from None
        raise MalformedError(path, what, f"damaged: {_words(error)}") from None


def _words(error: Exception) -> str:
    return shown(" ".join(str(error.args[0] if error.args else error).split()))[:200]


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
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UserError(f"{path}: a pipe or a device; expected {what}")
    try:
        return h5py.File(path, "r", locking=LOCKING)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected {what}") from None
    except OSError as error:
        if error.errno is None:
            raise MalformedError(path, what, f"cannot be opened: {_words(error)}") from None
        raise UserError(f"{path}: cannot be opened ({os.strerror(error.errno)}); expected {what}") from None


def group(file: h5py.Group, name: str) -> h5py.Group:
    """The group ``name`` itself. Raises `FaultError`."""
    found = _own(file, name)
    if not isinstance(found, h5py.Group):
        raise FaultError(f"{name} is no group")
    return found


def dataset(file: h5py.Group, name: str, dtypes: Sequence[str], shape: str) -> h5py.Dataset:
    """The dataset ``name``: of one of ``dtypes`` (`text`, or NumPy's names), with a dimension for each of ``shape``'s.

    It lies in the file itself, in bytes that are there: no link, no other file, no filter but `FILTERS`, not larger
    than what is stored. Raises `FaultError`.
    """
    found = _own(file, name)
    if not isinstance(found, h5py.Dataset):
        raise FaultError(f"{name} is no dataset")
    made = found.id.get_create_plist()
    if made.get_layout() == h5py.h5d.VIRTUAL:
        raise FaultError(f"{name} shows what stands in other files (a virtual dataset); copy the values into this one")
    if made.get_external_count():
        raise FaultError(f"{name} is stored in other files (external storage); copy the values into this one")
    for number in range(made.get_nfilters()):
        code, _, _, called = made.get_filter(number)
        if code not in FILTERS:
            raise FaultError(
                f"{name} is packed by filter {code} ({shown(called.decode(errors='replace'))}); store it plain, or gzip"
            )
    kind = "text" if h5py.check_string_dtype(found.dtype) else found.dtype.name
    if kind not in dtypes or found.ndim != shape.count(",") + (shape[-2:] != ",)"):
        raise FaultError(f"{name} {found.shape} {shown(kind)}, expected {shape} of {' or '.join(dtypes)}")
    _check_size(found, name, packed=made.get_nfilters() > 0)
    return found


def _own(file: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | h5py.Datatype:
    link = file.get(name, getlink=True)
    if link is None:
        raise FaultError(f"without {shown(name)}")
    if isinstance(link, h5py.ExternalLink):
        raise FaultError(f"{shown(name)} is a link into another file, {shown(link.filename)}; copy what is there")
    if not isinstance(link, h5py.HardLink):
        raise FaultError(f"{shown(name)} is a soft link; copy what is there")
    return file[name]


def _check_size(found: h5py.Dataset, name: str, *, packed: bool) -> None:
    """Whether the file holds what the dataset says it is."""
    wide = found.dtype.itemsize
    claimed, stored = math.prod(found.shape) * wide, found.id.get_storage_size()
    if stored > (there := Path(found.file.filename).stat().st_size):
        raise FaultError(f"{name} {found.shape} takes {stored} bytes of a file of {there}")
    chunk = math.prod(found.chunks) * wide if found.chunks else 0
    if not packed and claimed > stored:
        raise FaultError(f"{name} {found.shape} takes {claimed} bytes, and {stored} are stored")
    if packed and claimed and not stored:
        raise FaultError(f"{name} {found.shape} takes {claimed} bytes, and none are stored")
    if packed and (most := max(claimed, chunk)) > max(UNPACKED_BYTES, MOST_PACKED * stored):
        raise FaultError(f"{name} {found.shape} unpacks {stored} bytes to {most}, above {MOST_PACKED} times as many")


def texts(found: h5py.Dataset) -> list[str]:
    """The texts of a dataset (N,) of them. Raises `FaultError` for what is no text."""
    read: list[str] = []
    for begin in range(0, len(found), TEXTS_AT_ONCE):
        for number, raw in enumerate(found[begin : begin + TEXTS_AT_ONCE], start=begin):
            read.append(_text(raw, f"{found.name.rpartition('/')[2]}[{number}]"))
    return read


def _text(raw: bytes | str, where: str) -> str:
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
        return check_text(text, where)
    except (UnicodeDecodeError, UserError):
        raise FaultError(f"{where} is no UTF-8 text") from None


def attributes(item: h5py.Group | h5py.Dataset) -> dict[str, Attribute]:
    """Attributes of a file, group or dataset as Python's texts and numbers. Raises `FaultError` for any other."""
    return {_text(name, "the name of an attribute"): _attribute(item, name) for name in item.attrs}


def _attribute(item: h5py.Group | h5py.Dataset, name: str) -> Attribute:
    where = f"attribute {shown(name)}"
    low = item.attrs.get_id(name)
    if low.get_space().get_simple_extent_type() != h5py.h5s.SCALAR or low.get_storage_size() > ATTRIBUTE_BYTES:
        raise FaultError(f"{where} is no single text or number")
    value = item.attrs[name]
    if isinstance(value, str | bytes):
        return _text(value, where)
    if not isinstance(value, np.bool_ | np.integer | np.floating):
        raise FaultError(f"{where} is no text and no number")
    found: int | float | bool = value.item()
    if not math.isfinite(found):
        raise FaultError(f"{where} is not a finite number")
    return found
