"""Slurm, real and as a stand-in, and a workflow small enough to wait for on it."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
LONG = os.environ.get("AVSD_LONG") == "1"
COLOURS = ("red", "green", "blue", "white", "black", "grey", "brown", "pink")
SIZES = {"embedding": 8, "question_hidden": 8, "history_hidden": 8, "attention": 8, "context": 8, "decoder_hidden": 8}


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes and runs in make test-long alone")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("long") and not LONG:
            item.add_marker(pytest.mark.skip(reason="takes minutes: make test-long"))


def dialogs(path, colours):
    """One question a colour about each video, the answer in the summary."""
    content = [
        {
            "image_id": f"v{colour}",
            "caption": "a thing",
            "summary": f"it is {colour}",
            "dialog": [{"question": f"is it {other} ?", "answer": f"it is {colour} ."} for other in COLOURS],
        }
        for colour in colours
    ]
    path.write_text(json.dumps({"dialogs": content}))
    return str(path)


class Project:
    """A text-only run of one system in a folder of its own; Snakemake on it, with a profile (None: the default one)."""

    def __init__(self, folder, profile, environment, **settings):
        self.folder, self.profile, self.environment = folder, profile, environment
        own = {
            "run": ["ours_none_none"],
            "corpus": {"source": "files"},
            "dialogs": {
                "training": dialogs(folder / "training.json", COLOURS[:4]),
                "validation": dialogs(folder / "validation.json", COLOURS[4:6]),
                "trial": dialogs(folder / "trial.json", COLOURS[6:]),
            },
            "vocabulary": {"min_count": 1},
            "networks": {"attention": {**SIZES, "standardise": False}},
            "systems": {"ours_none_none": {"features": []}},
            "training": {"epochs": 1},
            "scoring": {"bootstrap": 20, "randomisations": 0, "against": None},
            "report": {"explain": None},
            **settings,
        }
        (folder / "own.yaml").write_text(json.dumps(own))

    def start(self, *arguments):
        """A running Snakemake, what it says in `snakemake.log`; it hears of no signal that this process gets."""
        command = [sys.executable, "-m", "snakemake", *arguments]
        command += ["--snakefile", ROOT / "Snakefile", "--directory", self.folder, "--configfile"]
        command += [self.folder / "own.yaml", *([] if self.profile is None else ["--workflow-profile", self.profile])]
        with (self.folder / "snakemake.log").open("ab") as log:
            return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, start_new_session=True)

    def run(self, *arguments, seconds=600):
        """Its exit status."""
        process = self.start(*arguments)
        try:
            return process.wait(timeout=seconds)
        finally:
            process.kill()

    def log(self, name):
        """What a job of the workflow has said."""
        return (self.folder / f"results/logs/{name}.log").read_text()

    def said(self):
        """Everything that Snakemake has said, and the logs of the jobs."""
        logs = [path for path in self.folder.rglob("*.log") if "results/logs" in str(path) or "slurm_logs" in str(path)]
        text = "".join(f"\n--- {path}\n{path.read_text()[-1500:]}" for path in logs)
        return (self.folder / "snakemake.log").read_text() + text


@pytest.fixture
def project(tmp_path):
    """`project(profile, environment, **settings)` makes one in ``tmp_path``."""

    def make(profile, environment=None, **settings):
        return Project(tmp_path, profile, environment or dict(os.environ), **settings)

    return make


@pytest.fixture
def workers():
    """`workers(folder, **environment)`: ids of the training processes that work there and have that environment."""

    def found(folder, **environment):
        pids = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if "pipeline.training.worker" in process.cmdline() and Path(process.cwd()) == folder:
                    pids += [process.pid] if environment.items() <= process.environ().items() else []
        return sorted(pids)

    return found


@pytest.fixture
def slurm(tmp_path_factory):
    """A Slurm of its own for the test (slurm.py)."""
    spec = importlib.util.spec_from_file_location("avsd_test_slurm", Path(__file__).with_name("slurm.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    daemons = module.Slurm(tmp_path_factory.mktemp("slurm"))
    try:
        daemons.start()
        yield daemons
    finally:
        daemons.stop()
