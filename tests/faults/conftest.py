"""The runner of broken inputs, and the table of what came of them.

A test is marked with the row it belongs to, `@pytest.mark.fault("Text files", "deep nesting", "one line naming the
file")`, and its cases are parameters. Those marked `pytest.mark.more` run in `make test-faults` alone, with
AVSD_FAULTS=all, which also writes the table with its counts into docs/reliability.md.
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.runs import Run, dialogs_alone
from tests.faults.stages import Stages
from tests.speed import slowdown

ROOT = Path(__file__).resolve().parents[2]
ALL = os.environ.get("AVSD_FAULTS") == "all"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- faults: written by make test-faults -->", "<!-- end of faults -->"
LIGHT = ("pipeline.cli", "pipeline.config", "h5py", "numpy", "yaml")
HEAVY = (*LIGHT, "torch")
MEBIBYTE = 1 << 20


def pytest_configure(config):
    config.addinivalue_line("markers", "fault(gate, fault, what): a row of the table in docs/reliability.md")
    config.addinivalue_line("markers", "more: runs in make test-faults alone")


def pytest_collection_modifyitems(config, items):
    left = [item for item in items if item.get_closest_marker("more") and not ALL]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if ALL or not item.get_closest_marker("more")]
    for item in items:
        if marker := item.get_closest_marker("fault"):
            item.user_properties.append(("fault", list(marker.args)))


def pytest_terminal_summary(terminalreporter, config):
    if hasattr(config, "workerinput"):
        return  # one of several processes: it has seen a part, and others still ask whether the checkout has changed
    counts = {}
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            row = dict(getattr(report, "user_properties", ())).get("fault")
            if row and (report.when == "call" or outcome == "error"):
                counts.setdefault((*row, report.nodeid.split("::")[0]), Counter())[outcome] += 1
    if not (ALL and counts):
        return
    lines = ["| where | fault | what happens | test | cases | as promised |", "|---|---|---|---|---:|---:|"]
    for (gate, fault, what, test), found in sorted(counts.items()):
        name = Path(test).stem.removeprefix("test_")
        lines.append(f"| {gate} | {fault} | {what} | `{name}` | {found.total()} | {found['passed']} |")
    total = sum((found for found in counts.values()), Counter())
    lines += ["", f"{total.total()} cases, {total['passed']} as promised."]
    terminalreporter.write_line("\n".join(lines))
    if [Path(name).resolve() for name in config.args] != [Path(__file__).parent] or config.option.keyword:
        return  # a part of them: the table is of all
    before, found, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    if found and not total["failed"] and not total["error"]:
        written = f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}" + rest.partition(END)[2]
        PAGE.write_text(written, encoding="utf-8")


@dataclass(frozen=True)
class Outcome:
    """What came of a command. status: None when it was killed for its time. memory: peak, bytes.

    left: processes of its own that still ran long after it was ended.
    """

    status: int | None
    out: str
    err: str
    wall: float
    processor: float
    memory: int
    left: list[str]

    def refused(self, *names, seconds=1.0, memory=500 * MEBIBYTE):
        """Check that it ended with status 1 and one line that holds each of ``names``, and what it cost.

        seconds: of processor time, as on the machine of `tests.speed`. Returns the line.
        """
        assert self.status == 1, (self.status, self.out[-2000:], self.err[-2000:])
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err[-2000:]
        assert "Traceback" not in self.err, self.err[-4000:]
        assert len(lines[0]) < 2000, lines[0][:3000]
        for name in names:
            assert str(name) in lines[0], lines[0]
        self.within(seconds, memory)
        return lines[0]

    def went_well(self, seconds=None, memory=None):
        """Check that it ended with status 0, and what it cost."""
        assert self.status == 0, (self.status, self.err[-4000:])
        self.within(seconds, memory)
        return self.out

    def went_well_in(self):
        """Check that it ended with status 0; the seconds it took."""
        self.went_well()
        return self.wall

    def within(self, seconds, memory):
        assert seconds is None or self.processor <= seconds or self.processor <= seconds * slowdown(), self.processor
        assert memory is None or self.memory <= memory, self.memory / MEBIBYTE


class Server:
    """A process that runs commands in forks of itself (server.py)."""

    def __init__(self, modules):
        command = [sys.executable, str(Path(__file__).with_name("server.py")), *modules]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._process.stdout.readline() == "ready\n"

    def __call__(self, folder, arguments, entry, **how):
        out, err = Path(folder) / ".out", Path(folder) / ".err"
        task = {"folder": str(folder), "arguments": [entry[0], *map(str, arguments)], "entry": entry[1]}
        task |= {"out": str(out), "err": str(err), **how}
        for path in (out, err):
            path.touch()  # a command may be killed before it has opened them
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        found = json.loads(self._process.stdout.readline())
        said = {name: path.read_text(encoding="utf-8", errors="replace") for name, path in (("out", out), ("err", err))}
        out.unlink()
        err.unlink()
        return Outcome(**found, **said)

    def close(self):
        self._process.stdin.close()
        self._process.wait()


@pytest.fixture(scope="session")
def _servers():
    servers = {}
    yield servers
    for server in servers.values():
        server.close()


@pytest.fixture(scope="session")
def avsd_in(_servers):
    """`avsd_in(folder, "corpus", "import", ...)`: as `avsd`, in any folder."""

    def run(
        folder,
        *arguments,
        seconds=60.0,
        ended_by=signal.SIGKILL,
        alone=False,
        heavy=False,
        imported=(),
        file_bytes=None,
        address_bytes=None,
        room_bytes=None,
        unprivileged=False,
        entry=("avsd", "pipeline.__main__:main"),
        **environment,
    ):
        modules = (*(HEAVY if heavy else LIGHT), *imported)
        if modules not in _servers:
            _servers[modules] = Server(modules)
        how = {"seconds": seconds, "ended_by": ended_by, "alone": alone, "environment": environment}
        how |= {"file_bytes": file_bytes, "address_bytes": address_bytes, "room_bytes": room_bytes}
        how |= {"unprivileged": unprivileged}
        return _servers[modules](folder, arguments, entry, **how)

    return run


@pytest.fixture
def avsd(avsd_in, tmp_path):
    """`avsd("corpus", "import", ...)` runs the command in ``tmp_path`` and gives its `Outcome`.

    seconds: after so many (wall) it is ended, by the signal ``ended_by``; with what it started, or ``alone``. heavy:
    torch is imported before, so that only the command counts; imported: and these modules. entry: another program.
    file_bytes, address_bytes: the system gives it no more (as on a full disk, or a small machine); room_bytes: of
    memory, beyond what is imported. unprivileged: permissions of files hold for root, too.
    """

    def run(*arguments, folder=tmp_path, **how):
        return avsd_in(folder, *arguments, **how)

    return run


@pytest.fixture(scope="session")
def stages(avsd_in, tmp_path_factory):
    """A finished tiny run made by hand, stage by stage: `stages.Stages`."""
    return Stages(tmp_path_factory.mktemp("stages"), avsd_in)


@pytest.fixture(scope="session")
def small(tmp_path_factory, stages):
    """The settings of a run of dialogs alone up to the answers, how long it takes undisturbed, and what it comes to."""
    settings = dialogs_alone(stages)
    run = Run(tmp_path_factory.mktemp("small") / "run", settings, "answers")
    return settings, run.whole(), run.found
