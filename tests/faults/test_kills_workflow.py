"""The workflow, killed with all its children at any moment: the same command goes on and comes to the same results."""

import fcntl
import os
import random
import signal
import subprocess
import time

import pytest

from tests.faults.runs import SCENES, Run
from tests.faults.stages import artefacts, different

KILLS = 10
"""Of one run, at most, before it may come to its end. With those of single stages there are a hundred."""


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """The same of a whole run over scenes, from the clips to the report."""
    run = Run(tmp_path_factory.mktemp("scenes") / "run", SCENES)
    return SCENES, run.whole(), run.found


def killed(run, seed, seconds, undisturbed, kills):
    """Kill ``run`` at random moments, let it end, and compare it with the undisturbed one."""
    chance = random.Random(seed)
    for _ in range(kills):
        process = run.start()
        time.sleep(chance.uniform(0, 0.6 * seconds))
        run.end(process, signal.SIGKILL)
    run.whole()
    assert different(run.found, undisturbed) == []
    assert run.unfinished() == []


FAULT = ("Kills", "`kill -9` of Snakemake and all its children", "the same command goes on, to the same results")


@pytest.mark.slow
@pytest.mark.fault(*FAULT)
def test_a_killed_run_goes_on(small, tmp_path):
    settings, seconds, undisturbed = small
    killed(Run(tmp_path / "run", settings, "answers"), 0, seconds, undisturbed, 2)


@pytest.mark.slow
@pytest.mark.more
@pytest.mark.fault(*FAULT)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_run_killed_many_times_goes_on(small, tmp_path, seed):
    settings, seconds, undisturbed = small
    killed(Run(tmp_path / "run", settings, "answers"), seed, seconds, undisturbed, KILLS)


@pytest.mark.slow
@pytest.mark.more
@pytest.mark.fault(*FAULT)
@pytest.mark.parametrize("seed", [4, 5])
def test_a_whole_run_killed_several_times_goes_on(scenes, tmp_path, seed):
    settings, seconds, undisturbed = scenes
    killed(Run(tmp_path / "run", settings), seed, seconds, undisturbed, KILLS // 2)


TWO = ("Kills", "two runs in one results folder", "the second ends at once, with one line")
REFUSED = "error: results: another run is at work in this folder; wait for it, or end it"


def refused(run):
    """Check that a run started now is refused."""
    done = subprocess.run(run.command, cwd=run.folder, capture_output=True, text=True, timeout=300, check=False)
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert (done.returncode, lines) == (1, [REFUSED]), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.fault(*TWO)
def test_a_held_folder_is_refused(small, tmp_path):
    run = Run(tmp_path / "run", small[0], "answers")
    (run.folder / "results").mkdir()
    with (run.folder / "results/.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(run)
    assert run.found.keys() == {".lock"}


@pytest.mark.slow
@pytest.mark.more
@pytest.mark.fault(*TWO)
@pytest.mark.parametrize("killed", [False, True])
def test_the_second_of_two_runs_is_refused(small, tmp_path, killed):
    settings, _, undisturbed = small
    run = Run(tmp_path / "run", settings, "answers")
    first = run.start()
    while not (run.folder / "results/.lock").exists():
        assert first.poll() is None, run.said()
        time.sleep(0.05)
    # It stands still meanwhile, so that it is not done before the second has begun.
    os.killpg(first.pid, signal.SIGSTOP)
    refused(run)
    os.killpg(first.pid, signal.SIGCONT)
    if killed:
        run.end(first, signal.SIGKILL)
        run.whole()
    else:
        assert first.wait(600) == 0, run.said()
    assert different(run.found, undisturbed) == []


@pytest.mark.slow
@pytest.mark.more
@pytest.mark.fault("Kills", "two results folders in one place", "both runs go on side by side")
def test_two_results_folders_are_two_runs(small, tmp_path):
    settings, _, undisturbed = small
    run = Run(tmp_path / "run", settings, "answers")
    first = run.start()
    other = subprocess.run(
        [*run.command, "--config", "results=other"],
        cwd=run.folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert other.returncode == 0, other.stderr[-3000:]
    assert first.wait(600) == 0, run.said()
    assert different(run.found, undisturbed) == []
    assert different(artefacts(run.folder / "other"), undisturbed) == []


@pytest.mark.slow
@pytest.mark.more
@pytest.mark.fault("Kills", "Ctrl-C, SIGTERM, `kill -9` of Snakemake alone", "no child stays; the same command goes on")
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
@pytest.mark.parametrize(
    ("number", "alone", "said"),
    [
        (signal.SIGINT, False, "Complete log"),
        (signal.SIGTERM, True, "Will exit after finishing currently running jobs"),
        (signal.SIGKILL, True, ""),
    ],
    ids=["Ctrl-C", "SIGTERM", "SIGKILL"],
)
def test_a_run_ended_from_outside_leaves_no_child(small, tmp_path, number, alone, said, part):
    settings, seconds, undisturbed = small
    run = Run(tmp_path / "run", settings, "answers")
    process = run.start()
    while not (run.folder / "results/logs").exists():
        assert process.poll() is None, run.said()
        time.sleep(0.05)
    time.sleep(part * seconds / 2)
    if process.poll() is None:
        status = run.end(process, number, alone)
        assert status != 0 or "5 of 5 jobs done" in run.said()
        assert said in run.said() and "Traceback" not in run.said(), run.said()
    run.whole()
    assert different(run.found, undisturbed) == []
    assert run.unfinished() == []
