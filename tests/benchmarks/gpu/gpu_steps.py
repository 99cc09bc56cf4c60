"""Steps that are given to the check in place of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.gpu.card import LeftOutError
from benchmarks.shared.results import Goal, Row


def fine(card: Any) -> Iterator[Row]:
    print("what a step says besides is no row")
    yield Row("right", f"on {card.device.type}", "error", 1e-6, goal=Goal("at most", 1e-4, "ours"))
    yield Row("fast", "slow", "windows/s", 3.0, 2.0, goal=Goal("at least", 2.0))


def wrong(card: Any) -> Iterator[Row]:
    yield Row("right", "far off", "error", 0.1, goal=Goal("at most", 1e-4, "ours"))


def hangs(card: Any) -> Iterator[Row]:
    yield Row("fast", "before it hangs", "s", 1.0)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield Row("fast", "child", "pid", child.pid)
    time.sleep(600)


def dies(card: Any) -> Iterator[Row]:
    yield Row("fast", "before it dies", "s", 1.0)
    print("last word", flush=True)
    os._exit(3)


def raises(card: Any) -> Iterator[Row]:
    yield Row("fast", "before it raises", "s", 1.0)
    raise ValueError("no such layer")


def lacks(card: Any) -> Iterator[Row]:
    raise LeftOutError("two cards are not here")
    yield
