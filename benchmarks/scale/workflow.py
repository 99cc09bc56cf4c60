"""The workflow with empty jobs: Snakemake does all that it does, and every command only makes its files."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.shared.own_process import ROOT, environment, last_words
from pipeline.errors import UserError

EMPTY = r"""\1shell:
\1    'for each in {output:q}; do echo $EPOCHREALTIME > "$each"; done'
"""
"""In the place of every command: makes the job's files, with other content each time."""
COMMAND = re.compile(r"^( *)shell:\n(?:\1    .*\n)+", re.MULTILINE)
BESIDE = ("Snakefile", "profiles", "envs", "config.yaml", "configs", "pipeline")
LAUNCHER = """
import json, resource, subprocess, sys, time
start = time.monotonic()
done = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
wall = time.monotonic() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    json.dump([wall, used.ru_utime + used.ru_stime, used.ru_maxrss, done.returncode, done.stdout], file)
"""
"""A process of its own: a child's peak begins at the size of what started it."""


@dataclass(frozen=True)
class Ran:
    """A call of Snakemake. seconds: by the clock. processor: seconds, of all its processes. memory: peak, MiB."""

    seconds: float
    processor: float
    memory: float
    text: str

    @property
    def jobs(self) -> Counter[str]:
        """Jobs by rule, of the first table that it printed."""
        lines = self.text.partition("Job stats:")[2].splitlines()[3:]
        rows = [line.split() for line in lines[: next((i for i, line in enumerate(lines) if not line.strip()), None)]]
        return Counter({row[0]: int(row[1]) for row in rows if len(row) == 2})


def checkout(folder: Path) -> Path:
    """A checkout in ``folder`` whose jobs are empty; its Snakefile."""
    shutil.copytree(ROOT / "rules", folder / "rules")
    for path in sorted((folder / "rules").glob("*.smk")):
        path.write_text(COMMAND.sub(EMPTY, path.read_text(encoding="utf-8")), encoding="utf-8")
    for name in BESIDE:
        (folder / name).symlink_to(ROOT / name)
    return folder / "Snakefile"


def snakemake(snakefile: Path, folder: Path, configfile: Path, *more: str) -> Ran:
    """Call Snakemake in ``folder``; `UserError` with its last words where it fails."""
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "told.json"
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--directory", str(folder)]
    command += ["--configfile", str(configfile), "--cores", "1", *more]
    subprocess.run([sys.executable, "-c", LAUNCHER, str(told), *command], env=environment(), check=True)
    seconds, processor, peak, status, text = json.loads(told.read_text(encoding="utf-8"))
    if status:
        raise UserError(f"snakemake failed ({last_words(text)})")
    return Ran(seconds, processor, peak / 1024, text)
