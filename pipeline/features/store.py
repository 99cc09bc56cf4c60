"""The feature store: one HDF5 file a shard, a folder of them a feature.

Layout of a shard of N videos: `values` (steps, dims) float16 or float32, all videos one after the other; `offsets`
(N + 1,) int64, video n's steps are offsets[n]:offsets[n + 1]; `video_ids` (N,) UTF-8; `times` (steps,) float64, the
centre of each step's window (attribute `times_unit`: `second`, or `step` where seconds are not known); `checksums` (N,)
uint32, CRC-32 of a video's values and times. Further attributes say where the values come from.
"""

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError, refusal
from pipeline.files import atomic_path, finished_files
from pipeline.hdf5 import Attribute, MalformedError, attributes, create_hdf5, open_hdf5

FORMAT = "avsd-features-1"
DTYPES = ("float16", "float32")
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
        if found := problems(temporary):
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
        checksum = 0
        for part in [video_values] if isinstance(video_values, np.ndarray) else video_values:
            stored = _checked(path, video_id, part, dims, dtype)
            checksum = _checksum(stored, checksum)
            _append(values, stored)
        if video_times.shape != (len(values) - offsets[-1],):
            steps = len(values) - offsets[-1]
            raise ValueError(f"{video_id}: {steps} steps and times {video_times.shape}, expected ({steps},)")
        seconds = np.ascontiguousarray(video_times, np.float64)
        _append(times, seconds)
        offsets.append(len(values))
        checksums.append(_checksum(seconds, checksum))
        video_ids[video_id] = None
    file.create_dataset("offsets", data=np.array(offsets, np.int64))
    file.create_dataset("checksums", data=np.array(checksums, np.uint32))
    file.create_dataset("video_ids", data=list(video_ids), dtype=h5py.string_dtype(), shape=(len(video_ids),))


def _append(dataset: h5py.Dataset, values: NDArray[Any]) -> None:
    start = len(dataset)
    dataset.resize(start + len(values), axis=0)
    dataset[start:] = values


def _checked(path: Path, video_id: str, values: NDArray[Any], dims: int, dtype: str) -> NDArray[Any]:
    if values.ndim != 2 or values.shape[1] != dims:
        raise ValueError(f"{video_id}: values {values.shape}, expected (steps, {dims})")
    if not np.isfinite(values).all():
        raise UserError(f"{path}: {video_id}: the feature has values that are not finite numbers; check its weights")
    if values.size and (largest := float(np.abs(values).max())) > LARGEST[dtype]:
        raise UserError(
            f"{path}: {video_id}: a value of {largest:g} does not fit {dtype}; set the feature's dtype wider"
        )
    return np.ascontiguousarray(values, dtype)


def _checksum(values: NDArray[Any], before: int) -> int:
    """CRC-32 of values that follow on others whose sum is ``before``, little-endian."""
    return zlib.crc32(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes(), before)


def problems(path: Path) -> list[str]:
    """Read a shard whole and say what is wrong with it, one phrase a problem; an empty list when all is well.

    Raises `UserError` when the file is missing or the system does not give it: then nothing is known of it.
    """
    try:
        file = open_hdf5(path, "a feature shard")
    except MalformedError as error:
        return [f"cannot be opened ({error.reason})"]
    with file:
        try:
            return [*_structure(file)] or [*_contents(file)]
        except OSError as error:
            if refused := refusal(error):
                raise UserError(f"{path}: cannot be read ({refused})") from None
            return [f"cannot be read ({' '.join(str(error).split())})"]


def _structure(file: h5py.File) -> Iterator[str]:
    if file.attrs.get("format") != FORMAT:
        yield f"format {file.attrs.get('format')!r}, expected {FORMAT!r}"
        return
    missing = [name for name in ("values", "times", "offsets", "checksums", "video_ids") if name not in file]
    if missing:
        yield f"without {', '.join(missing)}"
        return
    values, times, offsets = file["values"], file["times"], file["offsets"][:]
    count = len(file["video_ids"])
    if values.ndim != 2 or values.dtype.name not in DTYPES:
        yield f"values {values.shape} {values.dtype}, expected (steps, dims) of {' or '.join(DTYPES)}"
    if times.shape != values.shape[:1]:
        yield f"{times.shape} times for {values.shape[:1]} steps"
    if offsets.shape != (count + 1,) or file["checksums"].shape != (count,):
        yield f"{offsets.shape} offsets and {file['checksums'].shape} checksums for {count} videos"
    elif offsets[0] != 0 or offsets[-1] != len(values) or (np.diff(offsets) < 0).any():
        yield f"offsets do not rise from 0 to {len(values)} steps"
    if len(set(file["video_ids"].asstr()[:])) != count:
        yield "a video id occurs twice"


def _contents(file: h5py.File) -> Iterator[str]:
    offsets, checksums = file["offsets"][:].tolist(), file["checksums"][:]
    for index, video_id in enumerate(file["video_ids"].asstr()[:]):
        start, end = offsets[index], offsets[index + 1]
        times = file["times"][start:end]
        checksum, finite = 0, True
        for values in _blocks(file["values"], start, end):
            checksum = _checksum(values, checksum)
            finite = finite and bool(np.isfinite(values).all())
        if not finite:
            yield f"{video_id}: values that are not finite numbers"
        if not np.isfinite(times).all() or (np.diff(times) < 0).any():
            yield f"{video_id}: times that do not rise"
        if _checksum(times, checksum) != checksums[index]:
            yield f"{video_id}: checksum differs, the stored values were damaged"


def _blocks(values: h5py.Dataset, start: int, end: int) -> Iterator[NDArray[Any]]:
    """Steps ``start`` to ``end`` of values (steps, dims), so many at once as `BLOCK_BYTES` hold."""
    steps = max(1, BLOCK_BYTES // (values.shape[1] * values.dtype.itemsize or 1))
    for begin in range(start, end, steps):
        yield values[begin : min(begin + steps, end)]


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
    Raises `UserError` when the folder has no shard, when a video is in two shards, or when shards were made
    differently.
    """

    def __init__(self, folder: Path) -> None:
        self._paths = finished_files(folder, ".h5")
        if not self._paths:
            raise UserError(f"{folder}: no feature shards (*.h5); extract or import the feature first")
        self._files: dict[int, h5py.File] = {}
        self._process = os.getpid()
        self._places: dict[str, tuple[int, int, int]] = {}
        self.dims = 0
        self.attributes: dict[str, Attribute] = {}
        for index, path in enumerate(self._paths):
            self._add(index, path)

    def _add(self, index: int, path: Path) -> None:
        with open_hdf5(path, "a feature shard") as file:
            if found := list(_structure(file)):
                raise UserError(f"{path}: not a feature shard ({'; '.join(found)}); make it again")
            if index == 0:
                self.dims, self.attributes = int(file["values"].shape[1]), attributes(file)
            self._check_same(path, int(file["values"].shape[1]), attributes(file))
            offsets = file["offsets"][:].tolist()
            for number, video_id in enumerate(file["video_ids"].asstr()[:]):
                if video_id in self._places:
                    other = self._paths[self._places[video_id][0]]
                    raise UserError(
                        f"{path}: video {video_id} is also in {other.name}; delete the shard that is out of date"
                    )
                self._places[video_id] = (index, offsets[number], offsets[number + 1])

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
    def video_ids(self) -> list[str]:
        """Ids of all videos, shard by shard."""
        return list(self._places)

    def __contains__(self, video_id: object) -> bool:
        return video_id in self._places

    def __len__(self) -> int:
        """Number of videos."""
        return len(self._places)

    def read(self, video_id: str) -> NDArray[np.float32]:
        """(steps, dims) of a video; steps may be 0. `UserError` for a video that is not there."""
        values: NDArray[np.float32] = self._slice(video_id, "values").astype(np.float32, copy=False)
        return values

    def parts(self, video_id: str) -> Iterator[NDArray[np.float32]]:
        """The same in parts of some MiB, one after the other: a long video need not be held whole."""
        for part in _blocks(self._file(video_id)["values"], *self._place(video_id)[1:]):
            yield part.astype(np.float32, copy=False)

    def times(self, video_id: str) -> NDArray[np.float64]:
        """(steps,) window centres, in the unit of the attribute `times_unit`."""
        return self._slice(video_id, "times")

    def steps(self, video_id: str) -> int:
        """Number of steps, without opening the file."""
        _, start, end = self._place(video_id)
        return end - start

    def fingerprint(self, video_ids: Iterable[str]) -> str:
        """SHA-256 of what the store has of ``video_ids``, by their checksums: it changes when a value does."""
        checksums: dict[str, int] = {}
        for path in self._paths:
            with open_hdf5(path, "a feature shard") as file:
                checksums.update(zip(file["video_ids"].asstr()[:], file["checksums"][:].tolist(), strict=True))
        there = sorted({video_id for video_id in video_ids if video_id in checksums})
        text = "\n".join(f"{video_id} {checksums[video_id]}" for video_id in there)
        return hashlib.sha256(f"{self.dims}\n{text}".encode()).hexdigest()

    def close(self) -> None:
        """Close the files this process opened; a later read opens them again."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def _place(self, video_id: str) -> tuple[int, int, int]:
        if video_id not in self._places:
            raise UserError(f"{self._paths[0].parent}: no features of video {video_id!r}; was it quarantined?")
        return self._places[video_id]

    def _slice(self, video_id: str, name: str) -> NDArray[Any]:
        _, start, end = self._place(video_id)
        values: NDArray[Any] = self._file(video_id)[name][start:end]
        return values

    def _file(self, video_id: str) -> h5py.File:
        index = self._place(video_id)[0]
        if self._process != os.getpid():
            # Handles of HDF5 do not survive a fork.
            self._files, self._process = {}, os.getpid()
        if index not in self._files:
            self._files[index] = open_hdf5(self._paths[index], "a feature shard")
        return self._files[index]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_files": {}, "_process": -1}
