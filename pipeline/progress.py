"""Progress that reads well on a terminal and in a log file."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pipeline import stopping

T = TypeVar("T")
LOG_EVERY_SECONDS = 15.0


def progress(items: Iterable[T], total: int, label: str, unit: str = "", note: Callable[[], str] = str) -> Iterator[T]:
    """Yield ``items`` while showing how many of ``total`` are done and how long the rest will take.

    On a terminal this is a bar on stderr; elsewhere (a log file, a cluster job) a line every fifteen seconds and one
    at the end. note: what else to show, asked for whenever something is shown.
    """
    shown = (_bar if sys.stderr.isatty() else _lines)(items, total, label, unit, note)
    for item in shown:
        stopping.check()  # here every long command comes by
        yield item


def _bar(items: Iterable[T], total: int, label: str, unit: str, note: Callable[[], str]) -> Iterator[T]:
    from rich.console import Console

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total, note="")
        for item in items:
            yield item
            bar.update(task, advance=1, note=note())


def _lines(items: Iterable[T], total: int, label: str, unit: str, note: Callable[[], str]) -> Iterator[T]:
    start = last = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - last >= LOG_EVERY_SECONDS and done < total:
            left = (now - start) / done * (total - done)
            parts = (
                f"{label}: {done}/{total} {unit}".rstrip(),
                f"{now - start:.0f} s, about {left:.0f} s left",
                note(),
            )
            log(", ".join(filter(None, parts)))
            last = now
    log(f"{label}: {done}/{total} {unit} in {time.monotonic() - start:.1f} s".replace("  ", " "))


def log(message: str) -> None:
    """Print one line to stderr."""
    print(message, file=sys.stderr, flush=True)
