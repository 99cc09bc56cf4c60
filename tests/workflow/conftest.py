import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Workflow:
    """Snakemake on the checkout ``root``, in a folder of its own; ``options`` may end with --config and its values."""

    root = ROOT

    def __init__(self, folder, *options):
        self.folder = folder
        self.options = options

    def __call__(self, *arguments, config=(), check=True):
        command = [sys.executable, "-m", "snakemake", *arguments]
        command += ["--snakefile", self.root / "Snakefile", "--directory", self.folder, "--cores", "2", *self.options]
        command += ["--config"] if config and "--config" not in self.options else []
        command += config
        done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
        done.text = done.stdout + done.stderr
        if check:
            assert done.returncode == 0, done.text[-5000:] + self.logs()
        return done

    def planned(self, *arguments, config=()):
        """Jobs a dry run would do: {rule: count}; empty when there is nothing to do."""
        text = self(*arguments, "--dry-run", "--quiet", "rules", "reason", "host", config=config).text
        stats = text.partition("Job stats:")[2].partition("\n\n")[0]
        return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", stats, re.MULTILINE)}

    def feature_jobs(self, *arguments, config=()):
        """Decoding and extraction a dry run of the target `features` would do: sorted (job, feature, shard)."""
        text = self("features", *arguments, "--dry-run", "--quiet", "host", config=config).text
        found = re.findall(r"^Job \d+: (Decoding|Extracting) (?:for )?(\w+), shard (\d+)$", text, re.MULTILINE)
        return sorted(found)

    def logs(self):
        return "".join(f"\n--- {path}\n{path.read_text()[-2000:]}" for path in self.folder.rglob("logs/**/*.log"))


@pytest.fixture(scope="session")
def workflow():
    """`workflow(folder, *options)` is a callable that runs Snakemake in that folder."""
    return Workflow


@pytest.fixture(scope="session")
def kinetics_weights(tmp_path_factory):
    """The folder of fetched weights: this checkout's, so that they are fetched once."""
    from pipeline.features.weights import fetch_kinetics
    from pipeline.layout import kinetics_path

    resources = ROOT / "resources"
    if not kinetics_path(resources).exists():
        fetch_kinetics(kinetics_path(resources))
    return resources
