"""What the benchmark commands share: options, how they run and fail, what they print and keep."""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from benchmarks.shared.results import Row, table, verdicts
from pipeline.errors import UserError
from pipeline.files import write_text
from pipeline.progress import log
from pipeline.stopping import Stopped, check, unbroken, watched

Measure = Callable[[argparse.Namespace, Path], dict[str, Any]]
"""Measures what the arguments ask for, with a folder for its files, and returns everything for JSON."""
_LOOK = 0.5
"""Seconds between two looks at whether the command is stopped."""
B = TypeVar("B")
P = ParamSpec("P")


def parser(question: str, subject: str, sections: Sequence[str], counts: str | None) -> argparse.ArgumentParser:
    """The options of every command. counts: which of the repetitions does; None where nothing is repeated."""
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{question}", description=f"Measure the {subject} on this machine."
    )
    made.add_argument("--sections", nargs="+", choices=sections, default=list(sections), help="what to measure")
    if counts is not None:
        made.add_argument("--repeats", type=int, default=3, help=f"repetitions, turn about; the {counts} counts")
    made.add_argument("--json", type=Path, help="where to write the figures and the facts of the machine")
    made.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything runs: no figures")
    return made


def expect(parser: argparse.ArgumentParser, chosen: argparse.Namespace, least: int, *names: str) -> None:
    """Ends the command with one line where an option of ``names`` is given and less than ``least``."""
    for name in names:
        value = getattr(chosen, name)
        if value is not None and value < least:
            parser.error(f"--{name.replace('_', '-')} {value}: expected {least} or more")


def ends_in_one_line(main: Callable[P, int]) -> Callable[P, int]:
    """A command that ends with one line and status 1 for a `UserError`, with one for what stops it from outside."""

    @wraps(main)
    def status(*given: P.args, **named: P.kwargs) -> int:
        with watched():
            try:
                return main(*given, **named)
            except UserError as error:
                print(f"error: {error}", file=sys.stderr)
                return 1

    return status


@ends_in_one_line
def run(measure: Measure, chosen: argparse.Namespace) -> int:
    """The exit status of a command. ``chosen.json`` takes what was found.

    A missed goal is a result, not a failure.
    """
    with tempfile.TemporaryDirectory(prefix="avsd-benchmark-") as folder:
        found = measure(chosen, Path(folder))
    if chosen.json is not None:
        write_text(chosen.json, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    return 0


def ended_well(module: Sequence[str], log: Path | None = None, environment: Mapping[str, str] | None = None) -> bool:
    """Run a module of Python with its arguments; whether it came to its end.

    log: a file that has what it says, after what is there. environment: added to this process's. A command that is
    stopped stops it and what it has begun, as Ctrl-C would, and waits until they have ended.
    """
    command, given = [sys.executable, "-m", *module], {**(environment or {}), **os.environ}
    running: subprocess.Popen[bytes] | None = None
    with contextlib.nullcontext() if log is None else log.open("ab") as said:
        try:
            with unbroken():
                # A group of its own: Ctrl-C reaches it once, from here, however this command was stopped.
                running = subprocess.Popen(command, env=given, stdout=said, stderr=said, process_group=0)
            return _status(running) == 0
        except Stopped:
            if running is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(running.pid, signal.SIGINT)
                running.wait()
            raise


def _status(running: subprocess.Popen[bytes]) -> int:
    """The exit status of a process. Signals come to the main thread alone: others look whether there was one."""
    while True:
        check()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return running.wait(_LOOK)


def rows_of(sections: Mapping[str, Callable[[B], list[Row]]], wanted: Sequence[str], bench: B) -> list[Row]:
    """The rows of those ``sections`` that are ``wanted``, in their order; how long each took is logged."""
    rows: list[Row] = []
    for name in [name for name in sections if name in wanted]:
        start = time.monotonic()
        rows += sections[name](bench)
        log(f"{name}: {time.monotonic() - start:.0f} s")
    return rows


def told(
    chosen: argparse.Namespace, facts: dict[str, Any], rows: list[Row], settings: dict[str, Any]
) -> dict[str, Any]:
    """Print the table and the goals, and return everything for JSON. settings: with the options of every command."""
    print(table(rows), *verdicts(rows), sep="\n")
    settings |= {name: value for name, value in vars(chosen).items() if name in ("repeats", "quick")}
    return {"machine": facts, "settings": settings, "rows": [row.record() for row in rows]}
