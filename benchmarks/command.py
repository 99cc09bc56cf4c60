"""What the benchmark commands share: how they run, fail and keep what they found.

Each command finds this module only after it has put the checkout on Python's path.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import results
from pipeline.errors import UserError
from pipeline.files import write_text
from pipeline.progress import log

Measure = Callable[[argparse.Namespace, Path], dict[str, Any]]
"""Measures what the arguments ask for, with a folder for its files, and returns everything for JSON."""


def run(measure: Measure, chosen: argparse.Namespace) -> int:
    """The exit status of a command: 1 with one line for a `UserError`. ``chosen.json`` takes what was found."""
    try:
        with tempfile.TemporaryDirectory(prefix="avsd-benchmark-") as folder:
            found = measure(chosen, Path(folder))
        if chosen.json is not None:
            write_text(chosen.json, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def rows_of(
    sections: Sequence[str], wanted: Sequence[str], section: Callable[[str], list[results.Row]]
) -> list[results.Row]:
    """The rows of those ``sections`` that are ``wanted``, in their order; how long each took is logged."""
    rows: list[results.Row] = []
    for name in [name for name in sections if name in wanted]:
        start = time.monotonic()
        rows += section(name)
        log(f"{name}: {time.monotonic() - start:.0f} s")
    return rows
