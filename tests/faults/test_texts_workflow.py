"""Configuration files of the workflow: Snakemake reads them first, and what it takes is refused before it is used."""

import subprocess
import sys

import pytest

from .conftest import ROOT
from .test_texts import multiplied

LINES = {
    "a key twice": ("device: cpu\ntraining: {epochs: 3}\ndevice: cuda", "x.yaml: line 3: 'device' stands twice"),
    "a key twice in JSON": ('{"device": "cpu",\n"device": "cuda"}', "x.json: not a JSON file"),
    "aliases of lists that multiply": (multiplied("[x, x, x]"), "x.yaml: line 6: more than 50,000 values"),
    "nan": ("training: {learning_rate: .nan}", "x.yaml: not YAML (a number that is not finite"),
    "half a megabyte": ("device: cpu\n" + "# nothing\n" * 50_000, "x.yaml: 0.5 MB, expected at most 0.25 MB"),
    "a date": ("label: 2024-02-30", "x.yaml: not YAML"),
    "another type": ("run: [[a]]", "configuration: run.0: expected a text"),
}


def dry_run(folder, *options):
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "all", "-s", str(ROOT / "Snakefile"), *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.fault("The workflow", "configuration files that `avsd` refuses", "one line before anything is planned")
@pytest.mark.parametrize("kind", [k if k == "a key twice" else pytest.param(k, marks=pytest.mark.more) for k in LINES])
def test_configuration_files(tmp_path, kind):
    content, words = LINES[kind]
    name = "x.json" if "JSON" in kind else "x.yaml"
    (tmp_path / name).write_text(content)
    done = dry_run(tmp_path, "--configfile", name)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    assert words in lines[0]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.fault("The workflow", "values of `--config` that are no values", "one line")
@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param("seed=nan", "seed: nan is no finite number", marks=pytest.mark.more),
        pytest.param(
            "videos=[&a [1,1,1,1,1,1,1,1,1],&b [*a,*a,*a,*a,*a,*a,*a,*a,*a],&c [*b,*b,*b,*b,*b,*b,*b,*b,*b],"
            "&d [*c,*c,*c,*c,*c,*c,*c,*c,*c],&e [*d,*d,*d,*d,*d,*d,*d,*d,*d],[*e,*e,*e,*e,*e,*e,*e,*e,*e]]",
            "more than 100,000 values",
            marks=pytest.mark.more,
        ),
    ],
)
def test_values(tmp_path, value, words):
    done = dry_run(tmp_path, "--config", value)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ") and words in line], done.stderr
    assert "Traceback" not in done.stderr
