"""The check with steps that hang, die or are wrong: what the others found is kept, and the exit status says it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.gpu import __main__ as check
from benchmarks.gpu import runner
from benchmarks.gpu.plan import Step

HERE = Path(__file__).resolve().parent
SECTIONS = {"fine": "right", "hangs": "fast", "dies": "fast", "raises": "fast", "lacks": "many", "wrong": "right"}


def run(
    names: list[str], out: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str, limit: float = 300
) -> tuple[int, dict]:
    monkeypatch.syspath_prepend(str(HERE))
    steps = tuple(Step(SECTIONS[name], name, "gpu_steps", 60, name) for name in names)
    monkeypatch.setattr(check, "STEPS", steps)
    monkeypatch.setattr(check, "QUICK_LIMIT", limit)
    status = check.main(["--device", "cpu", "--quick", "--json", str(out), *arguments])
    return status, json.loads(out.read_text())


class Clock:
    """`time` for the runner, which can be put ahead."""

    ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


def ended(found: dict) -> dict[str, str]:
    return {step["step"]: step["ended"] for step in found["steps"]}


def gone(process: int) -> bool:
    """Whether a process ends soon: it may be killed, and not yet buried by the one that inherits it."""
    for _ in range(200):
        state = Path(f"/proc/{process}/stat")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_what_a_step_does_ends_that_step_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    names = ["dies", "raises", "lacks", "fine"]
    status, found = run(names, tmp_path / "out.json", monkeypatch)
    assert ended(found) == {
        "dies": "its process ended: status 3, last word",
        "raises": "ValueError: no such layer",
        "lacks": "left out: two cards are not here",
        "fine": "",
    }
    assert [row["what"] for row in found["rows"]] == ["before it dies", "before it raises", "on cpu", "slow"]
    assert [row["verdict"] for row in found["rows"]] == ["", "", "met", "missed"]
    assert found["machine"]["torch"] and found["machine"]["cards"] == 0
    said, errors = capfd.readouterr()
    assert status == 1
    assert "fast | raises | FAILED | ValueError: no such layer\n" in said
    assert "many | lacks | left out: two cards are not here\n" in said
    assert "fast | slow | windows/s | 3 | 2 | 1.5 | ≥ 2 | missed\n" in said
    assert "charades | not computed, for want of: I3D from shards, stride 4; TV-L1, best batch; VGGish" in said
    assert [line.split(":")[1].strip() for line in errors.splitlines()] == ["fast, dies", "fast, raises"]


def test_a_missed_goal_and_a_missing_part_are_no_failure_and_a_wrong_number_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["fine", "lacks"], tmp_path / "out.json", monkeypatch)[0] == 0
    status, found = run(["wrong"], tmp_path / "out.json", monkeypatch)
    assert (status, found["rows"][0]["verdict"]) == (1, "WRONG")


def test_a_step_that_hangs_is_ended_with_all_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time is over, by the runner's clock, when it has said all it says."""
    messages, clock = runner._messages, Clock()

    def over_after_the_last(*given: Any) -> Iterator[Any]:
        for message in messages(*given):
            clock.ahead += 1000 * ("child" in json.dumps(message))
            yield message

    monkeypatch.setattr(runner, "time", clock)
    monkeypatch.setattr(runner, "_messages", over_after_the_last)
    status, found = run(["hangs", "fine"], tmp_path / "out.json", monkeypatch, limit=300)
    assert ended(found) == {"hangs": "stopped at its limit of 300 s", "fine": ""}
    child = next(int(row["ours"]) for row in found["rows"] if row["what"] == "child")
    assert gone(child)
    # A rate that was not reached in time is no wrong number.
    assert status == 0


def test_without_time_steps_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, found = run(["fine"], tmp_path / "out.json", monkeypatch, "--minutes", "0")
    assert (status, ended(found)) == (0, {"fine": "left out: no time was left"})
    assert found["rows"] == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a CUDA device")
def test_a_device_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setattr(check, "STEPS", tuple(Step("right", name, "gpu_steps", 60, "fine") for name in "ab"))
    assert check.main(["--device", "cuda", "--json", str(tmp_path / "out.json")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "error: device: 'cuda' is asked for, this machine has 0 CUDA devices; give auto or cpu\n"


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert check.main(["--json", str(tmp_path / "file" / "out.json")]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith("error: ") and str(tmp_path / "file") in said.err


def test_steps_end_with_the_check(tmp_path: Path) -> None:
    """Killed, it can end nothing itself."""
    program = (
        "from benchmarks.gpu import __main__ as check; from benchmarks.gpu.plan import Step;"
        "check.STEPS = tuple(Step('fast', name, 'gpu_steps', 60, name) for name in ('hangs', 'fine'));"
        "check.main(['--device', 'cpu', '--quick'])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[2]), str(HERE)])}
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    child = next(int(line.split(" | ")[3].replace(",", "")) for line in process.stdout if "| child |" in line)
    process.kill()
    process.wait()
    assert gone(child)
    process.stdout.close()
