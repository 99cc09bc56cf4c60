"""A GPU of its own for each job, on a machine with made-up ones."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline import gpus
from pipeline.errors import UserError
from pipeline.gpus import VISIBLE, take, visible

# Takes GPUs, says which, and keeps them until its standard input ends.
JOB = """
import os, sys
from pathlib import Path
from pipeline import gpus
gpus.DEVICES, gpus.LOCKS = Path(sys.argv[1]), Path(sys.argv[1])
gpus.take(int(sys.argv[2]))
print(os.environ.get("CUDA_VISIBLE_DEVICES", "all"), flush=True)
sys.stdin.read()
"""


class Machine:
    """Jobs on a machine with so many made-up GPUs."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.jobs = folder, []
        for index in range(count):
            (folder / f"nvidia{index}").touch()
        for other in ("nvidiactl", "nvidia-uvm", "nvidia-caps"):
            (folder / other).touch()

    def job(self, count: int = 1, **environment: str) -> "subprocess.Popen[str]":
        env = {name: value for name, value in os.environ.items() if name != VISIBLE}
        job = subprocess.Popen(
            [sys.executable, "-c", JOB, str(self.folder), str(count)],
            env={**env, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.jobs.append(job)
        return job

    def seen(self, *jobs: "subprocess.Popen[str]") -> list[str]:
        """What each of the jobs sees, when all of them have theirs."""
        return [job.stdout.readline().strip() for job in jobs]

    def waiting(self, job: "subprocess.Popen[str]") -> str:
        """What a job says that has to wait."""
        assert job.stderr is not None
        return job.stderr.readline().strip()


@pytest.fixture
def machine(tmp_path: Path):
    made = Machine(tmp_path, 2)
    yield made
    for job in made.jobs:
        job.kill()
        job.wait()


def test_jobs_of_one_machine_have_a_gpu_each_and_say_which(machine: Machine) -> None:
    first, second = machine.job(), machine.job()
    assert sorted(machine.seen(first, second)) == ["0", "1"]
    third = machine.job()
    assert machine.waiting(third) == "waiting for 1 of 2 GPUs: other jobs have them"
    os.kill(first.pid, signal.SIGKILL)
    (given,) = machine.seen(third)
    assert first.communicate()[1] == f"GPU {given} of 2\n"


@pytest.mark.parametrize("ends", [signal.SIGKILL, signal.SIGTERM, None])
def test_a_gpu_is_free_when_its_job_is_gone_however_it_ended(machine: Machine, ends: signal.Signals | None) -> None:
    both = machine.job(2)
    assert machine.seen(both) == ["0,1"]
    if ends is None:
        both.stdin.close()
    else:
        both.send_signal(ends)
    both.wait()
    begun = time.monotonic()
    assert machine.seen(machine.job(2)) == ["0,1"]
    assert time.monotonic() - begun < 60


def test_several_small_jobs_share_a_gpu_the_emptiest_first(machine: Machine) -> None:
    sharing = {gpus.SHARING: "2"}
    seen = [machine.seen(machine.job(**sharing))[0] for _ in range(4)]
    assert sorted(seen[:2]) == ["0", "1"] and sorted(seen[2:]) == ["0", "1"]
    fifth = machine.job(**sharing)
    assert machine.waiting(fifth).startswith("waiting")


def test_a_job_of_several_gpus_keeps_none_while_it_waits(machine: Machine) -> None:
    one = machine.job()
    machine.seen(one)
    two = machine.job(2)
    assert machine.waiting(two) == "waiting for 2 of 2 GPUs: other jobs have them"
    time.sleep(3 * gpus._POLL_SECONDS)
    assert len(machine.seen(machine.job())[0]) == 1
    one.kill()


def test_only_the_gpus_that_the_user_left_it_are_chosen_from(machine: Machine) -> None:
    left = {VISIBLE: "3, GPU-8f,MIG-GPU-5/7/0"}
    jobs = [machine.job(**left) for _ in range(3)]
    assert sorted(machine.seen(*jobs)) == ["3", "GPU-8f", "MIG-GPU-5/7/0"]


def test_what_a_scheduler_gave_stays_whatever_others_have(machine: Machine) -> None:
    """Two jobs of a cluster may each call theirs 0: what they see is what they have."""
    jobs = [machine.job(**{VISIBLE: "0"}) for _ in range(2)]
    assert machine.seen(*jobs) == ["0", "0"]
    jobs[0].stdin.close()
    assert jobs[0].stderr.read() == "GPU 0, as CUDA_VISIBLE_DEVICES has it\n"


@pytest.mark.parametrize("text", ["", "-1", "-1,0"])
def test_no_gpu_left_is_none_taken(machine: Machine, text: str) -> None:
    assert machine.seen(machine.job(**{VISIBLE: text})) == [text]


def test_a_machine_without_gpus_is_left_as_it_is(tmp_path: Path) -> None:
    assert Machine(tmp_path, 0).job().communicate("") == ("all\n", "")


def test_more_than_there_are_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "4,5")
    assert visible() == ["4", "5"]
    with pytest.raises(UserError, match=r"^3 GPUs asked for, and there are 2 \(4, 5\) on this machine$"):
        take(3)
    for text in ("0", "-1", "two", ""):
        monkeypatch.setenv(gpus.SHARING, text)
        with pytest.raises(UserError, match=f"AVSD_JOBS_PER_GPU: {text!r} is no number above 0"):
            take(1)


def test_another_users_lock_counts_too(machine: Machine) -> None:
    """Made by a user whose files nobody else may write."""
    before = os.umask(0o077)
    try:
        machine.seen(machine.job())
    finally:
        os.umask(before)
    locks = list(machine.folder.glob("avsd-gpu-*"))
    assert len(locks) == 1 and locks[0].stat().st_mode & 0o777 == 0o644
