"""Section epoch: `avsd train` on a corpus of the paper's size, and the share of the time it waits for data."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.shared.dialog_bench import Recipe
from benchmarks.shared.own_process import environment, last_words
from benchmarks.shared.results import Goal, Row
from benchmarks.shared.workload import BATCH_TURNS, Workload
from benchmarks.training.bench import TrainingBench
from benchmarks.training.store_reading import write_shards
from pipeline.corpus.dialogs import write_dialogs
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.training.state import CURVES

SECTION = "epoch"
SYSTEM = "attention"
EPOCHS = 2
"""The first one warms up."""
TURNS = 76_590
"""Of the paper's training set."""
SECONDS, WAITING = 60.0, 0.05
VALIDATION = 7


def measure(bench: TrainingBench) -> list[Row]:
    """Two epochs of the command in a process of its own; no rows where no epoch was asked for."""
    if not bench.epoch:
        return []
    workload = bench.recipe.make(bench.amount.epoch_dialogs)
    prepare(bench.folder / "results", workload)
    rows_of_epochs = _train(bench)
    gpu = bench.device.type == "cuda"
    rows = []
    for epoch in rows_of_epochs:
        what, took = f"epoch {epoch['epoch']:.0f}", TURNS / epoch["turns_per_second"]
        note = "measured whole" if workload.turns == TURNS else f"estimated from {workload.turns:,} turns"
        limit = Goal("below", SECONDS, "ours") if gpu and epoch is rows_of_epochs[-1] else None
        rows.append(Row(SECTION, f"{what} of {TURNS:,} turns", "s", took, goal=limit, note=note))
        rows.append(Row(SECTION, f"{what}: training", "turns/s", epoch["turns_per_second"]))
        limit = Goal("below", WAITING, "ours") if gpu and epoch is rows_of_epochs[-1] else None
        rows.append(Row(SECTION, f"{what}: waiting for data", "share", epoch["data_wait"], goal=limit))
    peak = rows_of_epochs[-1]["peak_memory_mib"]
    return [*rows, Row(SECTION, "peak memory, GPU" if gpu else "peak memory", "MiB", peak)]


def prepare(results: Path, workload: Workload) -> None:
    """Everything `avsd train` reads, in the folder ``results``; validation is the first few dialogs again."""
    layout = Layout(results)
    write_dialogs(layout.dialogs("training"), workload.dialogs)
    write_dialogs(layout.dialogs("validation"), workload.dialogs[:VALIDATION])
    workload.vocabulary.write(layout.vocabulary)
    write_shards(results / "features", [dialog.video_id for dialog in workload.dialogs], workload.stores)


def _train(bench: TrainingBench) -> list[dict[str, float]]:
    """The learning curves of the command: a row an epoch."""
    results = bench.folder / "results"
    config = json.dumps(settings(bench.recipe, str(bench.device), results))
    command = [sys.executable, "-m", "pipeline", "train", SYSTEM, "--config", config]
    used = environment(OMP_NUM_THREADS=str(bench.threads))
    done = subprocess.run(command, capture_output=True, text=True, env=used, check=False)
    if done.returncode:
        raise UserError(f"section {SECTION}: avsd train failed ({last_words(done.stderr)})")
    return curves(results)


def curves(results: Path) -> list[dict[str, float]]:
    """What a finished training says of its epochs."""
    with (Layout(results).model(SYSTEM) / CURVES).open(encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def settings(recipe: Recipe, device: str, results: Path) -> dict[str, Any]:
    """The configuration of a training of what `prepare` wrote."""
    sizes = recipe.attention.model_dump()
    features = ("i3d_rgb", "i3d_flow", "vggish")
    return {
        "results": str(results),
        "device": device,
        "features": {name: {"network": name} for name in features},
        "training": {"epochs": EPOCHS, "batch_turns": BATCH_TURNS},
        "systems": {SYSTEM: {"label": "Attention", "network": "attention", "sizes": sizes, "features": features}},
    }
