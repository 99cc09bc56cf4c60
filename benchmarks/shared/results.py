"""What the sections measured: rows of one table, and goals met or missed."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

COLUMNS = ("section", "what", "unit", "ours", "reference", "ratio", "goal", "share of machine", "")
SIGNS = {"at least": "≥", "at most": "≤", "below": "<"}


@dataclass(frozen=True)
class Goal:
    """A bound on one of a row's figures: ``ours``, its ``ratio``, or its share of ``of``."""

    sense: Literal["at least", "at most", "below"]
    limit: float
    figure: Literal["ours", "ratio", "share"] = "ratio"
    of: str = ""

    def met(self, value: float) -> bool:
        """Whether ``value`` keeps the bound."""
        if self.sense == "at least":
            return value >= self.limit
        return value <= self.limit if self.sense == "at most" else value < self.limit


@dataclass(frozen=True)
class Row:
    """One measurement.

    ours, reference: figures in ``unit``, the reference None where there is nothing to compare with. shares: part of
    what the machine was measured to do, by the name of the yardstick (1 is all of it).
    """

    section: str
    what: str
    unit: str
    ours: float
    reference: float | None = None
    goal: Goal | None = None
    shares: dict[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the reference; None without a reference."""
        return None if self.reference is None else self.ours / self.reference

    def goal_value(self) -> float:
        """The figure that the goal is about."""
        assert self.goal is not None
        if self.goal.figure == "share":
            return self.shares[self.goal.of]
        value = self.ratio if self.goal.figure == "ratio" else self.ours
        assert value is not None
        return value

    def cells(self) -> tuple[str, ...]:
        """The row as the table prints it."""
        goal = "" if self.goal is None else f"{SIGNS[self.goal.sense]} {figure(self.goal.limit)} {self.goal.of}".strip()
        shares = ", ".join(f"{share:.0%} of {name}" for name, share in self.shares.items())
        figures = [figure(value) for value in (self.ours, self.reference, self.ratio)]
        return (self.section, self.what, self.unit, *figures, goal, shares, self.note)

    def record(self) -> dict[str, Any]:
        """The row for JSON, with its ratio and whether the goal was met."""
        met = None if self.goal is None else self.goal.met(self.goal_value())
        return {**asdict(self), "ratio": self.ratio, "met": met}


def figure(value: float | None) -> str:
    """Four digits that count, whole numbers from 100 on; empty for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"


def table(rows: list[Row]) -> str:
    """The rows as text, columns aligned: figures to the right, words to the left."""
    lines = [COLUMNS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    text = []
    for line in lines:
        cells = [
            cell.rjust(width) if 3 <= column <= 5 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text.append(" | ".join(cells).rstrip(" |"))
    return "\n".join(text)


def verdicts(rows: list[Row]) -> list[str]:
    """One line a goal: met or missed."""
    lines = []
    for row in rows:
        if row.goal is not None:
            value = row.goal_value()
            word = "met   " if row.goal.met(value) else "missed"
            name = {"ours": row.unit, "ratio": "ratio", "share": f"share of {row.goal.of}"}[row.goal.figure]
            wanted = f"{row.goal.sense} {figure(row.goal.limit)}"
            lines.append(f"{word}  {row.section}, {row.what}: {name} {figure(value)}, wanted {wanted}")
    return lines
