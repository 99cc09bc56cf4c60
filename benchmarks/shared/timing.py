"""Times that can be compared although the machine is shared: turn about, on few cores."""

import contextlib
import io
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping

import torch

Call = Callable[[], object]


def interleaved(calls: Mapping[str, Call], repeats: int, device: torch.device) -> dict[str, float]:
    """Seconds of the fastest of ``repeats`` runs of each of ``calls``, which take turns.

    Whatever else runs on the machine only adds time, so the fastest run says most, and taking turns lets a slow minute
    meet all of them. On CUDA each is run once before, since the first run compiles and allocates.
    """
    if device.type == "cuda":
        for call in calls.values():
            call()
    best = dict.fromkeys(calls, math.inf)
    for _ in range(repeats):
        for name, call in calls.items():
            best[name] = min(best[name], seconds(call, device))
    return best


def seconds(call: Call, device: torch.device) -> float:
    """Wall-clock seconds of one run, with all the work it gave to ``device`` done."""
    _synchronize(device)
    start = time.perf_counter()
    call()
    _synchronize(device)
    return time.perf_counter() - start


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextlib.contextmanager
def cores(count: int) -> Iterator[None]:
    """PyTorch with ``count`` threads, on as many of the cores this process may use; what it starts is held there."""
    allowed, threads = os.sched_getaffinity(0), torch.get_num_threads()
    take_cores(count)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
        torch.set_num_threads(threads)


def take_cores(count: int) -> None:
    """The same for good."""
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[-count:]))
    torch.set_num_threads(count)


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """This thread, and the threads and processes it starts, on one core; PyTorch and OpenCV with one thread each."""
    # Imported here: much that is timed has no use for it.
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with cores(1):
            yield
    finally:
        cv2.setNumThreads(threads)


def place(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """One core where the CPU computes; no limit where it only feeds a GPU."""
    return one_core() if device.type == "cpu" else contextlib.nullcontext()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the package's log lines back, and print them only if it fails."""
    words = io.StringIO()
    try:
        with contextlib.redirect_stderr(words):
            yield
    except BaseException:
        print(words.getvalue(), file=sys.stderr, end="")
        raise
