"""Section store: what an epoch of training reads of the feature shards, and the memory that takes."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.shared import own_process
from benchmarks.shared.dialog_bench import Recipe
from benchmarks.shared.results import Row
from benchmarks.shared.workload import BATCH_TURNS, Workload
from benchmarks.training.bench import TrainingBench
from pipeline.dataset.features import Store
from pipeline.features.store import FeatureStore, write_shard
from pipeline.progress import progress

SECTION = "store"
SHARDS = 64
STORED = "float16"
EPOCHS = 2


def measure(bench: TrainingBench) -> list[Row]:
    """Two epochs of training batches, read in a process of its own: bytes, seconds, and its peak of memory."""
    workload = bench.recipe.make(bench.amount.videos)
    with TemporaryDirectory(dir=bench.folder) as name:
        folder = Path(name)
        write_shards(folder, [dialog.video_id for dialog in workload.dialogs], workload.stores)
        stored = sum(path.stat().st_size for path in folder.glob("*/*.h5"))
        found, peak = own_process.run(
            __name__,
            read_epochs.__name__,
            recipe=asdict(bench.recipe),
            videos=bench.amount.videos,
            folder=str(folder),
        )
    own = found["values"] / 2**20
    note = f"{len(workload.dialogs):,} videos, {SHARDS} shards a feature, {stored / 2**20:,.0f} MiB of files"
    rows = []
    for number, epoch in enumerate(found["epochs"], start=1):
        what = f"epoch {number}: read from files, beside the features' size"
        rows.append(Row(SECTION, what, "MiB", epoch["bytes"] / 2**20, own, note=note))
        turns = workload.turns / epoch["seconds"]
        rows.append(Row(SECTION, f"epoch {number}: batches read", "turns/s", turns, note=f"{epoch['seconds']:.1f} s"))
    note = f"{found['before']:,.0f} with the dialogs in memory, before the first batch"
    return [*rows, Row(SECTION, "peak memory, beside the features' size", "MiB", peak, own, note=note)]


def write_shards(folder: Path, video_ids: list[str], stores: Mapping[str, Store]) -> None:
    """Shards of every feature of ``stores``, float16, the videos dealt out to `SHARDS` of them, none left empty."""
    shards = min(SHARDS, len(video_ids))
    work = [(name, number) for name in stores for number in range(shards)]
    for name, number in progress(work, len(work), "feature shards", "shards"):
        items = _items(stores[name], video_ids[number::shards])
        write_shard(folder / name / f"{number:03d}.h5", items, {"feature": name}, stores[name].dims, STORED)


def read_epochs(recipe: dict[str, Any], videos: int, folder: str) -> dict[str, Any]:
    """A process of its own: epochs of training batches, as training reads them, without a network.

    Returns by epoch the bytes read from files and the seconds, the bytes of the features as they are stored, and the
    MiB of memory before the first batch.
    """
    made = Recipe(**recipe).make(videos)
    stores = {name: FeatureStore(Path(folder) / name) for name in made.stores}
    opened = Workload(made.dialogs, made.vocabulary, stores, made.made)
    split = opened.split({"model": opened.view("none")})
    steps = {name: sum(store.steps(video) for video in store.video_ids) for name, store in stores.items()}
    values = sum(steps[name] * store.dims * np.dtype(STORED).itemsize for name, store in stores.items())
    before, epochs = own_process.high_water(), []
    for epoch in range(EPOCHS):
        start, already = time.perf_counter(), own_process.bytes_read()
        for dialogs in split.shuffled(BATCH_TURNS, 1, epoch):
            split.read(dialogs)
        epochs.append({"bytes": own_process.bytes_read() - already, "seconds": time.perf_counter() - start})
    return {"epochs": epochs, "values": values, "before": before}


def _items(store: Store, video_ids: list[str]) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    for video_id in video_ids:
        values = store.read(video_id)
        yield video_id, values, np.arange(len(values), dtype=np.float64)
