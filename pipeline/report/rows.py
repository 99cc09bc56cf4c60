"""What the tables consist of, before they are written in any format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ResultRow:
    """A row of Table 2 or 3.

    system: its key in the configuration, None where nothing stands for the row. status: empty when there are scores,
    else why not. run, intervals, paper, difference: by metric; None where there is no such figure. Of a system with
    several ``seeds`` scored, run is their mean, and ``spread`` their standard deviation, instead of intervals.
    signature: what the scores were made with. compared: by metric, `difference` and `p` of the paired comparison with
    the system of `scoring.against`; None where there is none.
    """

    row: str
    system: str | None
    label: str
    train: str
    test: str
    status: str
    run: Mapping[str, float] | None
    intervals: Mapping[str, Sequence[float]] | None
    paper: Mapping[str, float] | None
    difference: Mapping[str, float] | None
    signature: Mapping[str, object] | None
    compared: Mapping[str, Mapping[str, float]] | None
    seeds: int = 1
    spread: Mapping[str, float] | None = None


@dataclass(frozen=True)
class ResultTable:
    """Table 2 (trial) or 3 (official)."""

    number: int
    title: str
    test_set: str
    rows: tuple[ResultRow, ...]
    notes: tuple[str, ...]


Figures = Mapping[str, float | None]
"""A row's figures by column; None, or nothing, where there is none."""


@dataclass(frozen=True)
class Column:
    """A column of figures. spec: how a figure is printed, as `format` has it (`.3f`; of a difference `+.3f`)."""

    name: str
    spec: str

    def shown(self, figures: Figures) -> str:
        """The figure in print, a dash where there is none; what rounds to nothing is not negative.

        >>> Column("Diff", ".3f").shown({"Diff": -0.0001}), Column("Diff", ".3f").shown({"SCORE": 0.3})
        ('0.000', '-')
        >>> Column("less", "+.1f").shown({"less": 2}), Column("less", "+.1f").shown({"less": -0.01})
        ('+2.0', '+0.0')
        """
        value, unsigned = figures.get(self.name), self.spec.removeprefix("+")
        sign = self.spec[: len(self.spec) - len(unsigned)]
        return "-" if value is None else format(value, f"{sign}z{unsigned}")


@dataclass(frozen=True)
class FigureRow:
    """A row of a `FigureTable`: this run's figures and the paper's, None where there are none.

    row: the paper's, None for one it does not have. system: of the run, None where none stands for the row. status: why
    this run has no figures; empty where it has.
    """

    row: str | None
    system: str | None
    label: str
    status: str
    run: Figures | None
    paper: Figures | None


@dataclass(frozen=True)
class FigureTable:
    """Figures of this run beside a paper's, in columns of any names.

    name: of its files. number: in the paper; "" for a table that no paper has.
    """

    name: str
    number: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[FigureRow, ...]
    notes: tuple[str, ...]

    @property
    def heading(self) -> str:
        """The title, behind the number that the table has in the paper."""
        return f"Table {self.number}. {self.title}" if self.number else self.title


@dataclass(frozen=True)
class CorpusTable:
    """Table 1. rows: split, quantity, this run's count and the paper's; None where there is no such split."""

    number: int
    title: str
    rows: tuple[tuple[str, str, int | None, int | None], ...]
    notes: tuple[str, ...]
