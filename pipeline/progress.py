"""What is said on a terminal or in a log file: lines, tables, progress.

Names and texts of a user's are printed as they are: `[...]` is no markup and `:cat:` no picture.
"""

import io
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from pipeline import stopping
from pipeline.errors import UserError, refusal
from pipeline.inert import shown

T = TypeVar("T")
LOG_EVERY_SECONDS = 15.0
Listener = Callable[[str, float, float], None]
"""Is told what is under way, how much of it is done, and of how much: 0 where that is not known."""


def progress(items: Iterable[T], total: int, label: str, unit: str = "", note: Callable[[], str] = str) -> Iterator[T]:
    """Yield ``items`` while showing how many of ``total`` are done and how long the rest will take.

    On a terminal this is a bar on stderr; elsewhere (a log file, a cluster job) a line every fifteen seconds and one
    at the end. note: what else to show, asked for whenever something is shown.
    """
    steps = (_bar if sys.stderr.isatty() else _lines)(items, total, label, unit, note)
    for done, item in enumerate(steps):
        stopping.check()  # here every long command comes by
        tell(label, done, total)
        yield item
    tell(label, total, total)


class _Listening:
    listener: Listener | None = None


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """In this block ``listener`` is told of all progress of this process."""
    before, _Listening.listener = _Listening.listener, listener
    try:
        yield
    finally:
        _Listening.listener = before


def tell(label: str, done: float, total: float) -> None:
    """Say to whoever listens that ``done`` of ``total`` is done; nothing is printed."""
    if _Listening.listener is not None:
        _Listening.listener(label, done, total)


def _bar(items: Iterable[T], total: int, label: str, unit: str, note: Callable[[], str]) -> Iterator[T]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=console(stderr=True)) as bar:
        task = bar.add_task(shown(label), total=total, note="")
        for item in items:
            yield item
            bar.update(task, advance=1, note=shown(note()))


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
    print(shown(message), file=sys.stderr, flush=True)


def say(message: object) -> None:
    """Print one line to stdout."""
    print(shown(message), flush=True)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Make of what a user can mend one line on stderr and exit status 1.

    That is a `UserError`, a file that cannot be written where it is wanted or that this user may not touch, and what
    the machine refuses. Stdout takes every text, as stderr does: what its encoding does not have is escaped, and no
    reason to end.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    except UserError as error:
        log(f"error: {error}")
        sys.exit(1)
    except PermissionError as error:  # of a file to be read or to be written: the system does not say which
        advice = "give this user the permission to read or write there, or another place"
        log(f"error: {error.filename2 or error.filename}: {error.strerror}; {advice}")
        sys.exit(1)
    except (IsADirectoryError, NotADirectoryError, FileExistsError) as error:
        log(f"error: {error.filename2 or error.filename}: {error.strerror}; give another place")
        sys.exit(1)
    except (OSError, MemoryError, RuntimeError, ImportError) as error:
        if (refused := refusal(error)) is None:
            raise
        log(f"error: {refused}")
        sys.exit(1)


class _Console(Console):
    """Texts stand on one line as they are; what is meant to be of several lines is given as rich's own `Text`."""

    def render_str(self, text: str, **options: Any) -> Text:
        """``text``, without markup, and with what steers a terminal as escapes."""
        return super().render_str(shown(text), **{**options, "markup": False, "emoji": False, "highlight": False})


def console(stderr: bool = False, width: int | None = None) -> Console:
    """A console for tables, which prints texts as they are."""
    return _Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)
