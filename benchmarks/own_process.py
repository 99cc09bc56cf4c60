"""A function of the benchmarks in a process of its own, so that its peak of memory is its own."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PRELUDE = """
import importlib, json, pathlib, sys
root, module, function, argument, out = sys.argv[1:]
sys.path.insert(0, root)
result = getattr(importlib.import_module(module), function)(**json.loads(argument))
pathlib.Path(out).write_text(json.dumps(result))
"""


def run(module: str, function: str, **argument: Any) -> tuple[Any, float]:
    """What ``module``.``function``(**argument) returns, and the process's peak resident memory in MiB.

    Argument and result go through JSON. Raises `UserError` with the last words of a process that fails.
    """
    # Not at the top: what it imports would count as memory of the process that is measured.
    from benchmarks.peaks import peak_memory

    with TemporaryDirectory(prefix="avsd-process-") as folder:
        out = Path(folder) / "result.json"
        command = [sys.executable, "-c", PRELUDE, str(ROOT), module, function, json.dumps(argument), str(out)]
        peak = peak_memory(command)
        return json.loads(out.read_text(encoding="utf-8")), peak


def high_water() -> float:
    """Peak resident memory of this process so far, MiB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def bytes_read() -> int:
    """Bytes this process has read from files so far, those that were in memory already among them."""
    lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar"))
