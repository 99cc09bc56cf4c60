"""Several processes learn what one learns, end together, and go on where they were killed."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.training import launch as launching
from pipeline.training import loop
from pipeline.training.train import train
from tests.training.drawn import ENTRIES

Project = Callable[..., Config]
STILL = {"networks": {"attention": {"dropout": 0.0}}}
SECONDS = 240
"""A limit for what takes ten seconds on a quiet machine."""

# A worker as `launch` starts it, after something was done to its modules.
CHANGED = """
import os, signal, sys, time
from pipeline.errors import UserError
from pipeline.training import loop, worker
rank = int(os.environ.get("RANK_OF_TEST", "-1"))
{change}
worker.main()
"""
# Saves after every batch; the first process kills the whole group, itself included, before its given batch.
KILLS = """
loop.SAVE_EVERY_SECONDS = 0.0
learn, calls = loop.Loop._learn, [0]
def counted(self, step):
    calls[0] += 1
    if calls[0] == {call} and self.fabric.global_rank == 0:
        os.killpg(os.getpgrp(), signal.SIGKILL)
    learn(self, step)
loop.Loop._learn = counted
"""
# The second process fails at its second batch.
FAILS = """
learn, calls = loop.Loop._learn, [0]
def failing(self, step):
    calls[0] += 1
    if calls[0] == 2 and self.fabric.global_rank == 1:
        {fault}
    learn(self, step)
loop.Loop._learn = failing
"""
# Each process writes what it finds in validation, and by which moments.
TELLS = """
validate = loop.Loop._validate
def telling(self):
    found, network = validate(self), self.learner.model.state_dict()
    moments = [float(value.double().sum()) for key, value in network.items() if "running" in key]
    with open({path!r}, "a") as file:
        file.write(f"{{self.position.epoch}} {{found}} {{moments}}\\n")
    return found
loop.Loop._validate = telling
"""
# `avsd train`, with another worker.
DRIVER = """
import sys
from pipeline.training import launch
launch.WORKER = (sys.executable, "-c", sys.argv.pop(1))
from pipeline.cli import main
main()
"""


def command(config: Config, name: str, **changes: Any) -> list[str]:
    overlay = config.model_copy(update=changes).model_dump_json()
    return ["train", name, "--config", overlay]


def avsd(arguments: list[str], worker: str | None = None, **env: str) -> "subprocess.CompletedProcess[str]":
    """`avsd` as a user calls it, in a session of its own; with another worker when one is given."""
    start = ["-m", "pipeline"] if worker is None else ["-c", DRIVER, worker]
    return subprocess.run(
        [sys.executable, *start, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        start_new_session=True,
        env={**os.environ, **env},
    )


def weights(config: Config, name: str) -> dict[str, torch.Tensor]:
    return load_file(Layout(config.results).model(name) / "model.safetensors")


def losses(config: Config, name: str) -> list[dict[str, float]]:
    """What was learned and measured in each epoch."""
    with (Layout(config.results).model(name) / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = [key for key in rows[0] if key.startswith(("train_", "validation_")) or key == "learning_rate"]
    return [{key: float(row[key]) for key in wanted} for row in rows]


def assert_close(one: Config, other: Config, name: str) -> None:
    """To 1e-5, losses and weights."""
    for row, expected in zip(losses(one, name), losses(other, name), strict=True):
        assert row == pytest.approx(expected, rel=1e-5, abs=1e-6)
    found, expected_weights = weights(one, name), weights(other, name)
    assert found.keys() == expected_weights.keys()
    for key, weight in expected_weights.items():
        assert (found[key] - weight).abs().max() <= 1e-5, key


def copied(config: Config, name: str) -> Config:
    """The same project in a folder of its own."""
    root = config.results.with_name(name)
    shutil.copytree(config.results, root)
    return config.model_copy(update={"results": root})


@pytest.mark.slow
@pytest.mark.parametrize(("name", "by", "turns"), [("joint", "dialog", 3), ("plain", "turn", 5), ("filler", "turn", 5)])
def test_two_processes_learn_what_one_does(project: Project, name: str, by: str, turns: int) -> None:
    """With 3 turns a batch, some batches are a single dialog: nothing is left for the second process."""
    # Adam makes the same step of a gradient twice as large: clipping, which does not, is at work as well.
    settings = {"batch_by": by, "batch_turns": turns, "clip": 0.3, "learning_rate": 0.001}
    alone = project("alone", {**STILL, "training": settings, "systems": {"filler": ENTRIES["filler"]}})
    if name == "joint":
        train(alone, "teacher")
    together = copied(alone, "together")
    train(alone, name)
    done = avsd(command(together, name, processes=2))
    assert done.returncode == 0, done.stderr
    assert "2 processes" in done.stderr
    assert "another" not in done.stderr and "Warning" not in done.stderr and "distributed" not in done.stderr
    assert done.stderr.count("epoch 1/2") == 1
    assert_close(together, alone, name)
    assert [path.name for path in Layout(together.results).state(name).iterdir()] == ["tensorboard"]


@pytest.mark.slow
def test_all_processes_validate_the_same_network(project: Project, tmp_path: Path) -> None:
    """Each has the running moments of its own shares, and halves its learning rate by what it finds."""
    small = {"embedding": 8, "hidden": 8, "joint": 8, "tensor": 8, "channels": 8, "readout": [8, 8, 8]}
    finder = {**ENTRIES["finder"], "network": "jsfusion", "sizes": small}
    config = project(changes={"systems": {"finder": finder}, "training": {"epochs": 3, "batch_turns": 5}})
    worker = CHANGED.format(change=TELLS.format(path=str(tmp_path / "found")))
    done = avsd(command(config, "finder", processes=2), worker)
    assert done.returncode == 0, done.stderr
    told = sorted((tmp_path / "found").read_text().splitlines())
    assert len(told) == 6 and told[::2] == told[1::2]


@pytest.mark.slow
def test_two_machines_of_one_process_learn_what_one_does(project: Project) -> None:
    alone = project("alone", STILL)
    together = copied(alone, "together")
    train(alone, "plain")
    machine = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(launching._free_port())}
    second = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *command(together, "plain", nodes=2)],
        env={**os.environ, **machine, "NODE_RANK": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    first = avsd(command(together, "plain", nodes=2), **machine, NODE_RANK="0")
    _, said = second.communicate(timeout=SECONDS)
    assert (first.returncode, second.returncode, said) == (0, 0, ""), first.stderr
    assert_close(together, alone, "plain")


@pytest.mark.slow
def test_two_processes_killed_go_on_bit_for_bit_and_one_can_take_over(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    calm = project("calm")
    harried = copied(calm, "harried")
    assert avsd(command(calm, "plain", processes=2)).returncode == 0
    for call in (3, 3):
        worker = CHANGED.format(change=KILLS.format(call=call))
        killed = avsd(command(harried, "plain", processes=2), worker)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    taken_over = copied(harried, "taken over")
    done = avsd(command(harried, "plain", processes=2))
    assert done.returncode == 0, done.stderr
    assert "taken up after epoch 1, batch 0 of the next" in done.stderr
    found, expected = weights(harried, "plain"), weights(calm, "plain")
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert losses(harried, "plain") == losses(calm, "plain")
    capsys.readouterr()
    train(taken_over, "plain")
    assert "1 processes, 2 before" in capsys.readouterr().err
    # The first epoch was over; in the second one process draws its dropout differently.
    mixed, pure = losses(taken_over, "plain"), losses(calm, "plain")
    assert mixed[0] == pure[0] and mixed[1] != pure[1]


@pytest.mark.slow
def test_two_processes_take_over_from_one(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = project("alone", {**STILL, "training": {"learning_rate": 0.001}})
    train(alone, "plain")
    together = project("together", {**STILL, "training": {"learning_rate": 0.001}})
    learn, steps = loop.Loop._learn, [0]

    def stopping(self: loop.Loop, step: Any) -> None:
        steps[0] += 1
        if steps[0] == 3:
            raise KeyboardInterrupt
        learn(self, step)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "SAVE_EVERY_SECONDS", 0.0)
        patch.setattr(loop.Loop, "_learn", stopping)
        with pytest.raises(KeyboardInterrupt):
            train(together, "plain")
    done = avsd(command(together, "plain", processes=2))
    assert done.returncode == 0, done.stderr
    assert "taken up after epoch 0, batch 2 of the next" in done.stderr
    assert "2 processes, 1 before" in done.stderr
    assert_close(together, alone, "plain")


def children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def running(pid: int) -> bool:
    """A zombie, which nobody may be there to bury, runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(what: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_processes_do_not_outlive_the_one_that_started_them(project: Project, sent: signal.Signals) -> None:
    config = project(changes={"training": {"epochs": 100000}})
    state = Layout(config.results).state("text") / "state.pt"
    parent = subprocess.Popen([sys.executable, "-m", "pipeline", *command(config, "text", processes=2)])
    try:
        assert wait_for(state.is_file, SECONDS)
        started = children(parent.pid)
        assert len(started) == 2 and all(map(running, started))
    finally:
        parent.send_signal(sent)
        parent.wait()
    ended = wait_for(lambda: not any(map(running, started)), 20)
    for pid in filter(running, started):
        os.kill(pid, signal.SIGKILL)
    assert ended


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ('raise UserError("t7: mend it")', "t7: mend it"),
        ('raise KeyError("a bug")', "KeyError: 'a bug'"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "plain: process 1 of 2 was ended by SIGSEGV"),
        ('print("lost", file=sys.stderr, flush=True); os._exit(3)', "plain: process 1 of 2 ended with status 3: lost"),
    ],
)
def test_a_fault_in_one_process_ends_all_and_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], fault: str, message: str
) -> None:
    config = project().model_copy(update={"processes": 2})
    worker = CHANGED.format(change=FAILS.format(fault=fault))
    monkeypatch.setattr(launching, "WORKER", (sys.executable, "-c", worker))
    with pytest.raises(UserError) as caught:
        train(config, "plain")
    assert str(caught.value) == message
    assert ("Traceback" in capfd.readouterr().err) == ("bug" in fault)
    assert not [pid for pid in children(os.getpid()) if worker.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert not Layout(config.results).model("plain").exists()


@pytest.mark.slow
def test_a_loss_that_is_no_number_is_one_line_and_status_1(project: Project) -> None:
    config = project(changes={"training": {"learning_rate": 1e38}})
    done = avsd(command(config, "text", processes=2))
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert errors == done.stderr.splitlines()[-1:]
    assert "not a finite number" in errors[0] and "dialogs t" in errors[0]
    assert "Traceback" not in done.stderr
