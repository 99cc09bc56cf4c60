"""Several processes for one training: started, watched, and ended together."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from pydantic import TypeAdapter

import pipeline
from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.files import scratch_folder
from pipeline.texts import read_end
from pipeline.texts.typed import read_typed
from pipeline.training.processes import Place, Report

WORKER = (sys.executable, "-P", "-m", "pipeline.training.worker")
"""Imports nothing from the folder a user works in; `_start` says where this package lies."""
GRACE_SECONDS = 5.0
"""How long the others may take to end by themselves, and to say why, once one has ended in error."""
_POLL_SECONDS = 0.05
_NODE = ("NODE_RANK", "SLURM_NODEID")
_NODES = ("SLURM_JOB_NODELIST", "SLURM_NODELIST")


@dataclass(frozen=True)
class _Worker:
    """A started process, the file it reports an error in, and what it has said on stderr (None: seen already)."""

    process: "subprocess.Popen[bytes]"
    report: Path
    stderr: Path | None


def launch(config: Config, name: str) -> None:
    """Train ``name`` in `processes` processes of this machine, together with those of the other `nodes`.

    This process only watches. The first process of the first machine writes and logs. Raises `UserError` when any of
    them ends in error, after all have been ended; when this one is killed, they end by themselves. In a job of Slurm's
    that nothing has started on its nodes yet, `srun` does, and this process becomes it.
    """
    if config.nodes > 1 and _is_whole_job():
        _become_srun(config, name)
    places = _places(config)
    with scratch_folder("train") as folder, _started(config, name, places, folder) as workers:
        _wait(workers)
        if any(worker.process.returncode != 0 for worker in workers):
            raise UserError(_reason(name, workers, places))


def _is_whole_job() -> bool:
    """Whether this is the script of a Slurm job, not one of the tasks that `srun` starts in it."""
    return "SLURM_JOB_ID" in os.environ and not any(name in os.environ for name in ("SLURM_STEP_ID", "NODE_RANK"))


def _become_srun(config: Config, name: str) -> NoReturn:
    """The same command once on each node; when one ends in error, the others are ended."""
    tasks = [f"--nodes={config.nodes}", f"--ntasks={config.nodes}", "--ntasks-per-node=1"]
    # Processes share what the job has of a node, whatever one task would get.
    tasks += [f"--cpus-per-task={config.processes}", "--cpu-bind=none", "--kill-on-bad-exit=1"]
    command = [sys.executable, "-P", "-m", "pipeline", "train", name, "--config", config.model_dump_json()]
    os.environ["PYTHONPATH"] = _python_path()
    try:
        os.execvp("srun", ["srun", *tasks, *command])  # noqa: S606, S607 - the cluster's own
    except FileNotFoundError:
        raise UserError(f"nodes: {config.nodes} in a job of Slurm's, and there is no srun to start them with") from None


def _places(config: Config) -> list[Place]:
    """This machine's places."""
    node = 0 if config.nodes == 1 else _node(config.nodes)
    address, port = ("127.0.0.1", _free_port()) if config.nodes == 1 else _meeting()
    return [Place(node, local, config.processes, config.nodes, address, port) for local in range(config.processes)]


def _node(nodes: int) -> int:
    """Which of the machines this is."""
    given = {name: os.environ[name] for name in _NODE if name in os.environ}
    for name, text in given.items():
        if not text.isdecimal() or int(text) >= nodes:
            raise UserError(f"environment variable {name}: {text!r} is no number below nodes: {nodes}")
        return int(text)
    raise UserError(
        f"nodes: {nodes} asked for, and no {' or '.join(_NODE)} says which this one is (0 to {nodes - 1}); start the "
        "same command on each with NODE_RANK set, or by srun with one task a node"
    )


def _meeting() -> tuple[str, int]:
    """Address and port of the first machine."""
    slurm = next((os.environ[name] for name in _NODES if name in os.environ), None)
    address = os.environ.get("MASTER_ADDR") or (slurm and SLURMEnvironment.resolve_root_node_address(slurm))
    port = os.environ.get("MASTER_PORT") or str(15000 + int(os.environ.get("SLURM_JOB_ID", "14500")[-4:]))
    if not address:
        raise UserError("nodes: MASTER_ADDR is not set; give every machine the address of the first (node 0) in it")
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise UserError(f"environment variable MASTER_PORT: {port!r} is no port")
    return address, int(port)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _started(config: Config, name: str, places: Sequence[Place], folder: Path) -> Iterator[list[_Worker]]:
    """The processes, each told its place; however this ends, none is left."""
    workers: list[_Worker] = []
    try:
        # One at a time: when a start fails, those before it are in the list.
        workers.extend(_start(config, name, place, folder) for place in places)
        yield workers
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.wait()
            assert worker.process.stdin is not None
            worker.process.stdin.close()


def _start(config: Config, name: str, place: Place, folder: Path) -> _Worker:
    """Start a process; the first line of its standard input says what it is to do.

    Standard input then stays open: the process ends when the other end is closed, which is when this one dies, however
    it dies.
    """
    report = folder / f"{place.rank}.json"
    # Only what the first one says is meant for the user.
    stderr = folder / f"{place.rank}.stderr" if place.rank else None
    with (stderr or Path(os.devnull)).open("wb") as file:
        said = file if place.rank else None
        env = {"TORCH_CPP_LOG_LEVEL": "ERROR", **os.environ, "PYTHONPATH": _python_path()}
        process = subprocess.Popen(WORKER, stdin=subprocess.PIPE, stdout=said, stderr=said, env=env)
    assert process.stdin is not None
    task = {"config": config.model_dump(mode="json"), "name": name, "place": asdict(place), "report": str(report)}
    process.stdin.write(json.dumps(task).encode() + b"\n")
    process.stdin.flush()
    return _Worker(process, report, stderr)


def _python_path() -> str:
    """This package's own place first, so that a worker runs the code that its parent runs."""
    return os.pathsep.join(filter(None, (str(Path(pipeline.__file__).parents[1]), os.environ.get("PYTHONPATH"))))


def _wait(workers: Sequence[_Worker]) -> None:
    """Until all have ended, or one in error and the others had their time to."""
    deadline = None
    while any(worker.process.poll() is None for worker in workers):
        if deadline is None and any(worker.process.returncode for worker in workers):
            deadline = time.monotonic() + GRACE_SECONDS
        if deadline is not None and time.monotonic() > deadline:
            return
        time.sleep(_POLL_SECONDS)


def _reason(name: str, workers: Sequence[_Worker], places: Sequence[Place]) -> str:
    """Why the training ended: what the user can mend before bugs, bugs before the loss of another process.

    The traceback of a bug goes to stderr.
    """
    reports = [read_typed(each.report, TypeAdapter(Report), "a report") for each in workers if each.report.is_file()]
    for kind in ("user", "bug"):
        for report in reports:
            if report["kind"] == kind:
                sys.stderr.write(report["traceback"])
                return report["message"]
    for worker, place in zip(workers, places, strict=True):
        code = worker.process.returncode
        if code is not None and code < 0:
            why = signal.Signals(-code).name
            hint = "; out of memory? lower training.batch_turns" if code == -signal.SIGKILL else ""
            return f"{name}: process {place.rank} of {place.world} was ended by {why}{hint}"
        if code and not worker.report.is_file():
            said = read_end(worker.stderr).strip().splitlines() if worker.stderr else []
            return f"{name}: process {place.rank} of {place.world} ended with status {code}: {' '.join(said[-1:])}"
    return f"{name}: {reports[0]['message']}"
