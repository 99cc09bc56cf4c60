"""What a thing costs, so that the answer is the same on a slow machine and a fast one, alone and beside others.

A limit in seconds is one for the machine that it was set on. What can be counted is counted (`lines_run`); where the
seconds themselves are promised, the limit is stretched by how much slower this machine is just now (`slowdown`).
"""

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

REFERENCE = 0.04  # processor seconds of `_work` on the machine that the limits were set on, its other core busy


def lines_run(call: Callable[[], Any]) -> int:
    """How many lines of Python ``call`` runs, those of the libraries it calls among them."""
    count = 0

    def count_line(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return count_line

    before = sys.gettrace()
    sys.settrace(count_line)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def slowdown() -> float:
    """How many times as long a fixed piece of Python takes here and now as where the limits were set; at least 1."""
    begun = time.thread_time()
    _work()
    return max(1.0, (time.thread_time() - begun) / REFERENCE)


def _work() -> int:
    """Calls, numbers, dictionaries and text, about as the stages' own code has them."""
    found: dict[str, int] = {}
    for number in range(100_000):
        name = f"V{number % 1000}"
        found[name] = found.get(name, 0) + number
    return len(found)
