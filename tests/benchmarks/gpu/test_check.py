"""The GPU check on a CPU: all of it, at tiny sizes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.gpu import right_networks, whole
from benchmarks.gpu.card import Card
from benchmarks.gpu.goals import GOALS, verdict
from benchmarks.gpu.launches import launches
from benchmarks.gpu.plan import STEPS
from benchmarks.shared.results import Row
from pipeline.networks.parts import lstm

ROOT = Path(__file__).resolve().parents[3]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    folder = tmp_path_factory.mktemp("gpu")
    command = [sys.executable, "-m", "benchmarks.gpu", "--device", "cpu", "--quick", "--json", str(folder / "out.json")]
    # From another folder: nothing may hang on where the command is started.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    return done, json.loads((folder / "out.json").read_text())


@pytest.mark.slow
def test_every_step_ends_well(checked: tuple[subprocess.CompletedProcess[str], dict[str, Any]]) -> None:
    done, found = checked
    assert done.returncode == 0, done.stdout + done.stderr
    assert [(step["section"], step["step"]) for step in found["steps"]] == [(step.section, step.name) for step in STEPS]
    assert {step["ended"] for step in found["steps"]} == {""}


@pytest.mark.slow
def test_every_figure_is_there_and_right(checked: tuple[subprocess.CompletedProcess[str], dict[str, Any]]) -> None:
    done, found = checked
    rows = found["rows"]
    assert list(dict.fromkeys(row["section"] for row in rows)) == ["right", "fast", "many", "charades"]
    assert {row["verdict"] for row in rows} == {"", "met"}
    assert all(row["verdict"] == "met" for row in rows if row["section"] == "right")
    # Nothing is compared with itself where there is something else to compare with.
    compared = ("network", "LSTM", "loss st", "loss joint", "I3D", "VGGish, float32", "steps of training")
    errors = [row for row in rows if row["unit"] == "error" and any(name in row["what"] for name in compared)]
    assert len(errors) > 20 and all(row["ours"] > 0 for row in errors)
    # Two trainings, not one that was looked at twice.
    assert all(row["ratio"] != 1 for row in rows if row["section"] == "many" and row["reference"] is not None)
    # A rate whose goal stands in the table is in the rows, but for those that want a GPU or other batches.
    lacking = {what for section, what in GOALS if what not in {row["what"] for row in rows}}
    assert lacking == {
        "I3D, bfloat16, batch 64",
        "I3D, compiled, bfloat16, batch 64",
        "training step: waits for the device",
    }
    assert all(row["what"] in done.stdout for row in rows)


def test_a_wrong_number_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """float32 stands for the device: there LSTM layers are made a little wrong, and the reference is not."""
    exact = lstm.packed_lstm

    def wrong(sizes: Any, packed: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        states = exact(sizes, packed, *weights)
        return states * 1.05 if states.dtype == torch.float32 else states

    monkeypatch.setattr(lstm, "packed_lstm", wrong)
    rows = [row for _, row in zip(range(4), right_networks.measure(Card(CPU, True, tmp_path)), strict=False)]
    assert [verdict(row) for row in rows] == ["WRONG"] * 4


def test_launches_are_counted() -> None:
    first, second = torch.rand(4, 6), torch.rand(4, 6)
    assert launches(lambda: torch.relu(first + second), CPU) == 2
    assert launches(lambda: first.view(6, 4).t().unsqueeze(0)[0, 1:3].expand(2, -1).detach(), CPU) == 0
    assert launches(lambda: torch.nn.functional.linear(first, second), CPU) == 1
    gradient = torch.rand(4, 6, requires_grad=True)
    assert launches(lambda: (gradient * second).sum().backward(), CPU) >= 4


def test_the_whole_of_charades_by_hand() -> None:
    rows = [
        Row("fast", "I3D from shards, stride 4", "windows/s", 2000),
        Row("fast", "TV-L1, best batch", "pairs/s", 8490),
        Row("fast", "VGGish from shards", "patches/s", 10_000),
    ]
    found, lacking = whole.hours(rows, gpu=True, goals=True)
    hours = {row.what: row.ours for row in found}
    assert lacking == []
    assert hours["i3d_flow, stride 4: flow tvl1"] == pytest.approx(8_490_000 / 8490 / 3600)
    assert hours["i3d_rgb, stride 4"] == pytest.approx(8_490_000 / 4 / 2000 / 3600)
    assert hours["vggish"] == pytest.approx(98 * 3600 / 0.96 / 10_000 / 3600)
    assert hours["decode frames, once for rgb and once for flow"] == pytest.approx(2 * 8_490_000 / 1151 / 3600 / 16)
    gpu = hours["i3d_flow, stride 4: flow tvl1"] + 2 * hours["i3d_rgb, stride 4"] + hours["vggish"]
    assert hours["all stages"] == pytest.approx(gpu)
    assert verdict(found[-1]) == "met"
    assert whole.hours(rows[:1], gpu=True, goals=True) == ([], ["TV-L1, best batch", "VGGish from shards"])
