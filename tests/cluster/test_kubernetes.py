"""`profiles/kubernetes`: what pods it asks for, and whether jobs find their files in a storage (clouds.py)."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ("statistics", "training", "validation", "trial", "official")
REFERENCES = [f"{name}{of}" for name in ("trial", "official") for of in ("", ".summary", ".caption", ".both")]


def snakemake(folder, *arguments):
    """In ``folder``; `folder/bucket` is the storage's content."""
    command = [sys.executable, Path(__file__).with_name("clouds.py"), folder, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)


@pytest.mark.slow
def test_each_pod_has_the_image_the_resources_and_the_gpu_that_its_rule_asks_for(tmp_path):
    """A training and a job without a GPU, whose inputs lie in the storage; a pod that fails is asked for with more."""
    for name in ("Snakefile", "rules", "config.yaml", "pipeline", "envs", "profiles"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    results = tmp_path / "bucket/run/results"
    made = [f"corpus/{name}.json" for name in CORPUS] + [f"corpus/references/{name}.json" for name in REFERENCES]
    for name in [*made, "vocabulary.json", "scenes/truth.json"]:
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text("{}")
    text_only = ["run=[ours_none_none]", 'systems={"ours_none_none": {"features": []}}']
    targets = ["models", "results/paraphrases/trial/paraphrases.gz"]
    quick = ["--retries", "1", "--seconds-between-status-checks", "1"]
    profile = ["--workflow-profile", "profiles/kubernetes"]
    done = snakemake(tmp_path, *targets, *profile, *quick, "--config", *text_only)
    assert done.returncode == 1, done.stderr[-5000:]
    pods = {}
    for job in json.loads((tmp_path / "pods.json").read_text()):
        spec = job["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        rule = re.search(r"--target-jobs '?(\w+):", " ".join(container["args"]))[1]
        assert (
            container["image"]
            == yaml.safe_load((ROOT / "profiles/kubernetes/config.yaml").read_text())["container-image"]
        )
        # Of the sources that it fetches: none above the folder that Snakemake was started in.
        assert "--snakefile 'Snakefile'" in " ".join(container["args"])
        assert {"SNAKEMAKE_STORAGE_S3_ACCESS_KEY", "SNAKEMAKE_STORAGE_S3_SECRET_KEY"} <= {
            e["name"] for e in container["env"]
        }
        pods.setdefault(rule, []).append((spec, container["resources"]))
    assert {rule: len(found) for rule, found in pods.items()} == {"train": 2, "paraphrases": 2}, done.stderr[-5000:]
    for (rule, found), memory in zip(sorted(pods.items()), (1000, 3000), strict=True):
        for attempt, (spec, resources) in enumerate(found, start=1):
            gpu = {"nvidia.com/gpu": "1"} if rule == "train" else {}
            asked = {"memory": f"{attempt * memory}M", "ephemeral-storage": "20000M", **gpu}
            assert resources["limits"] == {"cpu": "1000m", **asked}
            assert resources["requests"] == {"cpu": "950m", **asked}
            tolerated = [each["key"] for each in spec.get("tolerations") or []]
            assert tolerated == (["nvidia.com/gpu"] if rule == "train" else [])


@pytest.mark.slow
@pytest.mark.long
def test_a_whole_run_whose_files_lie_in_a_storage(tmp_path, project):
    """The jobs run here, on copies of what they name alone, as in pods."""
    given = project(None)
    text = (given.folder / "own.yaml").read_text().replace(f"{tmp_path}/", "given/")
    work = tmp_path / "work"
    (work / "given").mkdir(parents=True)
    for path in tmp_path.glob("*.json"):
        shutil.copy(path, work / "given")
    (work / "own.yaml").write_text(text)
    shutil.copytree(work / "given", work / "bucket/run/given")
    storage = ["--default-storage-provider", "s3", "--default-storage-prefix", "s3://avsd/run"]
    done = snakemake(work, "--snakefile", ROOT / "Snakefile", "--cores", "2", "--configfile", "own.yaml", *storage)
    assert done.returncode == 0, done.stderr[-5000:]
    results = work / "bucket/run/results"
    assert "Table 2" in (results / "report.html").read_text()
    assert json.loads((results / "scores/ours_none_none/trial.json").read_text())["metrics"]
    assert [path.name for path in (work / "results").rglob("*")] == [".lock"]


def test_the_image_is_built_of_the_pinned_versions_with_and_without_cuda(tmp_path):
    """Checked by hadolint; what it sorts out of requirements.txt, with a `pip` that says what it was to install."""
    linted = subprocess.run([Path(sys.executable).with_name("hadolint"), ROOT / "Containerfile"], check=False)
    assert linted.returncode == 0
    text = re.sub(r"\\\n", "", (ROOT / "Containerfile").read_text())
    step = re.search(r"^RUN (if .*)$", text, re.MULTILINE)[1]
    (tmp_path / "pip").write_text('#!/bin/sh\nfor last; do :; done; cat "$last" >> installed\n')
    (tmp_path / "pip").chmod(0o755)
    pins = (ROOT / "requirements.txt").read_text()
    wanted = {line for line in pins.splitlines() if not line.startswith("#")}
    for index in ("", "the-index"):
        shutil.copy(ROOT / "requirements.txt", tmp_path)
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "CPU_INDEX": index}
        subprocess.run(["bash", "-ec", step], cwd=tmp_path, env=environment, check=True)
        found = [line for line in (tmp_path / "installed").read_text().splitlines() if not line.startswith("#")]
        assert len(found) == len(set(found))
        left_out = wanted - set(found)
        assert set(found) <= wanted and all(re.match("nvidia-|cuda-|triton=", line) for line in left_out)
        assert bool(left_out) == bool(index) and not {line for line in found if index and "nvidia" in line}
        (tmp_path / "installed").unlink()
    for source in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE):
        for name in source.split():
            assert (ROOT / name).exists() and f"!{name}\n" in (ROOT / ".dockerignore").read_text(), name
