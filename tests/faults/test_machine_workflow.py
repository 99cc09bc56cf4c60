"""The workflow in folders of any name, and with a clock that was set back."""

import json
import os
import shutil
import subprocess

import pytest

from tests.faults.runs import Run
from tests.faults.stages import artefacts, different

NAMES = ("ü x", "it's", 'a"b', "%d", "$HOME `ls`", "-dash", "a;b,c=d", "~", "#h", "st*r?[a]", "back\\slash")
BRACES = ("{x}", "{}", "a{", "b}c")


def named(small, tmp_path, name, folder="run"):
    """A run of ``small`` whose results lie in a folder of this name."""
    return Run(tmp_path / folder, {**small[0], "results": name}, "answers")


@pytest.mark.slow
@pytest.mark.more
@pytest.mark.fault("Folders", "a results folder of any name, in a folder of any name", "the same results")
@pytest.mark.parametrize("name", [*NAMES, "deep/er"])
def test_results_of_any_name(small, tmp_path, name):
    run = named(small, tmp_path, name, folder=name.replace("/", " "))
    run.whole()
    assert different(artefacts(run.folder / name), small[2]) == []
    run.whole()
    assert "Nothing to be done" in run.said()


@pytest.mark.fault(
    "Folders", "a results folder with braces in its name", "one line: Snakemake takes them for wildcards"
)
@pytest.mark.parametrize("name", [BRACES[0], *(pytest.param(name, marks=pytest.mark.more) for name in BRACES[1:])])
def test_braces_are_refused(tmp_path, name):
    run = Run(tmp_path / "run", {"results": name})
    done = subprocess.run(
        [*run.command, "-n"], cwd=run.folder, capture_output=True, text=True, timeout=120, check=False
    )
    wanted = f"error: configuration: results: '{name}': braces are wildcards of the workflow; give another path"
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == wanted, done.stderr


@pytest.mark.slow
@pytest.mark.more
@pytest.mark.fault(
    "Folders", "files of tomorrow: a clock set back", "nothing is made again; what is lost: Snakemake names them"
)
@pytest.mark.parametrize("what", ["everything", "results", "dialogs"])
def test_files_of_tomorrow(small, tmp_path, what):
    settings = json.loads(json.dumps(small[0]))
    given = tmp_path / "given"
    given.mkdir()
    for name, path in settings["dialogs"].items():
        settings["dialogs"][name] = shutil.copy(path, given)
    run = Run(tmp_path / "run", settings, "answers")
    run.whole()
    folders = {"everything": [run.folder, given], "results": [run.folder / "results"], "dialogs": [given]}[what]
    for path in (path for folder in folders for path in folder.rglob("*")):
        later = path.stat().st_mtime + 86400
        os.utime(path, (later, later), follow_symlinks=False)
    run.whole()
    assert "Nothing to be done" in run.said()
    (run.folder / "results/vocabulary.json").unlink()
    shutil.rmtree(run.folder / "results/answers")
    if what != "dialogs":
        assert run.start().wait(1800) == 1
        assert "than input results/corpus/training.json" in run.said() and "clock skew" in run.said()
        for path in (run.folder / "results").rglob("*"):
            os.utime(path, follow_symlinks=False)
    run.whole()
    assert different(run.found, small[2]) == []
    run.whole()
    assert "Nothing to be done" in run.said()
