"""Commands and functions in processes of their own, whose peaks of memory are theirs; figures of this process."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
if done.returncode:
    sys.exit(done.stderr)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Runs a command and prints its peak. A process of its own: a child's peak begins at the size of what started it."""
PRELUDE = """
import importlib, json, pathlib, sys
module, function, argument, out = sys.argv[1:]
result = getattr(importlib.import_module(module), function)(**json.loads(argument))
pathlib.Path(out).write_text(json.dumps(result))
"""


def environment(**more: str) -> dict[str, str]:
    """This process's, for one that imports what this one does, wherever that lies: the checkout's packages first."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]), **more}


def last_words(text: str) -> str:
    """The last line of what a process said."""
    return (text.strip().splitlines()[-1:] or ["no word"])[0].strip()


def peak_memory(command: Sequence[str]) -> float:
    """Peak resident memory of a command, or of the largest process it starts and waits for, MiB.

    Raises `UserError` with the beginning of the command and its last words when it fails.
    """
    launched = [sys.executable, "-c", LAUNCHER, *command]
    done = subprocess.run(launched, capture_output=True, text=True, env=environment(), check=False)
    if done.returncode:
        raise UserError(f"{' '.join(command[:5])}: failed ({last_words(done.stderr)})")
    return int(done.stdout) / 1024


def run(module: str, function: str, **argument: Any) -> tuple[Any, float]:
    """What ``module``.``function``(**argument) returns, and the process's peak resident memory in MiB.

    Argument and result go through JSON. Raises `UserError` with the last words of a process that fails.
    """
    with TemporaryDirectory(prefix="avsd-process-") as folder:
        out = Path(folder) / "result.json"
        peak = peak_memory([sys.executable, "-c", PRELUDE, module, function, json.dumps(argument), str(out)])
        return json.loads(out.read_text(encoding="utf-8")), peak


def high_water() -> float:
    """Peak resident memory of this process since it began, MiB: without what started it, unlike `getrusage`."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def bytes_read() -> int:
    """Bytes this process has read from files so far, those that were in memory already among them."""
    lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar"))
