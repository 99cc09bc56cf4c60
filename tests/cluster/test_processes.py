"""A training in several processes as a job of the workflow: here on one machine, in test_slurm.py on two nodes."""

import os
import signal
import time

import pytest

pytestmark = pytest.mark.slow


def test_two_processes_through_the_rule_one_is_killed_and_the_next_try_goes_on(project, workers):
    run = project(None, processes=2, device="cpu", training={"epochs": 15, "patience": 15, "batch_turns": 8})
    snakemake = run.start("models", "--cores", "2", "--retries", "1")
    try:
        begun = time.monotonic()
        while not (run.folder / "results/state/ours_none_none/state.pt").is_file():
            assert snakemake.poll() is None and time.monotonic() - begun < 240, run.said()
            time.sleep(0.05)
        first, second = workers(run.folder)
        os.kill(second, signal.SIGKILL)
        while (run.folder / "results/logs/train/ours_none_none.log").read_text().count("error: ") == 0:
            assert snakemake.poll() is None and time.monotonic() - begun < 300, run.said()
            time.sleep(0.01)
        said = run.log("train/ours_none_none")
        assert snakemake.wait(timeout=300) == 0, run.said()
    finally:
        snakemake.kill()
    assert first not in workers(run.folder)
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert lines == [
        "error: ours_none_none: process 1 of 2 was ended by SIGKILL; out of memory? lower training.batch_turns"
    ]
    again = run.log("train/ours_none_none")
    assert "2 processes" in again and "taken up after epoch" in again
    assert (run.folder / "results/models/ours_none_none/model.safetensors").is_file()
