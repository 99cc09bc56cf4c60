"""Where a process of a training finds itself: alone, in a job of SLURM, one of several machines."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import pipeline
from pipeline.config import Config, parse
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.training import launch as launching
from pipeline.training.processes import Place, make_fabric
from pipeline.training.train import train

Project = Callable[..., Config]


def test_a_job_of_slurm_is_no_business_of_a_training_by_itself(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As inside an allocation, `srun` or not, or with variables that some other launcher left behind."""
    allocation = {"JOB_ID": "7", "JOB_NAME": "snakejob", "NTASKS": "2", "PROCID": "1", "LOCALID": "1", "NODEID": "1"}
    for name, value in allocation.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    for name in ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE"):
        monkeypatch.setenv(name, "1")
    config = project()
    train(config, "text")
    assert (Layout(config.results).model("text") / "model.safetensors").is_file()


def places(config: Config, monkeypatch: pytest.MonkeyPatch, **env: str) -> list[Place]:
    for name in ("NODE_RANK", "SLURM_NODEID", "MASTER_ADDR", "MASTER_PORT", "SLURM_JOB_NODELIST", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return launching._places(config)


def test_places_on_several_machines(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    config = project().model_copy(update={"processes": 2, "nodes": 3})
    given = {"NODE_RANK": "1", "MASTER_ADDR": "first", "MASTER_PORT": "77"}
    found = places(config, monkeypatch, **given)
    assert [(place.rank, place.world, place.local) for place in found] == [(2, 6, 0), (3, 6, 1)]
    assert {(place.address, place.port) for place in found} == {("first", 77)}
    slurm = {"SLURM_NODEID": "2", "SLURM_JOB_NODELIST": "gpu[07-09]", "SLURM_JOB_ID": "1234567"}
    found = places(config, monkeypatch, **slurm)
    assert [(place.rank, place.address, place.port) for place in found] == [(4, "gpu07", 19567), (5, "gpu07", 19567)]


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({}, "no NODE_RANK or SLURM_NODEID"),
        ({"NODE_RANK": "3"}, "NODE_RANK: '3' is no number below nodes: 3"),
        ({"NODE_RANK": "one"}, "NODE_RANK: 'one'"),
        ({"NODE_RANK": "1"}, "MASTER_ADDR is not set"),
        ({"NODE_RANK": "1", "MASTER_ADDR": "first", "MASTER_PORT": "x"}, "MASTER_PORT: 'x' is no port"),
    ],
)
def test_machines_that_do_not_know_of_each_other(
    project: Project, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        places(project().model_copy(update={"nodes": 3}), monkeypatch, **env)


def test_one_device_is_not_for_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match="'cuda:1' is one device, for 2 processes"):
        make_fabric("cuda:1", Place(processes=2), "32-true")
    with pytest.raises(UserError, match=r"processes: 4 asked for.*this machine has 2"):
        make_fabric("cuda", Place(processes=4), "32-true")


class BecameError(Exception):
    """Instead of another program."""


@pytest.mark.parametrize(
    ("env", "starts"),
    [
        ({"SLURM_JOB_ID": "7", "SLURM_NODEID": "0"}, True),
        ({"SLURM_JOB_ID": "7", "SLURM_NODEID": "1", "SLURM_STEP_ID": "0", "MASTER_ADDR": "first"}, False),
        ({"SLURM_JOB_ID": "7", "NODE_RANK": "0", "MASTER_ADDR": "first"}, False),
        ({"NODE_RANK": "0", "MASTER_ADDR": "first"}, False),
    ],
)
def test_in_a_job_of_slurms_srun_starts_the_same_command_on_each_node(
    project: Project, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], starts: bool
) -> None:
    """The script of a job knows a node too, its own: only what `srun` started has a step."""
    for name in ("NODE_RANK", "SLURM_NODEID", "SLURM_STEP_ID", "SLURM_JOB_ID", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", "")  # put back after it was changed
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    became: list[list[str]] = []

    def become(program: str, arguments: list[str]) -> None:
        became.append([program, *arguments])
        raise BecameError

    monkeypatch.setattr(launching.os, "execvp", become)
    monkeypatch.setattr(launching, "_started", lambda *arguments: (_ for _ in ()).throw(BecameError))
    config = project().model_copy(update={"processes": 4, "nodes": 2})
    with pytest.raises(BecameError):
        launching.launch(config, "plain")
    assert len(became) == starts
    for program, name, *words in became:
        assert program == name == "srun"
        options, command = words[: words.index(sys.executable)], words[words.index(sys.executable) :]
        assert {"--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--cpus-per-task=4"} <= set(options)
        assert "--kill-on-bad-exit=1" in options
        assert command[1:-1] == ["-P", "-m", "pipeline", "train", "plain", "--config"]
        assert parse(json.loads(command[-1])) == parse(json.loads(config.model_dump_json()))
        assert str(Path(pipeline.__file__).parents[1]) in launching.os.environ["PYTHONPATH"].split(":")


def test_a_job_of_slurms_without_srun_is_one_clear_line(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NODE_RANK", "SLURM_STEP_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("PYTHONPATH", "")  # put back after it was changed
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="there is no srun to start them with"):
        launching.launch(project().model_copy(update={"nodes": 2}), "plain")
