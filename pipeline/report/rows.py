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


@dataclass(frozen=True)
class CorpusTable:
    """Table 1. rows: split, quantity, this run's count and the paper's; None where there is no such split."""

    number: int
    title: str
    rows: tuple[tuple[str, str, int | None, int | None], ...]
    notes: tuple[str, ...]
