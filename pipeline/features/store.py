"""The feature store: one HDF5 file a shard, a folder of them a feature.

Layout of a shard of N videos: `values` (steps, dims) float16 or float32, all videos one after the other; `offsets`
(N + 1,) int64, video n's steps are offsets[n]:offsets[n + 1]; `video_ids` (N,) UTF-8; `times` (steps,) float64, the
centre of each step's window (attribute `times_unit`: `second`, or `step` where seconds are not known); `checksums` (N,)
uint32, CRC-32 of a video's values and times. Of maps the attribute `grid` is the text `[rows, columns]`, and a step's
values are rows x columns x channels, flattened in that order. Further attributes of the file say where the values come
from. The attribute `checksum` of `video_ids`, which may be missing, is the CRC-32 of all but the values
(`index.index_checksum`).

A shard is read through `pipeline.features.index`, whoever wrote it.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.corpus.videos import usable
from pipeline.errors import UserError
from pipeline.features.index import (
    DTYPES,
    FORMAT,
    INDEX_CHECKSUM,
    UNITS,
    WHAT,
    Index,
    checksum,
    grid_of,
    index_checksum,
    open_times,
    open_values,
    read_index,
    read_indexes,
)
from pipeline.files import atomic_path, finished_files
from pipeline.hdf5 import Attribute, MalformedError, attributes, create_hdf5, malformed, open_hdf5

CHUNK_BYTES = 1 << 14
"""Smaller than a video, so that reading one reads little else; smaller chunks still would cost time."""
BLOCK_BYTES = 1 << 22
"""Of a long video's values, so many bytes are read and checked at once."""
Values = NDArray[Any] | Iterable[NDArray[Any]]
"""A video's values (steps, dims), whole or in parts, one after the other."""
LARGEST = {name: float(np.finfo(name).max) for name in DTYPES}


def write_shard(
    path: Path,
    items: Iterable[tuple[str, Values, NDArray[Any]]],
    attributes: Mapping[str, Attribute],
    dims: int,
    dtype: str,
) -> None:
    """Write a shard from ``items`` (video id, values (steps, dims), times (steps,)), taken and written one by one.

    Values may come in parts, which are taken and written one by one too.

    The file is written beside ``path``, closed, opened again and checked whole, then renamed: a reader sees a good
    shard or none. No items, and items without steps, are fine. ``attributes`` may name `times_unit` (default
    `second`). Raises `UserError` for values that are not finite or do not fit ``dtype``, `ValueError` for shapes that
    do not fit ``dims``.
    """
    if dtype not in DTYPES:
        raise UserError(f"{path}: features cannot be stored as {dtype!r}; choose one of {', '.join(DTYPES)}")
    with atomic_path(path) as temporary:
        with create_hdf5(temporary, path) as file:
            file.attrs.update({"times_unit": "second", **attributes, "format": FORMAT})
            _write(file, path, items, dims, dtype)
        if found := _problems(temporary, read_index(temporary)):
            raise UserError(f"{path}: read back wrong after writing ({'; '.join(found)}); is the disk sound?")


def _write(
    file: h5py.File, path: Path, items: Iterable[tuple[str, Values, NDArray[Any]]], dims: int, dtype: str
) -> None:
    rows = max(1, CHUNK_BYTES // (dims * np.dtype(dtype).itemsize))
    values = file.create_dataset("values", (0, dims), dtype, maxshape=(None, dims), chunks=(rows, dims))
    times = file.create_dataset("times", (0,), np.float64, maxshape=(None,), chunks=(4096,))
    offsets, checksums = [0], []
    video_ids: dict[str, None] = {}
    for video_id, video_values, video_times in items:
        if video_id in video_ids:
            raise ValueError(f"{video_id}: twice in one shard")
        if not usable(video_id):
            raise UserError(f"{path}: {video_id!r} cannot be a video's id; rename it")
        sum_ = 0
        for part in [video_values] if isinstance(video_values, np.ndarray) else video_values:
            stored = _checked(path, video_id, part, dims, dtype)
            sum_ = checksum(stored, sum_)
            _append(values, stored)
        if video_times.shape != (len(values) - offsets[-1],):
            steps = len(values) - offsets[-1]
            raise ValueError(f"{video_id}: {steps} steps and times {video_times.shape}, expected ({steps},)")
        seconds = np.ascontiguousarray(video_times, np.float64)
        _append(times, seconds)
        offsets.append(len(values))
        checksums.append(checksum(seconds, sum_))
        video_ids[video_id] = None
    file.create_dataset("offsets", data=np.array(offsets, np.int64))
    file.create_dataset("checksums", data=np.array(checksums, np.uint32))
    names = file.create_dataset("video_ids", data=list(video_ids), dtype=h5py.string_dtype(), shape=(len(video_ids),))
    made = Index(dims, dtype, list(video_ids), offsets, checksums, attributes(file))
    names.attrs[INDEX_CHECKSUM] = np.uint32(index_checksum(made))


def _append(dataset: h5py.Dataset, values: NDArray[Any]) -> None:
    start = len(dataset)
    dataset.resize(start + len(values), axis=0)
    dataset[start:] = values


def _checked(path: Path, video_id: str, values: NDArray[Any], dims: int, dtype: str) -> NDArray[Any]:
    if values.ndim != 2 or values.shape[1] != dims:
        raise ValueError(f"{video_id}: values {values.shape}, expected (steps, {dims})")
    if not np.isfinite(values).all():
        raise UserError(f"{path}: {video_id}: the feature has values that are not finite numbers; check its weights")
    # The least whole number of a type has no absolute value in it.
    if values.size and (largest := max(float(values.max()), -float(values.min()))) > LARGEST[dtype]:
        raise UserError(
            f"{path}: {video_id}: a value of {largest:g} does not fit {dtype}; set the feature's dtype wider"
        )
    return np.ascontiguousarray(values, dtype)


def problems(path: Path) -> list[str]:
    """Read a shard whole and say what is wrong with it, one phrase a problem; an empty list when all is well.

    Raises `UserError` when the file is missing or the system does not give it: then nothing is known of it.
    """
    try:
        return _problems(path, read_indexes([path])[0])
    except MalformedError as error:
        return [error.reason]


def _problems(path: Path, index: Index) -> list[str]:
    with open_hdf5(path, WHAT) as file, malformed(path, WHAT):
        values, times = open_values(file), open_times(file)
        return [
            f"{video_id}: {fault}"
            for video_id, (start, end), written in index.spans()
            for fault in _faults(values, times, start, end, written)
        ]


def _faults(values: h5py.Dataset, times: h5py.Dataset, start: int, end: int, written: int) -> list[str]:
    """What is wrong with the values and times of a video."""
    check = _Check()
    for begin, stop in _blocks(values, start, end):
        check.add(values[begin:stop])
    return check.faults(times[start:end], written)


class _Check:
    """Whether a video is as it was written, of its values as they are read."""

    def __init__(self) -> None:
        self._checksum, self._finite = 0, True

    def add(self, values: NDArray[Any]) -> None:
        """Take in the next values (steps, dims)."""
        self._checksum = checksum(values, self._checksum)
        self._finite = self._finite and _all_finite(values)

    def faults(self, times: NDArray[np.float64], written: int) -> list[str]:
        """What is wrong with them and their times (steps,), whose checksum was ``written``."""
        found = {
            "values that are not finite numbers": not self._finite,
            "times that do not rise": not np.isfinite(times).all() or bool((np.diff(times) < 0).any()),
            "checksum differs, the stored values were damaged": checksum(times, self._checksum) != written,
        }
        return [fault for fault, there in found.items() if there]


def _blocks(values: h5py.Dataset, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Steps ``start`` to ``end`` of values (steps, dims), from and to, so many at once as `BLOCK_BYTES` hold."""
    steps = max(1, BLOCK_BYTES // (values.shape[1] * values.dtype.itemsize))
    for begin in range(start, end, steps):
        yield begin, min(begin + steps, end)


_EXPONENT = {"float16": ("<u2", np.uint16(0x7C00)), "float32": ("<u4", np.uint32(0x7F800000))}
"""The bits of a number that are all set in what is none, or is infinite."""


def _all_finite(values: NDArray[Any]) -> bool:
    """Whether all values are finite numbers, several times as fast as `numpy.isfinite`, which also fills an array."""
    unsigned, bits = _EXPONENT[values.dtype.name]
    raw = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).view(unsigned)
    return not raw.size or bool((raw & bits).max() < bits)


def _single(values: NDArray[Any]) -> NDArray[np.float32]:
    """As float32."""
    if values.dtype == np.float32:
        return values
    # Several times as fast as NumPy's, and who reads whole videos has it loaded.
    import torch

    single: NDArray[np.float32] = torch.from_numpy(values.astype("=f2", copy=False)).float().numpy()
    return single


def may_differ(name: str) -> bool:
    """Whether shards of one feature may disagree on an attribute.

    Versions of packages (`..._version`) and what one shard was made from (`input_...`, not `input_size`) may;
    everything that says how the values were computed, the stage's version too, may not.
    """
    if name in ("stage_version", "input_size"):
        return False
    return name.startswith("input_") or name.endswith("_version")


class FeatureStore:
    """The shards of one feature, read lazily.

    Files are opened when a video is first read, once a process: a store may be pickled, or forked into data workers.
    The checksum of a video is compared when it is first read. Raises `UserError` when the folder has no shard, when a
    shard is none or was damaged, when a video is in two shards, or when shards were made differently.
    """

    def __init__(self, folder: Path) -> None:
        self._paths = finished_files(folder, ".h5")
        if folder.is_file():
            raise UserError(f"{folder}: a file, expected a folder of feature shards; give the folder it is in")
        if not self._paths:
            raise UserError(f"{folder}: no feature shards (*.h5); extract or import the feature first")
        self._open: dict[int, _Open] = {}
        self._process = os.getpid()
        self._places: dict[str, _Place] = {}
        self._sound: set[str] = set()
        self.dims = 0
        self.attributes: dict[str, Attribute] = {}
        for number, index in enumerate(read_indexes(self._paths)):
            self._add(number, index)

    def _add(self, number: int, index: Index) -> None:
        path = self._paths[number]
        if number == 0:
            self.dims, self.attributes = index.dims, index.attributes
        self._check_same(path, index.dims, index.attributes)
        for video_id, (start, end), written in index.spans():
            if video_id in self._places:
                other = self._paths[self._places[video_id].shard]
                raise UserError(
                    f"{path}: video {video_id} is also in {other.name}; delete the shard that is out of date"
                )
            self._places[video_id] = _Place(number, start, end, written)

    def _check_same(self, path: Path, dims: int, found: dict[str, Attribute]) -> None:
        first = {"dims": self.dims, **self.attributes}
        other = {"dims": dims, **found}
        for name in sorted(first.keys() | other.keys()):
            if not may_differ(name) and first.get(name) != other.get(name):
                raise UserError(
                    f"{path}: {name} is {other.get(name)!r}, but {first.get(name)!r} in {self._paths[0].name}; "
                    "delete the shard that is out of date and make it again"
                )

    @property
    def grid(self) -> tuple[int, int] | None:
        """Rows and columns of its maps, whose steps are rows x columns x channels, flattened. None of vectors."""
        return grid_of(self.attributes)

    @property
    def timed(self) -> bool:
        """Whether `times` are seconds; of features that others have computed they are the numbers of the steps."""
        return self.attributes.get("times_unit", UNITS[0]) == UNITS[0]

    @property
    def video_ids(self) -> list[str]:
        """Ids of all videos, shard by shard."""
        return list(self._places)

    def __contains__(self, video_id: object) -> bool:
        return video_id in self._places

    def __len__(self) -> int:
        """Number of videos."""
        return len(self._places)

    def read(self, video_id: str) -> NDArray[np.float32]:
        """(steps, dims) of a video; steps may be 0. `UserError` for a video that is not there, or was damaged."""
        (values,) = list(self._stored(video_id, whole=True))
        return _single(values)

    def parts(self, video_id: str) -> Iterator[NDArray[np.float32]]:
        """The same in parts of some MiB, one after the other: a long video need not be held whole.

        That it was damaged may show behind the last part only.
        """
        for part in self._stored(video_id, whole=False):
            yield part.astype(np.float32, copy=False)

    def times(self, video_id: str) -> NDArray[np.float64]:
        """(steps,) window centres, in the unit of the attribute `times_unit`."""
        if video_id not in self._sound:
            for _ in self._stored(video_id, whole=False):
                pass
        place = self._place(video_id)
        return self._shard(place).times[place.start : place.end].copy()

    def steps(self, video_id: str) -> int:
        """Number of steps, without opening the file."""
        place = self._place(video_id)
        return place.end - place.start

    def fingerprint(self, video_ids: Iterable[str]) -> str:
        """SHA-256 of what the store has of ``video_ids``, by their checksums: it changes when a value does."""
        there = sorted({video_id for video_id in video_ids if video_id in self._places})
        text = "\n".join(f"{video_id} {self._places[video_id].checksum}" for video_id in there)
        return hashlib.sha256(f"{self.dims}\n{text}".encode()).hexdigest()

    def close(self) -> None:
        """Close the files this process opened; a later read opens them again."""
        for shard in self._open.values():
            shard.values.file.close()
        self._open = {}

    def _place(self, video_id: str) -> "_Place":
        if video_id not in self._places:
            raise UserError(f"{self._paths[0].parent}: no features of video {video_id!r}; was it quarantined?")
        return self._places[video_id]

    def _stored(self, video_id: str, *, whole: bool) -> Iterator[NDArray[Any]]:
        """The values of a video as they are stored, in one part or several, and compared with the checksum."""
        place = self._place(video_id)
        path, check = self._paths[place.shard], None if video_id in self._sound else _Check()
        with malformed(path, WHAT):
            shard = self._shard(place)
            whole_range = [(place.start, place.end)]
            for start, end in whole_range if whole else _blocks(shard.values, place.start, place.end):
                part = shard.values[start:end]
                if check is not None:
                    check.add(part)
                yield part
            if check is None:
                return
            faults = check.faults(shard.times[place.start : place.end], place.checksum)
        if faults:
            raise UserError(f"{path}: {video_id}: {'; '.join(faults)}; make the shard again")
        self._sound.add(video_id)

    def _shard(self, place: "_Place") -> "_Open":
        if self._process != os.getpid():
            # Handles of HDF5 do not survive a fork.
            self._open, self._process = {}, os.getpid()
        if place.shard not in self._open:
            path = self._paths[place.shard]
            file = open_hdf5(path, WHAT)
            with malformed(path, WHAT):
                self._open[place.shard] = _Open(open_values(file), open_times(file)[:])
        return self._open[place.shard]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}, "_process": -1}


class _Place(NamedTuple):
    """Where a video lies: the shard's number, its steps, their checksum."""

    shard: int
    start: int
    end: int
    checksum: int


class _Open(NamedTuple):
    """An open shard. times: all of them, which one read brings faster than one a video."""

    values: h5py.Dataset
    times: NDArray[np.float64]
