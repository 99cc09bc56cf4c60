"""The instruments of the training benchmark against what is known: published lengths, by hand, a second count."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from benchmarks.shared.dialog_bench import Recipe
from benchmarks.shared.trainees import Times
from benchmarks.training import epoch, store_reading
from benchmarks.training.bench import QUICK, TrainingBench
from benchmarks.training.learning import OURS, PLAIN, measure_losses, spread

CPU = torch.device("cpu")


def bench(folder: Path, **changes: object) -> TrainingBench:
    settings = {"device": CPU, "threads": 1, "repeats": 1, "recipe": Recipe(quick=True), "amount": QUICK}
    return TrainingBench(**{**settings, "folder": folder, **changes})  # type: ignore[arg-type]


def test_ratios_by_hand() -> None:
    times = {OURS: Times([1.0, 2.0], [1.0, 1.0]), PLAIN: Times([3.0, 5.0], [3.0, 4.0])}
    assert spread(times) == "ratio by repeat 3.00, 2.50; of processor time 3.50"


def test_what_epochs_read(tmp_path: Path) -> None:
    recipe = Recipe(quick=True)
    workload = recipe.make(12)
    store_reading.write_shards(tmp_path, [dialog.video_id for dialog in workload.dialogs], workload.stores)
    found = store_reading.read_epochs(asdict(recipe), 12, str(tmp_path))
    assert found["values"] == 12 * 3 * (3 * 16 * 2)  # videos, features, steps of halves
    first, second = (epoch["bytes"] for epoch in found["epochs"])
    assert first > found["values"]
    assert second < first / 100  # all of it is kept


def test_an_epoch_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    curves = [
        {"epoch": 1.0, "turns_per_second": 500.0, "data_wait": 0.2, "peak_memory_mib": 10.0},
        {"epoch": 2.0, "turns_per_second": 1000.0, "data_wait": 0.1, "peak_memory_mib": 20.0},
    ]
    monkeypatch.setattr(epoch, "_train", lambda bench: curves)
    assert epoch.measure(bench(tmp_path)) == []
    rows = {row.what: row for row in epoch.measure(bench(tmp_path, epoch=True))}
    assert rows["epoch 2 of 76,590 turns"].ours == pytest.approx(76.59)
    assert rows["epoch 2 of 76,590 turns"].note == "estimated from 60 turns"
    assert (rows["epoch 1: waiting for data"].ours, rows["peak memory"].ours) == (0.2, 20.0)
    assert all(row.goal is None for row in rows.values())
    gpu = {row.what: row for row in epoch.measure(bench(tmp_path, epoch=True, device=torch.device("cuda")))}
    met = {what: row.goal.met(row.goal_value()) for what, row in gpu.items() if row.goal is not None}
    assert met == {"epoch 2 of 76,590 turns": False, "epoch 2: waiting for data": False}


def test_a_student_costs_more(tmp_path: Path) -> None:
    rates = {row.what: row.ours for row in measure_losses(bench(tmp_path, repeats=3))}
    assert list(rates) == ["ce", "st", "st_context", "joint"]
    assert rates["ce"] > rates["st"] > rates["joint"] > 0
