"""Features in and out of the organisers' layout: one `<video id>.npy` (steps, dims) a video.

Maps are (steps, rows, columns, channels) there.
"""

import json
from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pipeline import __version__
from pipeline.corpus.shards import check_shard, in_shard, named, npy_in, shard_name
from pipeline.errors import UserError
from pipeline.features.store import FeatureStore, write_shard
from pipeline.files import atomic_path, check_outputs, write_text
from pipeline.hdf5 import Attribute
from pipeline.progress import log, progress
from pipeline.texts.arrays import map_array
from pipeline.versions import STAGES

ROWS = 1024
"""Steps of a video that are gathered at once."""


def export_npy(folder: Path, out: Path) -> None:
    """Write each video of a feature's ``folder`` of shards as ``out``/<video id>.npy, (steps, dims) float32.

    Of maps it is (steps, rows, columns, channels).

    The attributes go to ``out``/attributes.json. Window times are left behind: the layout has no place for them.
    """
    store = FeatureStore(folder)
    for video_id in progress(store.video_ids, len(store), f"export {folder.name}", "videos"):
        if Path(video_id).name != video_id:
            raise UserError(
                f"{folder}: video id {video_id!r} cannot be a file name; rename the video and extract again"
            )
        with atomic_path(out / f"{video_id}.npy") as temporary, temporary.open("wb") as file:
            _write_npy(file, (store.steps(video_id), *_step(store)), store.parts(video_id))
    write_text(out / "attributes.json", json.dumps(store.attributes, indent=1, ensure_ascii=False) + "\n")


def import_npy(folder: Path, out: Path, shard: int, shards: int, dtype: str) -> None:
    """Gather the videos of one of ``shards`` shards from ``folder``/<video id>.npy into the shard file ``out``.

    The organisers keep the test set apart: ``<folder>_testset`` is read too where it exists. An array is
    (steps, dims), or (steps, rows, columns, channels) of maps; a vector of dims counts as one step. All have the dims
    of the first file by name. Seconds are not known, so `times` are step numbers (attribute `times_unit`: `step`).
    """
    check_shard(shard, shards)
    paths = npy_in(folder)
    check_outputs([out], paths.values())
    step = _read(next(iter(paths.values())), None).shape[1:]
    chosen = in_shard(paths, shard, shards)
    if not chosen:
        log(f"{folder}: none of its {len(paths)} videos belongs to shard {shard_name(shard)} of {shards}: it is empty")
    settings: dict[str, Attribute] = {
        "extractor": "npy",
        "input_folder": named(folder).name,
        "times_unit": "step",
        "package_version": __version__,
        "stage_version": STAGES["extract"],
        **({"grid": json.dumps(list(step[:2]))} if len(step) == 3 else {}),
    }
    items = progress(_items(chosen, step), len(chosen), f"import {folder.name} {shard_name(shard)}", "videos")
    write_shard(out, items, settings, prod(step), dtype)


def _step(store: FeatureStore) -> tuple[int, ...]:
    """The shape of a step: dims, or rows, columns and channels."""
    return (store.dims,) if store.grid is None else (*store.grid, store.dims // prod(store.grid))


def _write_npy(file: BinaryIO, shape: tuple[int, ...], parts: Iterable[NDArray[np.float32]]) -> None:
    """What `numpy.save` writes of a float32 array of this shape that comes in parts."""
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for part in parts:
        file.write(part.astype("<f4", copy=False).tobytes())


def _items(
    paths: dict[str, Path], step: tuple[int, ...]
) -> Iterator[tuple[str, Iterator[NDArray[Any]], NDArray[np.float64]]]:
    for video_id, path in paths.items():
        steps = len(_read(path, step))
        yield video_id, _parts(path, steps, step), np.arange(steps, dtype=np.float64)


def _parts(path: Path, steps: int, step: tuple[int, ...]) -> Iterator[NDArray[Any]]:
    """The values in parts of `ROWS` steps, each read through a map of its own: what was read of a file is let go."""
    for begin in range(0, steps, ROWS):
        values = np.array(_read(path, step)[begin : begin + ROWS]).reshape(-1, prod(step))
        if not np.isfinite(values).all():
            raise UserError(f"{path}: values that are not finite numbers; take it out or mend it")
        yield values


def _read(path: Path, step: tuple[int, ...] | None) -> NDArray[Any]:
    """An array (steps, *step) that lies in its file, not in memory. step: None where any will do."""
    loaded = map_array(path)
    values: NDArray[Any] = loaded[np.newaxis] if loaded.ndim == 1 else loaded
    fits = values.ndim in (2, 4) and 0 not in values.shape[1:] if step is None else values.shape[1:] == step
    if not fits:
        wanted = ("dims",) if step is None else step
        raise UserError(
            f"{path}: shape {values.shape}, expected (steps, {', '.join(map(str, wanted))}); take it out or mend it"
        )
    return values
