"""Looking into feature shards: what they hold, and whether it is sound."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.table import Column, Table
from rich.text import Text

from pipeline.errors import UserError
from pipeline.features.index import Index, read_indexes
from pipeline.features.store import problems
from pipeline.files import finished_files
from pipeline.inert import shown
from pipeline.progress import console, progress


def show(paths: Sequence[Path]) -> None:
    """Print videos, steps, dimensions and attributes of shards, or of the shards in folders."""
    terminal = console()
    table = Table(
        Column("shard", overflow="fold"),
        "videos",
        "steps",
        "steps a video",
        "dims",
        "type",
        "MB",
        title="Feature shards",
    )
    notes = Table("attribute", "value", "shards", title="Attributes")
    seen: dict[tuple[str, str], int] = {}
    for path in _shards(paths):
        (index,) = read_indexes([path])
        steps = np.diff(index.offsets)
        spread = f"{steps.min()}-{steps.max()}, mean {steps.mean():.1f}" if len(steps) else "-"
        table.add_row(
            str(path),
            str(len(steps)),
            str(index.offsets[-1]),
            spread,
            _dims(index),
            index.dtype,
            f"{path.stat().st_size / 1e6:.1f}",
        )
        for name, value in index.attributes.items():
            seen[name, str(value)] = seen.get((name, str(value)), 0) + 1
    for (name, value), count in sorted(seen.items()):
        notes.add_row(name, value, str(count))
    terminal.print(table)
    terminal.print(notes)


def _dims(index: Index) -> str:
    """Values of a step; of maps rows, columns and channels."""
    if index.grid is None:
        return str(index.dims)
    rows, columns = index.grid
    return f"{rows} x {columns} x {index.dims // (rows * columns)}"


def verify(paths: Sequence[Path]) -> None:
    """Read shards whole and check shapes, finite values, offsets, times and checksums; print a line for each.

    Raises `UserError` naming every problem.
    """
    table = Table(Column("shard", overflow="fold"), "result", title="Feature shards")
    found: list[str] = []
    shards = _shards(paths)
    for path in progress(shards, len(shards), "verify", "shards"):
        wrong = problems(path)
        table.add_row(str(path), Text("\n".join(map(shown, wrong))) if wrong else "good")
        found += [f"{path}: {problem}" for problem in wrong]
    console().print(table)
    if found:
        raise UserError(f"problems: {len(found)} ({'; '.join(found)}); delete these shards and make them again")


def _shards(paths: Sequence[Path]) -> list[Path]:
    shards: list[Path] = []
    for path in paths:
        inside = finished_files(path, ".h5") if path.is_dir() else [path]
        if not inside:
            raise UserError(f"{path}: no feature shards (*.h5) in this folder")
        shards += inside
    return shards
