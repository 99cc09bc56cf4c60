"""The two ends of a comparison: a side in a process of its own, which answers in lines of JSON, and who asks."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.published.port import REPOSITORY
from benchmarks.shared.own_process import ROOT, environment, last_words
from pipeline.errors import UserError

SECTION = "baseline"


@dataclass
class Side:
    """A side at work. who: as a failure names it. errors: what it says besides."""

    who: str
    process: "subprocess.Popen[str]"
    errors: Path

    def answer(self) -> dict[str, Any]:
        """Its next line; a `UserError` with its last words when it has ended instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            last = last_words(self.errors.read_text(encoding="utf-8", errors="replace"))
            advice = f"; give another checkout of {REPOSITORY}" if self.who.startswith("the published") else ""
            status = self.process.wait()
            raise UserError(f"section {SECTION}: {self.who} ended with status {status} ({last}){advice}")
        found: dict[str, Any] = json.loads(line)
        return found

    def run(self) -> dict[str, Any]:
        """What it does once for each line, now."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self) -> dict[str, Any]:
        """Let it end; its last line."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.answer()


@contextmanager
def started(who: str, folder: Path, threads: int, module: str, *arguments: str) -> Iterator[Side]:
    """The process of a side, killed if it is still there at the end; its log is kept in ``folder``."""
    command = [sys.executable, "-m", module, *arguments]
    used = environment(OMP_NUM_THREADS=str(threads), PYTHONWARNINGS="ignore")
    path = folder / f"{who.replace(' ', '-')}.log"
    pipe = subprocess.PIPE
    with (
        path.open("w") as errors,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, text=True, cwd=ROOT, env=used) as process,
    ):
        try:
            yield Side(who, process, path)
        finally:
            process.kill()


def say(found: dict[str, Any]) -> None:
    """A side's line."""
    print(json.dumps(found), flush=True)
