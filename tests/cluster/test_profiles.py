"""What the profiles ask for: every job of a plan, and submissions to a stand-in for Slurm that writes them down."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GPU_RULES = {"extract", "train", "pretrain", "answer", "explain"}
# Snakemake's command line, with a line of JSON for each job of a dry run.
LISTED = """
import json, sys
from snakemake.cli import main
from snakemake.executors.dryrun import Executor
run_job = Executor.run_job
def listed(self, job):
    for one in job.jobs if job.is_group() else [job]:
        print("JOB", json.dumps({"rule": one.rule.name, "threads": one.threads, **one.resources}))
    run_job(self, job)
Executor.run_job = listed
main(sys.argv[1:])
"""
# Stand-ins for Slurm's commands: submissions are written down, and every job of theirs fails at once.
COMMANDS = {
    "sbatch": 'printf "%s\\\\0" "$@" >> {folder}/asked; echo >> {folder}/asked; wc -l < {folder}/asked',
    "squeue": "seq $(wc -l < {folder}/asked) | sed 's/$/|FAILED/'",
    "scontrol": "echo MinJobAge = 300 sec",
    "scancel": ":",
    "sinfo": ":",
    # The executor asks them for the user's account; without them it submits nothing.
    "sacct": ":",
    "sacctmgr": ":",
    "sshare": ":",
}


def planned(folder, profile, *arguments, environment=None):
    """Every job of a dry run: rule, threads and resources."""
    command = [sys.executable, "-c", LISTED, "--dry-run", "--quiet", "all", "--snakefile", ROOT / "Snakefile"]
    command += ["--directory", folder, "--workflow-profile", profile, *arguments]
    env = {**os.environ, **(environment or {})}
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return [json.loads(line.removeprefix("JOB ")) for line in done.stdout.splitlines() if line.startswith("JOB ")]


@pytest.fixture
def stand_in(tmp_path):
    """An environment with stand-ins for Slurm's commands, and a function that reads what `sbatch` was asked."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    (folder / "asked").touch()
    for name, text in COMMANDS.items():
        (folder / name).write_text(f"#!/bin/sh\n{text.format(folder=folder)}\n")
        (folder / name).chmod(0o755)

    def asked():
        return [line.split("\0")[:-1] for line in (folder / "asked").read_text().splitlines()]

    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}, asked


def options(submission):
    """`{option: value}` of an sbatch command line."""
    found = {}
    for word, following in zip(submission, [*submission[1:], ""], strict=True):
        if word.startswith("-"):
            name, equals, value = word.partition("=")
            found[name] = value if equals else following
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "profiles").glob("*/config.yaml")), ids=lambda path: path.parent.name)
def test_a_profile_sets_no_configuration_and_says_what_its_settings_are_for(path):
    """`--config` on the command line would replace a profile's `config` as a whole."""
    text = path.read_text()
    content = yaml.safe_load(text)
    assert not {"config", "configfile", "configfiles"} & set(content)
    assert path.parent.name == "default" or content["retries"] > 0
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if re.match(r"^ *[\w-]+:", line) and not line.startswith("  "):
            assert lines[index - 1].startswith("#"), f"{path}: no comment above {line}"


@pytest.mark.parametrize("config", [(), ("--config", "device=cuda")])
def test_on_slurm_every_job_that_uses_a_gpu_asks_for_one_and_no_other_goes_where_they_are(tmp_path, stand_in, config):
    jobs = planned(tmp_path, ROOT / "profiles/slurm", *config, environment=stand_in[0])
    assert {job["rule"] for job in jobs} >= {"scenes", "decode", *GPU_RULES, "score", "report"}
    for job in jobs:
        if job["rule"] in GPU_RULES:
            assert (job["gpu"], job["slurm_partition"]) == (1, "gpu"), job
        elif job["rule"] != "all":
            assert "gpu" not in job and job["slurm_partition"] == "cpu", job
        assert job["mem_mb"] > 0 and job["runtime"] > 0, job


def test_with_device_cpu_no_job_asks_for_a_gpu(tmp_path, stand_in):
    jobs = planned(tmp_path, ROOT / "profiles/slurm", "models", "--config", "device=cpu", environment=stand_in[0])
    assert not [job for job in jobs if "gpu" in job]


@pytest.mark.parametrize(("visible", "most"), [("0", 1), ("4,5,6", 2), ("", 2)])
def test_a_workstation_runs_as_many_gpu_jobs_as_it_has_gpus(tmp_path, visible, most):
    """A training in two processes asks for what there is; without any GPU nothing holds jobs back."""
    arguments = ["models", "--cores", "4", "--config", "processes=2"]
    jobs = planned(tmp_path, ROOT / "profiles/default", *arguments, environment={"CUDA_VISIBLE_DEVICES": visible})
    asked = {(job["rule"], job["gpu"]) for job in jobs if job["rule"] in GPU_RULES}
    assert asked == {("extract", 1), ("train", most), ("pretrain", most)}


def test_what_sbatch_is_asked_and_asked_again_with_more(project, stand_in):
    environment, asked = stand_in
    run = project(ROOT / "profiles/slurm", environment)
    results = run.folder / "results"
    for name in ("corpus/statistics.json", *(f"corpus/{split}.json" for split in ("training", "validation", "trial"))):
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).touch()
    (results / "corpus/references").mkdir()
    for name in ("trial", "trial.summary", "trial.caption", "trial.both"):
        (results / f"corpus/references/{name}.json").touch()
    (results / "vocabulary.json").touch()
    # Once more, as every further time takes longer to be noticed.
    quick = ["--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "0", "--retries", "1"]
    assert run.run("models", "results/paraphrases/trial/paraphrases.gz", *quick) == 1
    by_rule = {}
    for submission in asked():
        found = options(submission)
        by_rule.setdefault(re.match(r"rule_([a-z]+)", found["--comment"])[1], []).append(found)
    assert set(by_rule) == {"train", "paraphrases"}, run.said()
    for tries, (partition, memory, minutes, gpus) in {
        "train": ("gpu", 3000, 720, "1"),
        "paraphrases": ("cpu", 1000, 10, None),
    }.items():
        assert [each["-p"] for each in by_rule[tries]] == [partition] * 2
        assert [int(each["--mem"]) for each in by_rule[tries]] == [memory, 2 * memory]
        assert [int(each["-t"]) for each in by_rule[tries]] == [minutes, 2 * minutes]
        assert [each.get("--gpus") for each in by_rule[tries]] == [gpus] * 2
        assert not {"--gres", "--nodes"} & set(by_rule[tries][0])


def test_scores_that_are_ready_are_one_submission(project, stand_in):
    environment, asked = stand_in
    names = [f"more{number}" for number in range(9)]
    systems = {name: {"label": name, "model": "ours_none_none"} for name in names}
    run = project(
        ROOT / "profiles/slurm", environment, run=names, systems={"ours_none_none": {"features": []}} | systems
    )
    results = run.folder / "results"
    for path in (
        *(f"corpus/{split}.json" for split in ("training", "validation", "trial", "statistics")),
        *(f"corpus/references/{name}.json" for name in ("trial", "trial.summary", "trial.caption", "trial.both")),
        "vocabulary.json",
        *(f"paraphrases/trial/{name}" for name in ("paraphrases.gz", "tokens.txt")),
        *(f"models/ours_none_none/{name}" for name in ("model.safetensors", "system.json", "vocabulary.json")),
        *(f"finished/answers/{name}/trial.json" for name in names),
        *(f"answers/{name}/trial.json" for name in names),
    ):
        (results / path).parent.mkdir(parents=True, exist_ok=True)
        (results / path).touch()
    quick = ["--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "0", "--retries", "0"]
    assert run.run(*(f"results/scores/{name}/trial.json" for name in names), *quick) == 1
    found = [options(submission) for submission in asked()]
    asks = [[each[name] for name in ("-p", "--cpus-per-task", "--mem", "-t")] for each in found]
    assert sorted(asks) == [["cpu", "1", "3000", "60"], *[["cpu", "4", "12000", "60"]] * 2], run.said()


@pytest.mark.parametrize(("device", "gpus"), [("auto", True), ("cpu", False)])
def test_a_training_on_several_machines_is_one_job_of_a_task_each(tmp_path, stand_in, device, gpus):
    config = ["--config", "processes=2", "nodes=3", f"device={device}"]
    arguments = ["models", "--cores", "16", *config]
    jobs = planned(tmp_path, ROOT / "profiles/slurm", *arguments, environment=stand_in[0])
    (job, *_) = [job for job in jobs if job["rule"] == "train"]
    assert (job["threads"], job["mem_mb"], job["nodes"], job["tasks"], job["mpi"]) == (2, 6000, 3, 3, "srun")
    assert job.get("gpu") == (6 if gpus else None)
    assert shlex.split(job.get("slurm_extra", "")) == (["--gpus-per-node=2"] if gpus else [])
    assert all("nodes" not in job for job in jobs if job["rule"] not in ("train", "pretrain"))
