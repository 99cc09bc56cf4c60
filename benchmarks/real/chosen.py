"""Which of the runs, and which of their systems, are to be run: all, or those that are named."""

from collections.abc import Mapping, Sequence

from benchmarks.real.runs import Run
from pipeline.errors import UserError

NOISE = "noise"
"""What the noise of training is called among the runs: `noise.json` in a record."""
Chosen = Mapping[str, frozenset[str]]
"""By a run's folder in a record, its systems; of `NOISE`, none."""


def chosen(names: Sequence[str], runs: Sequence[Run]) -> Chosen:
    """What ``names`` name, RUN or RUN/SYSTEM as a record's files are called; everything where there are none."""
    known: dict[str, frozenset[str]] = {run.slug: frozenset(dict(run.answered())) for run in runs} | {
        NOISE: frozenset()
    }
    if not names:
        return known
    found: dict[str, frozenset[str]] = {}
    for name in names:
        run, _, system = name.partition("/")
        if run not in known:
            raise UserError(f"--only {name}: there is no such run, expected one of {', '.join(known)}")
        if system and system not in known[run]:
            others = f", expected one of {', '.join(sorted(known[run]))}" if known[run] else ""
            raise UserError(f"--only {name}: {run} has no such system{others}")
        found[run] = found.get(run, frozenset()) | ({system} if system else known[run])
    return found
