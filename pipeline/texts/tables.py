"""Tables: lines of cells, comma-separated or of another csv dialect."""

import csv
import io
from collections import Counter
from itertools import zip_longest
from pathlib import Path

from pipeline.errors import UserError
from pipeline.texts.checking import quoted
from pipeline.texts.limits import TABLE_MB
from pipeline.texts.plain import read_text


def read_table(path: Path, dialect: str = "excel") -> list[list[str]]:
    """The lines of a table, comma-separated or of another csv ``dialect``."""
    try:
        return list(csv.reader(io.StringIO(read_text(path, "a table", TABLE_MB), newline=""), dialect=dialect))
    except csv.Error as error:
        raise UserError(f"{path}: not a table ({error})") from None


class Plain(csv.excel_tab):
    """Tab-separated, a quotation mark being a mark as any other."""

    quoting = csv.QUOTE_NONE


def numbered_rows(text: str, source: str, dialect: str | type[csv.Dialect]) -> list[tuple[int, list[str]]]:
    """The lines of a table's ``text`` that hold anything, each by the number of the line that it ends on.

    ``source`` names it in errors.
    """
    # Strict: a quotation mark that is never closed would take the rest of the file into its cell.
    reader = csv.reader(io.StringIO(text, newline=""), dialect=dialect, strict=True)
    try:
        return [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise UserError(f"{source}: line {reader.line_num}: not a table ({error})") from None


def read_records(path: Path, dialect: str = "excel") -> list[dict[str, str]]:
    """The lines of a table by the names of its first line; a cell that is not there is empty."""
    names, *lines = read_table(path, dialect) or [[]]
    for name, count in Counter(names).items():
        if count > 1:
            raise UserError(f"{path}: column {quoted(name)} stands twice; keep one of them")
    records = []
    for number, line in enumerate(lines, 2):
        if len(line) > len(names):
            raise UserError(f"{path}: row {number} has {len(line)} cells, expected {len(names)}")
        if line:
            records.append(dict(zip_longest(names, line, fillvalue="")))
    return records
