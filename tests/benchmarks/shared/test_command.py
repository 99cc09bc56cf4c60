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
import signal, sys, time
def end(*_):
    time.sleep(1.5)  # its jobs
    open("ended", "w").close()
    sys.exit(1)
signal.signal(signal.SIGINT, end)
print("under way", flush=True)
time.sleep(60)
"""
COMMAND = """
import sys
from benchmarks.shared.command import ended_well, ends_in_one_line
sys.exit(ends_in_one_line(lambda: int(not ended_well(["patient"])))())
"""


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [(UserError("x.json: no such file"), 1, "error: x.json: no such file\n"), (KeyboardInterrupt(), 130, "stopped\n")],
)
def test_a_command_ends_in_one_line(
    raised: BaseException, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @ends_in_one_line
    def main(given: int, *, wanted: int) -> int:
        """Its words."""
        if wanted:
            raise raised
        return given

    assert main(3, wanted=0) == 3
    assert main(3, wanted=1) == status
    assert capsys.readouterr().err == said
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


def test_ctrl_c_waits_for_the_workflow(tmp_path: Path) -> None:
    (tmp_path / "patient.py").write_text(PATIENT)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-c", COMMAND]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "under way\n"
        os.killpg(running.pid, signal.SIGINT)
        said = running.communicate(timeout=60)[1]
    assert (running.returncode, said) == (130, "stopped\n")
    assert (tmp_path / "ended").exists()
