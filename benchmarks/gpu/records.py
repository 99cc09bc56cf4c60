"""Rows as JSON holds them, back as rows."""

from typing import Any

from benchmarks.shared.results import Goal, Row


def row_of(record: dict[str, Any]) -> Row:
    """The row that `Row.record` wrote."""
    goal = record["goal"]
    kept = {name: value for name, value in record.items() if name not in ("ratio", "met", "goal", "verdict")}
    return Row(**kept, goal=None if goal is None else Goal(**goal))
