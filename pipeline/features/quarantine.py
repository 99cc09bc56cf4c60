"""Videos that could not be read: the lists that decoding leaves for each feature, gathered into one a shard."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import UserError
from pipeline.files import check_outputs, finished_files, write_text
from pipeline.inert import cells
from pipeline.media.decode import QUARANTINE_COLUMNS
from pipeline.texts import read_table

VIDEO, *DETAILS = QUARANTINE_COLUMNS
COLUMNS = (VIDEO, "features", *DETAILS)
"""Columns of a gathered list: those of a feature's list, and the features, separated by commas."""


def gather_quarantine(folders: Sequence[Path], out: Path) -> None:
    """Write ``out``/<shard>.tsv for every shard that ``folders`` have a list of, sorted by video.

    A folder is named after its feature and holds the <shard>.tsv that `avsd decode` wrote. A video that several
    features failed on for the same reason is one line. Raises `UserError` for a folder without lists, and for a file
    that is not such a list, and as `check_outputs` does.
    """
    shards: dict[str, dict[tuple[str, ...], list[str]]] = {}
    read: list[Path] = []
    for folder in folders:
        paths = finished_files(folder, ".tsv")
        if not paths:
            raise UserError(f"{folder}: no list of unreadable videos (*.tsv); run `avsd decode` for this feature first")
        read += paths
        for path in paths:
            failures = shards.setdefault(path.name, {})
            for line in _read(path):
                failures.setdefault(line, []).append(folder.name)
    check_outputs([out / name for name in shards], read)
    for name, failures in shards.items():
        write_text(out / name, _table(failures))


def read_gathered(path: Path) -> list[dict[str, str]]:
    """The lines of a gathered list by `COLUMNS`. Raises `UserError` for a file that is none."""
    return [dict(zip(COLUMNS, line, strict=True)) for line in _read(path, COLUMNS)]


def _read(path: Path, columns: tuple[str, ...] = QUARANTINE_COLUMNS) -> list[tuple[str, ...]]:
    header, *lines = [tuple(line) for line in read_table(path, "excel-tab")] or [()]
    if header != columns:
        raise UserError(f"{path}: not a list of unreadable videos, expected columns {', '.join(columns)}")
    for number, line in enumerate(lines, 2):
        if len(line) != len(columns):
            raise UserError(f"{path}: row {number} has {len(line)} cells, expected {len(columns)}; decode again")
    return lines


def _table(failures: dict[tuple[str, ...], list[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, dialect="excel-tab", lineterminator="\n")
    writer.writerow(COLUMNS)
    for (video, *details), features in sorted(failures.items()):
        writer.writerow(cells([video, ",".join(features), *details]))
    return text.getvalue()
