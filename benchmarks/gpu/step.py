"""One step of the check, as a process of its own: rows go out one by one, as JSON, on a pipe.

It imports everything, and then waits for a line on standard input: so the next step is ready when the one before ends.
"""

import argparse
import importlib
import json
import os
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.card import Card, LeftOutError
from benchmarks.gpu.plan import LEFT_OUT
from benchmarks.shared import machine
from pipeline.devices import resolve_device
from pipeline.errors import UserError


def main() -> None:
    """Run ``module``.``function`` on a device; the last message says how it ended."""
    parser = argparse.ArgumentParser()
    for name in ("module", "function", "device"):
        parser.add_argument(name)
    parser.add_argument("pipe", type=int)
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    measure = getattr(importlib.import_module(chosen.module), chosen.function)
    # Standard input ends when the process that started this one does, however it does.
    if not os.read(0, 1):
        return
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with os.fdopen(chosen.pipe, "w", encoding="utf-8", buffering=1) as pipe:

        def tell(**message: Any) -> None:
            pipe.write(json.dumps(message) + "\n")

        try:
            device = resolve_device(chosen.device)
        except UserError as error:
            tell(refused=str(error))
            return
        try:
            _run(measure, device, chosen.quick, tell)
            tell(ended="")
        except LeftOutError as reason:
            tell(ended=f"{LEFT_OUT}: {reason}")
        except BaseException as error:
            traceback.print_exc()
            tell(ended=" ".join(f"{type(error).__name__}: {error}".split())[:300])


def _end_with_parent() -> None:
    """End this process, and all that it has started, with the one that started it."""
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


def _run(measure: Callable[[Card], Any], device: torch.device, quick: bool, tell: Callable[..., None]) -> None:
    if quick and device.type == "cpu":
        torch.set_num_threads(1)
    tell(machine={**machine.facts(device, machine.available_cores()), **_card_facts(device)})
    with tempfile.TemporaryDirectory(prefix="avsd-gpu-") as folder:
        began = time.monotonic()
        for row in measure(Card(device, quick, Path(folder))):
            tell(row=row.record(), at=time.monotonic() - began)


def _card_facts(device: torch.device) -> dict[str, Any]:
    if device.type != "cuda":
        return {"cards": 0}
    found = torch.cuda.get_device_properties(device)
    return {
        "cards": torch.cuda.device_count(),
        "memory_gib": round(found.total_memory / 2**30, 1),
        "multiprocessors": found.multi_processor_count,
        "capability": f"{found.major}.{found.minor}",
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
    }


if __name__ == "__main__":
    main()
