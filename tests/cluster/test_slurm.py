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
    return re.sub(r"^rule_(\w+?)(_wildcards_.*)?$", r"\1", job["Comment"])


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
    training = {"epochs": 60, "patience": 60}
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
        # Snakemake itself. Its jobs go on; what README says is done: they are ended, the folder is unlocked.
        until(lambda: running(slurm, "train"), snakemake, "the training")
    finally:
        os.killpg(snakemake.pid, signal.SIGKILL)
        snakemake.wait()
    (name,) = set(re.findall(r"SLURM run ID: (\S+)", run.said()))
    slurm("scancel", "--name", name)
    assert run.run("--unlock") == 0, run.said()
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
    short = {"vocabulary": {"mem_mb": "60 * attempt ** 4"}, "train": {"runtime": "attempt"}}
    training = {"epochs": 1200, "patience": 1200}
    run = project(profile(tmp_path / "profile", **short), slurm.environment, training=training)
    assert run.run("models", seconds=SECONDS) == 0, run.said()

    tries = {rule: [job for job in slurm.jobs() if rule_of(job) == rule] for rule in short}
    first, second = tries["vocabulary"]
    assert first["JobState"] != "COMPLETED" and second["JobState"] == "COMPLETED"
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("60M", "960M")
    *before, last = tries["train"]
    assert before[0]["JobState"] == "TIMEOUT" and before[0]["TimeLimit"] == "00:01:00"
    assert last["JobState"] == "COMPLETED" and last["TimeLimit"] >= "00:02:00"
    # It went on where it was.
    assert "taken up after epoch" in run.log("train/ours_none_none")
