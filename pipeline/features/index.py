"""The gate of the feature store: what a shard says it holds, checked before any value is read.

Whoever wrote the shard, this project or a user, `read_index` is how it is opened. The layout is in
`pipeline.features.store`.
"""

import itertools
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.apart import UnreadableError, apart
from pipeline.corpus.videos import usable
from pipeline.errors import UserError
from pipeline.hdf5 import Attribute, FaultError, MalformedError, attributes, dataset, malformed, open_hdf5, texts
from pipeline.inert import shown
from pipeline.versions import STAGES

FORMAT = "avsd-features-1"
DTYPES = ("float16", "float32")
UNITS = ("second", "step")
WHAT = "a feature shard"
INDEX_CHECKSUM = "checksum"
GRID = "grid"
_GRID = re.compile(r"\[([1-9]\d{0,5}), ?([1-9]\d{0,5})\]")
_FORMAT = re.compile(r"avsd-features-(\d{1,9})")
SECONDS, BYTES_A_SECOND, MOST_SECONDS = 0.5, 1e8, 60.0
"""Of the processor, that reading the indexes of shards may take: so many, and more for large files, up to the last."""


@dataclass(frozen=True)
class Index:
    """What a shard holds. offsets: N + 1. checksums: N. attributes: all of the file's."""

    dims: int
    dtype: str
    video_ids: list[str]
    offsets: list[int]
    checksums: list[int]
    attributes: dict[str, Attribute]

    @property
    def grid(self) -> tuple[int, int] | None:
        """Rows and columns of the maps it holds: a step's values are rows x columns x channels. None of vectors."""
        return grid_of(self.attributes)

    def spans(self) -> Iterator[tuple[str, tuple[int, int], int]]:
        """Each video: its id, its steps from and to, their checksum."""
        return zip(self.video_ids, itertools.pairwise(self.offsets), self.checksums, strict=True)


_Key = tuple[str, int, int, int]
_known: dict[_Key, Index] = {}
"""Of files as they were when they were read, so that a process reads an index once."""


def read_indexes(paths: Sequence[Path]) -> list[Index]:
    """The index of each shard. Raises `UserError` for the first that is none, or is not there.

    They are read in a child process first: a damaged file may be more than HDF5 survives.
    """
    new = [path for path in paths if _key(path) not in _known]
    seconds = min(SECONDS + sum(_key(path)[2] for path in new) / BYTES_A_SECOND, MOST_SECONDS)
    read = apart(read_index, new, seconds) if new else iter(())
    for path in new:
        try:
            _known[_key(path)] = next(read)
        except UnreadableError as error:
            raise MalformedError(path, WHAT, error.what) from None
        except OSError as error:  # the child has neither pipe nor process
            raise _unopened(path, error) from None
    return [_known[_key(path)] for path in paths]


def _key(path: Path) -> _Key:
    try:
        found = path.stat()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected {WHAT}") from None
    except OSError as error:
        raise _unopened(path, error) from None
    return str(path.absolute()), found.st_ino, found.st_size, found.st_mtime_ns


def _unopened(path: Path, error: OSError) -> UserError:
    return UserError(f"{path}: cannot be opened ({error.strerror}); expected {WHAT}")


def read_index(path: Path) -> Index:
    """The index of a shard, read here."""
    with open_hdf5(path, WHAT) as file, malformed(path, WHAT):
        return _index(file, path)


def open_values(file: h5py.File) -> h5py.Dataset:
    """`values` (steps, dims) of a shard. Raises `FaultError`."""
    return dataset(file, "values", DTYPES, "(steps, dims)")


def open_times(file: h5py.File) -> h5py.Dataset:
    """`times` (steps,) of a shard. Raises `FaultError`."""
    return dataset(file, "times", ["float64"], "(steps,)")


def _index(file: h5py.File, path: Path) -> Index:
    said = attributes(file)
    _check_version(path, said)
    values, times = open_values(file), open_times(file)
    offsets = dataset(file, "offsets", ["int64"], "(videos + 1,)")
    checksums = dataset(file, "checksums", ["uint32"], "(videos,)")
    names = dataset(file, "video_ids", ["text"], "(videos,)")
    steps, dims = values.shape
    if dims == 0:
        raise FaultError("values of no dimension")
    if times.shape != (steps,):
        raise FaultError(f"{times.shape} times for {(steps,)} steps")
    if offsets.shape != (len(names) + 1,) or checksums.shape != names.shape:
        raise FaultError(f"{offsets.shape} offsets and {checksums.shape} checksums for {len(names)} videos")
    grid = grid_of(said)
    if grid is not None and dims % (grid[0] * grid[1]):
        raise FaultError(f"maps of {grid[0]} x {grid[1]} cells, and {dims} values a step")
    begins = offsets[:]
    if begins[0] != 0 or begins[-1] != steps or (np.diff(begins) < 0).any():
        raise FaultError(f"offsets do not rise from 0 to {steps} steps")
    video_ids = texts(names)
    _check_ids(video_ids)
    found = Index(dims, values.dtype.name, video_ids, begins.tolist(), checksums[:].tolist(), said)
    written = attributes(names).get(INDEX_CHECKSUM)
    if written is not None and written != index_checksum(found):
        raise FaultError("the checksum of video_ids, offsets, checksums and attributes differs: they were changed")
    return found


def grid_of(said: Mapping[str, Attribute]) -> tuple[int, int] | None:
    """The attribute `grid`, JSON of [rows, columns]; None where there is none. Raises `FaultError` for any other."""
    written = said.get(GRID)
    if written is None:
        return None
    if not isinstance(written, str) or not (found := _GRID.fullmatch(written)):
        raise FaultError(f"{GRID} {written!r}, expected [rows, columns]")
    return int(found[1]), int(found[2])


def _check_version(path: Path, said: dict[str, Attribute]) -> None:
    """Raises `FaultError` for what is no shard, `UserError` for one that a later version of this project wrote."""
    form, stage = said.get("format"), said.get("stage_version")
    if form != FORMAT:
        known = _FORMAT.fullmatch(str(form))
        if known is None or int(known[1]) < 1:
            raise FaultError(f"format {form!r}, expected {FORMAT!r}")
        raise UserError(f"{path}: made by a later version (format {form}, here {FORMAT}); update this one")
    if said.get("times_unit", UNITS[0]) not in UNITS:
        raise FaultError(f"times_unit {said['times_unit']!r}, expected {' or '.join(UNITS)}")
    if stage is not None:
        if not isinstance(stage, int) or isinstance(stage, bool) or stage < 1:
            raise FaultError(f"stage_version {stage!r}, expected a number from 1")
        if stage > STAGES["extract"]:
            here = STAGES["extract"]
            raise UserError(f"{path}: made by a later version (stage_version {stage}, here {here}); update this one")


def _check_ids(video_ids: list[str]) -> None:
    for number, video_id in enumerate(video_ids):
        if not usable(video_id):
            raise FaultError(f"video_ids[{number}] {shown(video_id)[:50]!r} cannot be a video's id")
    if len(set(video_ids)) != len(video_ids):
        raise FaultError("a video id occurs twice")


def index_checksum(index: Index) -> int:
    """CRC-32 of all that an index says, as JSON."""
    said = dict(sorted(index.attributes.items()))
    content = [index.dims, index.dtype, index.video_ids, index.offsets, index.checksums, said]
    return zlib.crc32(json.dumps(content, separators=(",", ":")).encode())


def checksum(values: NDArray[Any], before: int = 0) -> int:
    """CRC-32 of values that follow on others whose sum is ``before``, little-endian."""
    return zlib.crc32(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).data, before)
