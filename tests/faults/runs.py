"""Snakemake on tiny workflows, each in a folder of its own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.server import session
from tests.faults.stages import artefacts

ROOT = Path(__file__).resolve().parents[2]
SMALL = {
    "run": ["ours_none_none"],
    "vocabulary": {"min_count": 1},
    "systems": {"ours_none_none": {"features": []}},
    "training": {"epochs": 3, "batch_turns": 10},
    "scoring": {"bootstrap": 20, "randomisations": 20},
    "report": {"explain": None},
    "device": "cpu",
}
SCENES = {
    **SMALL,
    "corpus": {
        "shards": 1,
        "scenes": {"counts": {"training": 4, "validation": 2, "trial": 2, "official": 2, "captions": 2}},
    },
    "features": {"i3d_rgb": {"input_size": 32, "weights": "random"}},
    "systems": {"ours_none_none": {"features": ["i3d_rgb", "vggish"]}},
}


class Run:
    """`snakemake --cores 2` in a folder, again and again."""

    def __init__(self, folder, settings, *targets):
        folder.mkdir()
        self.folder, self.scratch = folder, folder / "scratch"
        self.scratch.mkdir()
        (folder / "own.yaml").write_text(json.dumps(settings))
        command = [sys.executable, "-m", "snakemake", *targets, "--snakefile", ROOT / "Snakefile", "--cores", "2"]
        self.command = [*map(str, command), "--configfile", "own.yaml", "--quiet", "host", "reason"]

    def start(self):
        """The command, begun."""
        with (self.folder / "said").open("wb") as said:
            environment = {**os.environ, "TMPDIR": str(self.scratch)}
            return subprocess.Popen(
                self.command, cwd=self.folder, env=environment, stdout=said, stderr=said, start_new_session=True
            )

    def whole(self):
        """Run it to its end; the seconds it took."""
        begun = time.monotonic()
        process = self.start()
        assert process.wait(1800) == 0, self.said()
        return time.monotonic() - begun

    def end(self, process, number, alone=False):
        """Send a signal to the process, or to all its group; its status, when nothing of its session runs any more."""
        (os.kill if alone else os.killpg)(process.pid, number)
        status = process.wait(300)
        begun = time.monotonic()
        while left := session(process.pid):
            assert time.monotonic() - begun < 60, left
            time.sleep(0.05)
        return status

    def said(self):
        return (self.folder / "said").read_text()[-5000:]

    @property
    def found(self):
        return artefacts(self.folder / "results")

    def unfinished(self):
        """Marks of unfinished files and locks that Snakemake keeps, and temporary files."""
        kept = self.folder / ".snakemake"
        places = [*(kept / "incomplete").rglob("*"), *(kept / "locks").rglob("*"), *(kept / "backups").rglob("*")]
        places += [*self.folder.rglob("*.avsd-*")]
        return [str(path.relative_to(self.folder)) for path in places if path.is_file()]


def dialogs_alone(stages):
    """Settings of a run without videos, of the dialogs that the stages were made with."""
    scenes = stages.folder / "results/scenes"
    given = {name: str(scenes / f"{name}.json") for name in ("training", "validation", "trial")}
    return {**SMALL, "corpus": {"source": "files"}, "dialogs": given, "videos": None}
