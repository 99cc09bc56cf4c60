"""The paper's order of its systems, step by step: does it hold here, and could it be chance?"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.real.found import Found
from benchmarks.real.record import METRIC
from pipeline.errors import UserError
from pipeline.report.paper import ROWS
from pipeline.scoring.pooled import Pooled, compare_pooled
from pipeline.scoring.significance import SIGNIFICANT

FURTHER = (
    ("ours_man_man", "jst"),
    ("ours_man_man", "ours_none_none"),
    ("jst", "ours_none_none"),
    ("jst", "st"),
    ("st", "ours_none_none"),
    ("jst", "st_context"),
    ("st_context", "st"),
    ("ours_none_none", "ours_man_none"),
)
"""Further comparisons: what a description is worth, what of it students without one have, what each loss adds."""
TRIALS = 10_000
HOLDS, LIKELY, OPPOSITE, REVERSED = "holds", "same direction, may be chance", "opposite, may be chance", "reversed"
DIFFERS, CHANCE = "differs", "may be chance"
PRINTED = 3
"""Digits in which a difference is printed: one that rounds to nothing has no direction."""


@dataclass(frozen=True)
class Step:
    """The better system of the paper less the next one. paper: its difference, None where a figure is not given."""

    better: str
    worse: str
    found: Pooled
    paper: float | None

    @property
    def sure(self) -> bool:
        """Whether the difference is beyond chance, on these videos and with other seeds allowed for."""
        return self.found.p < SIGNIFICANT and self.found.low * self.found.high > 0

    @property
    def verdict(self) -> str:
        """Whether the paper's order holds, beyond chance on these videos and with other seeds allowed for.

        Where the paper has no figure, whether there is a difference at all.
        """
        if self.paper is None:
            return DIFFERS if self.sure else CHANCE
        if self.sure:
            return HOLDS if self.found.difference > 0 else REVERSED
        if not round(self.found.difference, PRINTED):
            return CHANCE
        return LIKELY if self.found.difference > 0 else OPPOSITE


def steps(found: Mapping[str, Found], test_set: str) -> list[Step]:
    """The paper's steps from the best to the worst of the systems scored on ``test_set``, then those of `FURTHER`.

    Raises `UserError` where two systems were not scored on the same answers.
    """
    scored = [name for name, system in found.items() if system.scores[test_set]]
    figures = {name: figure for name in scored if (figure := _figure(name, test_set)) is not None}
    chain = sorted(figures, key=lambda name: -figures[name])
    pairs = [*pairwise(chain), *(pair for pair in FURTHER if set(pair) <= set(scored))]
    return [_step(found[better], found[worse], test_set) for better, worse in dict.fromkeys(pairs)]


def compared(first: Found, second: Found, test_set: str) -> Pooled:
    """Two systems, all their seeds. Raises `UserError` where they were not scored on the same answers."""
    try:
        return compare_pooled(first.answers[test_set], second.answers[test_set], TRIALS)
    except ValueError as error:
        raise UserError(f"{first.name} and {second.name}, {test_set}: {error}") from None


def _step(better: Found, worse: Found, test_set: str) -> Step:
    ours, theirs = (_figure(system.name, test_set) for system in (better, worse))
    paper = None if ours is None or theirs is None else ours - theirs
    return Step(better.name, worse.name, compared(better, worse, test_set), paper)


def _figure(name: str, test_set: str) -> float | None:
    """`METRIC` of a system in the paper's table."""
    figures = ROWS[name].figures(test_set) if name in ROWS else None
    return None if figures is None else figures[METRIC]
