"""Step right: the tests marked `gpu`, through pytest."""

import re
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.gpu.card import Card
from benchmarks.gpu.goals import EXACT, RIGHT
from benchmarks.shared.own_process import ROOT, environment, last_words
from benchmarks.shared.results import Row
from pipeline.errors import UserError

MARK = "mark.gpu"


def measure(_card: Card) -> Iterator[Row]:
    """How many failed; without a GPU all of them are skipped."""
    files = sorted(path for path in (ROOT / "tests").rglob("test_*.py") if MARK in path.read_text(encoding="utf-8"))
    options = ("-q", "-m", "gpu", "-p", "no:cacheprovider", "-p", "no:xdist")
    command = [sys.executable, "-m", "pytest", *options, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment(), check=False)
    print(done.stdout, done.stderr, sep="\n", flush=True)
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|error|skipped)", done.stdout)}
    if not counts:
        raise UserError(f"pytest ran no test ({last_words(done.stderr or done.stdout)})")
    failed = counts.get("failed", 0) + counts.get("error", 0)
    note = ", ".join(f"{count} {word}" for word, count in counts.items())
    names = " ".join(re.findall(r"^FAILED \S+::(\S+)", done.stdout, re.MULTILINE))
    yield Row(RIGHT, "tests marked gpu that fail", "tests", failed, goal=EXACT, note=f"{note} {names}".strip())
