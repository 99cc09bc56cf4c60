"""The measuring instruments against what is known: by hand, a second count."""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.shared import machine, own_process
from benchmarks.shared.own_process import peak_memory
from benchmarks.shared.results import Goal, Row, table, verdicts
from benchmarks.shared.timing import cores, interleaved, one_core, quiet
from benchmarks.shared.trainees import Step, in_turns
from pipeline.errors import UserError

CPU = torch.device("cpu")


class Clocks:
    """Both clocks of `time`, which go on when they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = self.processor = 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.wall)
        monkeypatch.setattr(time, "process_time", lambda: self.processor)

    def spend(self, wall: float, processor: float = 0.0) -> None:
        self.wall += wall
        self.processor += processor


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def test_turns_are_taken_and_the_fastest_counts(clocks: Clocks) -> None:
    order: list[str] = []
    waits = {"a": [0.5, 0.125, 0.5], "b": [0.25, 0.5, 0.5]}

    def call(name: str) -> None:
        clocks.spend(waits[name][order.count(name)])
        order.append(name)

    times = interleaved({"a": lambda: call("a"), "b": lambda: call("b")}, 3, CPU)
    assert order == ["a", "b"] * 3
    assert times == {"a": 0.125, "b": 0.25}


def test_one_core_holds_children_and_is_given_back() -> None:
    before = (os.sched_getaffinity(0), torch.get_num_threads())
    with one_core():
        assert len(os.sched_getaffinity(0)) == 1
        assert torch.get_num_threads() == 1
    assert (os.sched_getaffinity(0), torch.get_num_threads()) == before


def test_log_lines_are_kept_back_unless_something_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet():
        print("fine", file=sys.stderr)
    with pytest.raises(UserError), quiet():
        print("why", file=sys.stderr)
        raise UserError("it failed")
    assert capsys.readouterr().err == "why\n"


def test_operations_by_hand() -> None:
    # 5 x 5 outputs of 4 channels, each of 2 x 3 x 3 products; then 100 values times 7.
    def network() -> nn.Module:
        return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(100, 7))

    assert machine.flop_count(network, 3, 2, 5, 5) == 3 * 2 * (25 * 4 * 18 + 100 * 7)


def test_yardsticks_by_brute_force() -> None:
    product = machine.matrix_product(8, CPU, torch.float32)
    assert product.flop == 2 * 8 * 8 * 8
    layer = machine.convolution(2, 16, CPU, torch.float32)
    assert layer.flop == machine.flop_count(lambda: nn.Conv3d(64, 192, 3, padding=1), 2, 64, 8, 4, 4)
    assert layer.call().shape == (2, 192, 8, 4, 4)
    half = machine.shares(
        100.0, 2.0, {"matrix product": machine.Yardstick(lambda: None, 300.0)}, {"matrix product": 3.0}
    )
    assert half == {"matrix product": 0.5}


def test_peak_memory_is_the_commands_own() -> None:
    def peak(megabytes: int) -> float:
        return peak_memory([sys.executable, "-c", f"x = bytearray({megabytes} << 20)"])

    ballast = bytearray(b"1" * (300 << 20))  # the size of this process must not count
    assert peak(200) - peak(10) == pytest.approx(190, abs=10)
    assert peak(10) < 100
    del ballast


def test_a_command_that_fails_is_named() -> None:
    with pytest.raises(UserError, match=r"import nothing_of_this_name: failed \(ModuleNotFoundError"):
        peak_memory([sys.executable, "-c", "import nothing_of_this_name"])


def test_goals_and_table() -> None:
    rows = [
        Row("decode", "one", "frames/s", 1500.0, 1000.0, Goal("at least", 1.5), {"decoding alone": 0.5}),
        Row("memory", "two", "MiB", 111.0, 100.0, Goal("at most", 1.1)),
        Row("stride", "three", "s", 4.0, 1.0, Goal("below", 4)),
        Row(
            "i3d",
            "four",
            "windows/s",
            9.0,
            3.0,
            Goal("at least", 0.4, "share", "matrix product"),
            {"matrix product": 0.41},
        ),
    ]
    assert [line[:6].strip() for line in verdicts(rows)] == ["met", "missed", "missed", "met"]
    lines = table(rows).splitlines()
    assert "1,500" in lines[1] and "| 1.5 " in " ".join(lines[1].split()) and "50% of decoding alone" in lines[1]
    assert rows[1].record()["met"] is False and rows[1].record()["ratio"] == pytest.approx(1.11)


def test_calls_take_turns_batch_by_batch(clocks: Clocks) -> None:
    order: list[tuple[str, object]] = []

    def call(name: str, wait: float, work: float) -> Step:
        def step(batch: object) -> None:
            order.append((name, batch))
            clocks.spend(wait, work)

        return step

    calls = {"slow": call("slow", 0.5, 0.125), "fast": call("fast", 0.25, 0.25)}
    times = in_turns(calls, ["A", "B", "C"], 2, CPU)  # type: ignore[list-item]
    warm = [("slow", "A"), ("fast", "A")]
    assert order == warm + [(name, batch) for batch in "ABC" for name in ("slow", "fast")] * 2
    assert {name: (each.clock, each.processor) for name, each in times.items()} == {
        "slow": ([1.5, 1.5], [0.375, 0.375]),
        "fast": ([0.75, 0.75], [0.75, 0.75]),
    }


def test_cores_are_given_back() -> None:
    before = (os.sched_getaffinity(0), torch.get_num_threads())
    with cores(1):
        assert len(os.sched_getaffinity(0)) == 1
        assert torch.get_num_threads() == 1
    assert (os.sched_getaffinity(0), torch.get_num_threads()) == before


def test_a_process_of_its_own() -> None:
    found, peak = own_process.run("json", "loads", s='{"a": [1, 2]}')
    assert found == {"a": [1, 2]}
    assert 1 < peak < 100  # not the hundreds that this process takes with PyTorch
    with pytest.raises(UserError, match="JSONDecodeError"):
        own_process.run("json", "loads", s="no JSON")


def test_bytes_read_and_memory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(5 << 20))
    before = own_process.bytes_read()
    path.read_bytes()
    assert own_process.bytes_read() - before == pytest.approx(5 << 20, rel=0.01)
    resident = own_process.high_water()
    ballast = np.ones(int(resident + 100) << 17)  # 8 bytes each: larger by 100 MiB than all memory so far
    size = ballast.nbytes / 2**20
    del ballast
    assert resident + size + 50 > own_process.high_water() > size > resident
