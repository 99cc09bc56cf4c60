"""Runs the steps: each in a process of its own with a time limit, told of row by row.

What a step does, a hang or a crash among it, ends that step alone. The next one's process is started ahead, so that
what it imports costs no time.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gpu.plan import LEFT_OUT, STOPPED, Step
from benchmarks.shared.own_process import ROOT, environment, last_words

Message = dict[str, Any]
Tell = Callable[[Step, Message], None]


@dataclass
class Started:
    """A process that waits for its turn. pipe: the end that its messages come out of. log: what it says besides."""

    step: Step
    process: "subprocess.Popen[bytes]"
    pipe: int
    log: Path

    def end(self) -> None:
        """End it and all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()
        os.close(self.pipe)


def run(
    steps: Sequence[Step], arguments: Sequence[str], limits: Callable[[Step], float], folder: Path, tell: Tell
) -> None:
    """All ``steps`` in order; ``tell`` is given every message, the last one of each step with `ended` and `seconds`.

    arguments: of `benchmarks.gpu.step` behind module and function: device, and perhaps --quick. limits: seconds that a
    step may take, asked for when it begins; 0: it is left out.
    """
    ahead = _start(steps[0], arguments, folder) if steps else None
    try:
        for place, step in enumerate(steps):
            assert ahead is not None
            current, ahead = ahead, None
            try:
                if place + 1 < len(steps):
                    ahead = _start(steps[place + 1], arguments, folder)
                began = time.monotonic()
                for message in _messages(current, limits(step)):
                    took = {"seconds": time.monotonic() - began} if "ended" in message else {}
                    tell(step, {**message, **took})
            finally:
                current.end()
    finally:
        if ahead is not None:
            ahead.end()


def _start(step: Step, arguments: Sequence[str], folder: Path) -> Started:
    receive, send = os.pipe()
    device, *options = arguments
    command = [sys.executable, "-m", "benchmarks.gpu.step", step.module, step.function, device, str(send), *options]
    log = folder / f"{step.section}-{step.name}.log".replace(" ", "-")
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            cwd=ROOT,
            env=environment(),
            pass_fds=[send],
            start_new_session=True,
        )
    os.close(send)
    return Started(step, process, receive, log)


def _messages(started: Started, limit: float) -> Iterator[Message]:
    """Messages until the step ends, or has to."""
    if limit <= 0:
        yield {"ended": f"{LEFT_OUT}: no time was left"}
        return
    assert started.process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        started.process.stdin.write(b"\n")
        started.process.stdin.flush()
    deadline, text = time.monotonic() + limit, b""
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([started.pipe], [], [], left)[0]:
            break
        part = os.read(started.pipe, 1 << 16)
        if not part:
            yield {"ended": f"its process ended: {_last_words(started)}"}
            return
        *lines, text = (text + part).split(b"\n")
        for line in lines:
            message = json.loads(line)
            yield message
            if "ended" in message:
                return
    yield {"ended": f"{STOPPED} of {limit:.0f} s"}


def _last_words(started: Started) -> str:
    status = started.process.wait()
    return f"status {status}, {last_words(started.log.read_text(encoding='utf-8', errors='replace'))}"
