"""How the benchmark commands end: by an error of the user's, by Ctrl-C, with the workflow that they have begun."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.shared.command import ended_well, ends_in_one_line
from pipeline.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
PATIENT = """
import os, signal, sys, time
def end(*_):
    time.sleep(1.5)  # its jobs
    open(f"ended.{os.getpid()}", "w").close()
    sys.exit(1)
signal.signal(signal.SIGINT, end)
os.write(1, b"under way\\n")
time.sleep(60)
"""
COMMAND = """
import sys
from benchmarks.shared.command import ended_well, ends_in_one_line
sys.exit(ends_in_one_line(lambda: int(not ended_well(["patient"])))())
"""
BESIDE = """
import sys
from pathlib import Path
from benchmarks.real.together import Task, side_by_side
from benchmarks.shared.command import ended_well, ends_in_one_line
tasks = [Task(name, Path("log"), lambda cores, name=name: ended_well([name])) for name in ("patient", "patient")]
sys.exit(ends_in_one_line(lambda: int(not all(side_by_side(tasks, "2"))))())
"""


def test_an_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    @ends_in_one_line
    def main(given: int, *, wanted: int) -> int:
        """Its words."""
        if wanted:
            raise UserError("x.json: no such file")
        return given

    assert main(3, wanted=0) == 3
    assert main(3, wanted=1) == 1
    assert capsys.readouterr().err == "error: x.json: no such file\n"
    assert main.__doc__ == "Its words."


def test_what_a_module_says_and_whether_it_ended_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "said.py").write_text("import os, sys; print(os.environ['ADDED'], sys.argv[1]); sys.exit(sys.argv[1])")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    log = tmp_path / "run.log"
    assert not ended_well(["said", "no"], log, {"ADDED": "1"})
    monkeypatch.setenv("ADDED", "the user's")
    assert not ended_well(["said", "no"], log, {"ADDED": "1"})
    assert log.read_text() == "1 no\nno\nthe user's no\nno\n"
    assert ended_well(["json.tool", "--help"], log)


@pytest.mark.parametrize(
    ("command", "number", "whole"),
    [
        (COMMAND, signal.SIGINT, True),
        (COMMAND, signal.SIGTERM, False),
        (COMMAND, signal.SIGHUP, False),
        (BESIDE, signal.SIGINT, True),
        (BESIDE, signal.SIGTERM, False),
    ],
    ids=["Ctrl-C", "kill", "hangup", "Ctrl-C, two side by side", "kill, two side by side"],
)
def test_what_stops_it_stops_the_workflow_and_waits(
    tmp_path: Path, command: str, number: signal.Signals, whole: bool
) -> None:
    """Ctrl-C in a terminal goes to the whole group; `kill`, a batch system and a lost terminal to the command alone."""
    (tmp_path / "patient.py").write_text(PATIENT)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    pipe, count = subprocess.PIPE, command.count("patient")
    with subprocess.Popen(
        [sys.executable, "-c", command],
        cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        assert [running.stdout.readline() for _ in range(count)] == ["under way\n"] * count
        (os.killpg if whole else os.kill)(running.pid, number)
        said = running.communicate(timeout=60)[1]
    assert running.returncode == 128 + number
    assert said.splitlines()[-1] == f"stopped by {number.name}"
    assert "Traceback" not in said
    assert len(list(tmp_path.glob("ended.*"))) == count
