"""How long jobs take, as earlier runs and this one say.

>>> durations = Durations()
>>> durations.add(("extract", "vggish", "0000"), 4.0)
>>> durations.add(("extract", "i3d_rgb", "0000"), 20.0)
>>> durations.expected(("extract", "vggish", "0001")), durations.expected(("extract", "i3d_flow", "0000"))
(4.0, 12.0)
>>> durations.expected(("train", "st")) is None
True
"""

import math
from pathlib import Path

from pipeline.errors import UserError
from pipeline.texts.tables import read_records

Key = tuple[str, ...]
"""A rule, and what of it a job makes, the coarser part first: `("extract", "vggish", "0000")`."""


class Durations:
    """Seconds by job. What is not known of a job is the mean of those most like it, of its rule at the least."""

    def __init__(self) -> None:
        self._seconds: dict[Key, float] = {}
        self._sums: dict[Key, tuple[float, int]] = {}

    @classmethod
    def of_earlier_runs(cls, benchmarks: Path) -> "Durations":
        """What the files of a folder of benchmarks say, each in the place that its job's key names."""
        durations = cls()
        for path in benchmarks.rglob("*.tsv"):
            if (seconds := measured(path)) is not None:
                durations.add(key_of(path, benchmarks), seconds)
        return durations

    def add(self, key: Key, seconds: float) -> None:
        """Take in what a job took; of one that was there before, the newer is right."""
        more, one = seconds - self._seconds.get(key, 0.0), 0 if key in self._seconds else 1
        self._seconds[key] = seconds
        for length in range(1, len(key)):
            total, count = self._sums.get(key[:length], (0.0, 0))
            self._sums[key[:length]] = (total + more, count + one)

    def expected(self, key: Key) -> float | None:
        """Seconds that a job is likely to take; None where none of its rule is known."""
        if key in self._seconds:
            return self._seconds[key]
        for length in range(len(key) - 1, 0, -1):
            if key[:length] in self._sums:
                total, count = self._sums[key[:length]]
                return total / count
        return None


def key_of(benchmark: Path, benchmarks: Path) -> Key:
    """The key of the job that writes a file of the folder ``benchmarks``.

    >>> key_of(Path("results/benchmarks/score/st.trial.tsv"), Path("results/benchmarks"))
    ('score', 'st.trial')
    """
    return benchmark.relative_to(benchmarks).with_suffix("").parts


def measured(benchmark: Path) -> float | None:
    """Seconds that a job took, as its benchmark says; None of one that says nothing."""
    try:
        seconds = float(read_records(benchmark, "excel-tab")[-1]["s"])
    except (UserError, OSError, IndexError, KeyError, ValueError):
        return None  # cut off, or another's: the estimate goes without
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
