"""`profiles/slurm` on a Slurm that is brought up for it (slurm.py): what jobs are given, and what becomes of a run when
jobs, the controller or Snakemake itself die.
"""

import os
import re
import signal
import time
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.long]
PROFILE = Path(__file__).resolve().parents[2] / "profiles" / "slurm"
GPU_RULES = {"extract", "train", "pretrain", "answer", "explain"}
SECONDS = 900


def profile(folder, **rules):
    """A copy of the profile that asks about jobs more often, with other resources of some rules."""
    content = yaml.safe_load((PROFILE / "config.yaml").read_text())
    content["slurm-init-seconds-before-status-checks"] = 3
    for rule, resources in rules.items():
        content["set-resources"][rule] = {**content["set-resources"].get(rule, {}), **resources}
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    return folder


def rule_of(job):
    """Scores are a group, `scores`."""
    return re.sub(r"^rule_(?:scores_)?(\w+?)(_wildcards_.*)?$", r"\1", job["Comment"])


def until(done, snakemake, what):
    begun = time.monotonic()
    while not (found := done()):
        assert time.monotonic() - begun < SECONDS, what
        assert snakemake.poll() is None, f"Snakemake ended while waiting for {what}"
        time.sleep(0.2)
    return found


def running(slurm, rule):
    return [job["JobId"] for job in slurm.jobs() if rule_of(job) == rule and job["JobState"] == "RUNNING"]


def test_a_run_goes_on_whatever_dies_and_gpus_go_to_those_who_use_them(slurm, project, tmp_path):
    training = {"epochs": 15, "patience": 15}
    run = project(profile(tmp_path / "profile"), slurm.environment, training=training)
    snakemake = run.start()
    try:
        # A job.
        (job,) = until(lambda: running(slurm, "corpus"), snakemake, "the first job")
        slurm("scancel", job)
        # The controller, with a job in the queue.
        until(lambda: running(slurm, "vocabulary"), snakemake, "the second job")
        slurm.kill_controller()
        time.sleep(10)
        slurm.start_controller()
        # Snakemake itself. Its jobs go on until they are ended, as docs/clusters.md says.
        until(lambda: running(slurm, "train"), snakemake, "the training")
    finally:
        os.killpg(snakemake.pid, signal.SIGKILL)
        snakemake.wait()
    (name,) = set(re.findall(r"SLURM run ID: (\S+)", run.said()))
    slurm("scancel", "--name", name)
    assert run.run(seconds=SECONDS) == 0, run.said()

    assert (run.folder / "results/report.html").is_file()
    jobs = slurm.jobs()
    ended = [(rule_of(job), job["JobState"]) for job in jobs]
    assert ended.count(("corpus", "CANCELLED")) == 1 and ended.count(("corpus", "COMPLETED")) == 1
    assert ended.count(("vocabulary", "COMPLETED")) == 1
    assert ended.count(("train", "COMPLETED")) == 1
    assert {rule_of(job) for job in jobs} >= {"corpus", "vocabulary", "train", "answer", "score", "tables", "report"}
    for job in jobs:
        uses_one = rule_of(job) in GPU_RULES
        assert job.get("TresPerJob") == ("gres:gpu:1" if uses_one else None), job
        assert job["Partition"] == ("gpu" if uses_one else "cpu"), job
    for log in ("train/ours_none_none", "answer/ours_none_none.trial"):
        assert re.search(r"^GPU [01], as CUDA_VISIBLE_DEVICES has it$", run.log(log), re.MULTILINE), run.log(log)


def test_a_job_short_of_memory_or_time_is_done_at_its_second_try(slurm, project, tmp_path):
    short = {"vocabulary": {"mem_mb": "60 * attempt ** 4"}, "train": {"runtime": "20 * attempt - 17"}}
    training = {"epochs": 15, "patience": 15}
    run = project(profile(tmp_path / "profile", **short), slurm.environment, training=training)
    snakemake = run.start("models")
    try:
        until((run.folder / "results/state/ours_none_none/state.pt").is_file, snakemake, "the training's state")
        # It gets no further, however fast the machine is.
        (job,) = running(slurm, "train")
        for process in slurm.processes(job):
            process.suspend()
        assert snakemake.wait(timeout=SECONDS) == 0, run.said()
    finally:
        snakemake.kill()

    tries = {rule: [job for job in slurm.jobs() if rule_of(job) == rule] for rule in short}
    assert [job["MinMemoryNode"] for job in tries["vocabulary"]] == ["60M", "960M"]
    assert [job["TimeLimit"] for job in tries["train"]] == ["00:03:00", "00:23:00"]
    for first, second in tries.values():
        assert second["JobState"] == "COMPLETED"
        # Without cgroups Slurm does not call it OUT_OF_MEMORY.
        assert first["JobState"] == ("TIMEOUT" if rule_of(first) == "train" else "FAILED"), first
    assert "exceeded memory limit" in run.said()
    # It went on where it was.
    assert "taken up after epoch" in run.log("train/ours_none_none")


def test_a_training_over_two_nodes_ends_when_a_process_of_one_is_killed_and_the_next_try_goes_on(
    slurm, project, workers, tmp_path
):
    training = {"epochs": 15, "patience": 15, "batch_turns": 8}
    run = project(profile(tmp_path / "profile"), slurm.environment, processes=2, nodes=2, training=training)
    snakemake = run.start("models")
    state = run.folder / "results/state/ours_none_none/state.pt"
    try:
        until(state.is_file, snakemake, "the training's state")
        on_node = {node: workers(run.folder, SLURM_NODEID=str(node)) for node in (0, 1)}
        assert [len(on_node[node]) for node in (0, 1)] == [2, 2]
        os.kill(on_node[1][0], signal.SIGKILL)
        log = run.folder / "results/logs/train/ours_none_none.log"
        until(lambda: "was ended by SIGKILL" in log.read_text(), snakemake, "the line that says so")
        said = until(lambda: not running(slurm, "train") and log.read_text(), snakemake, "the end of the job")
        assert snakemake.wait(timeout=SECONDS) == 0, run.said()
    finally:
        snakemake.kill()
    assert re.search(r"^error: ours_none_none: process [23] of 4 was ended by SIGKILL", said, re.MULTILINE)
    first, second = [job for job in slurm.jobs() if rule_of(job) == "train"]
    assert (first["JobState"], second["JobState"]) == ("FAILED", "COMPLETED")
    assert (second["NodeList"], second["NumTasks"], second["CPUs/Task"]) == ("gpu[1-2]", "2", "2")
    assert (second["TresPerJob"], second["TresPerNode"]) == ("gres:gpu:4", "gres:gpu:2")
    again = run.log("train/ours_none_none")
    assert "4 processes" in again and "taken up after epoch" in again
