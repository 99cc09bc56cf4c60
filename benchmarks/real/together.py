"""Runs side by side, and what one of them has trained given to the others.

The runs beside the experiment have few trainings each, of one core, and none waits for another's.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from benchmarks.real.runs import Run
from pipeline.layout import Layout
from pipeline.plan.settings import Settings
from pipeline.progress import log
from pipeline.systems.system import WEIGHTS


@dataclass(frozen=True)
class Task:
    """Something to run. call: is given how many cores it has; whether it came to its end. log: what it says."""

    name: str
    log: Path
    call: Callable[[str], bool]


def side_by_side(tasks: Sequence[Task], cores: str) -> Iterator[bool]:
    """Run ``tasks`` on ``cores`` together, begun in their order; for each that ends, whether it came to its end.

    cores: a number, or "all". Stopped, it begins no further ones.
    """
    count = len(os.sched_getaffinity(0)) if cores == "all" else int(cores)
    at_once = max(1, min(count, len(tasks)))
    pool = ThreadPoolExecutor(at_once)
    try:
        for future in as_completed([pool.submit(_timed, task, str(max(1, count // at_once))) for task in tasks]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _timed(task: Task, cores: str) -> bool:
    log(f"{task.name}: begun, its progress in {task.log}")
    begun = time.monotonic()
    done = task.call(cores)
    minutes = (time.monotonic() - begun) / 60
    log(f"{task.name}: {'done' if done else f'failed, see {task.log},'} after {minutes:.1f} min")
    return done


def hand_over(source: Run, target: Run) -> list[str]:
    """Copy trained models of ``source`` to ``target`` where both train with the same settings; returns which.

    Whether dialogs, words and teacher are the same as well `avsd train` sees, and trains again where they are not.
    """
    copied, given, asked = [], Settings(source.config), Settings(target.config)
    for name in asked.trained:
        made, wanted = Layout(source.results).model(name), Layout(target.results).model(name)
        if name not in source.config.systems or (wanted / WEIGHTS).exists() or not (made / WEIGHTS).is_file():
            continue
        if given.training_settings(name) == asked.training_settings(name):
            shutil.copytree(made, wanted, dirs_exist_ok=True)
            copied.append(name)
    return copied
