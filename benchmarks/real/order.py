"""The paper's order of its systems, step by step: does it hold here, and could it be chance?"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.real.found import Found
from benchmarks.real.record import METRIC
from pipeline.report.paper import ROWS
from pipeline.scoring.pooled import Pooled, compare_pooled
from pipeline.scoring.significance import SIGNIFICANT

ORDER = ("ours_man_man", "jst", "st_context", "st", "ours_none_none", "ours_man_none")
"""By CIDEr, best first, as Tables 2 and 3 have it."""
ENDS = (("ours_man_man", "ours_none_none"), ("jst", "ours_none_none"), ("st", "ours_none_none"))
"""Further comparisons: what a description is worth, and what of it students without one have."""
TRIALS = 10_000
HOLDS, LIKELY, CHANCE, REVERSED = "holds", "same direction, may be chance", "opposite, may be chance", "reversed"


@dataclass(frozen=True)
class Step:
    """The better system of the paper less the next one. paper: its difference, None where a figure is not given."""

    better: str
    worse: str
    found: Pooled
    paper: float | None

    @property
    def verdict(self) -> str:
        """Whether the paper's order holds, beyond chance on these videos and with other seeds allowed for."""
        if self.found.p < SIGNIFICANT and self.found.low * self.found.high > 0:
            return HOLDS if self.found.difference > 0 else REVERSED
        return LIKELY if self.found.difference > 0 else CHANCE


def steps(found: Mapping[str, Found], test_set: str) -> list[Step]:
    """The steps between systems that are scored on ``test_set``, then the comparisons of `ENDS`."""
    chain = [name for name in ORDER if name in found and found[name].scores[test_set]]
    pairs = [*pairwise(chain), *(pair for pair in ENDS if set(pair) <= set(chain))]
    made = []
    for better, worse in dict.fromkeys(pairs):
        ours, theirs = (found[name].items(test_set) for name in (better, worse))
        made.append(Step(better, worse, compare_pooled(ours, theirs, TRIALS), _paper(better, worse, test_set)))
    return made


def _paper(better: str, worse: str, test_set: str) -> float | None:
    figures = [ROWS[name].figures(test_set) for name in (better, worse)]
    values = [None if figure is None else figure[METRIC] for figure in figures]
    return None if values[0] is None or values[1] is None else values[0] - values[1]
