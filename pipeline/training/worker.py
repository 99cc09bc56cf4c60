"""One process of a training that runs in several: `launch` starts it and tells it what to do on standard input."""

import json
import logging
import os
import signal
import sys
import threading
import traceback
from pathlib import Path

import torch

from pipeline.config import parse
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.training.processes import Place, Report
from pipeline.training.train import train_at


def main() -> None:
    """Read the task, train, and leave word in the report file when that fails; the exit status is then 1."""
    # Ctrl-C reaches the whole group of processes: the one that watches sees to the end of the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Fabric reports the meeting of the processes line by line.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    task = json.loads(_line_of_input())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    share_threads(task["place"]["processes"])
    try:
        train_at(parse(task["config"]), task["name"], Place(**task["place"]))
    except BaseException as error:
        write_json(Path(task["report"]), _report(error))
        sys.stderr.flush()
        # Not by way of destructors, which may wait for processes that are no more.
        os._exit(1)


def share_threads(processes: int) -> None:
    """This process's share of the threads that one would have had."""
    torch.set_num_threads(max(1, torch.get_num_threads() // processes))


def _line_of_input() -> bytes:
    """The first line of standard input, read past `sys.stdin`: its lock must be free when the interpreter ends."""
    text = b""
    while not text.endswith(b"\n") and (more := os.read(0, 1 << 16)):
        text += more
    return text


def _end_with_parent() -> None:
    """Standard input ends when the process that started this one dies."""
    os.read(0, 1)
    os._exit(1)


def _report(error: BaseException) -> Report:
    if isinstance(error, UserError):
        return {"kind": "user", "message": str(error), "traceback": ""}
    # PyTorch has no type of its own for this: gloo raises a plain RuntimeError.
    if isinstance(error, RuntimeError) and any(sign in str(error) for sign in ("gloo", "NCCL", "Connection")):
        return {"kind": "lost", "message": f"another process of the training is gone ({_line(error)})", "traceback": ""}
    return {"kind": "bug", "message": _line(error), "traceback": traceback.format_exc()}


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


if __name__ == "__main__":
    main()
