"""What distillation gains: every student beside the teacher, and beside the same student without a teacher."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Protocol

from pipeline.config.distilled import STUDENTS, TEACHER, student_name
from pipeline.report.rows import Column, FigureRow, Figures, FigureTable
from pipeline.scoring.caption_score import caption_score, relative_loss
from pipeline.scoring.spice import SPICE

SCORE, DIFF, LESS, TUNED = "SCORE", "Diff (%)", "less L_CE alone", "less L_CE alone from the teacher's weights"
_OTHERS = {LESS: "control", TUNED: "tuned"}
_COLUMNS = tuple(
    Column(each, spec)
    for name, spec in ((SCORE, ".3f"), (DIFF, ".1f"), (LESS, ".3f"), (TUNED, ".3f"))
    for each in (name, f"± {name}")
)


class Seeded(Protocol):
    """A system with the metrics of its seeds. rate: k."""

    @property
    def name(self) -> str:
        """Its key in the configuration."""

    @property
    def label(self) -> str:
        """What it is called."""

    @property
    def rate(self) -> float:
        """K."""

    @property
    def seeds(self) -> tuple[Mapping[str, float], ...]:
        """Metrics, a mapping a seed."""


def gain_table(found: Sequence[Seeded]) -> FigureTable:
    """SCORE, Diff from the teacher in per cent, and SCORE less that of the controls of the same rate.

    Each figure is the mean over seeds, with the standard deviation beside it where there are several: differences are
    those of systems of the same seed. With SPICE where every system has it, else without, and the title says which.
    """
    with_spice = all(SPICE in seed for each in found for seed in each.seeds)
    scores = {each.name: [caption_score(seed, with_spice) for seed in each.seeds] for each in found}
    rows = []
    for each in found:
        figures = _figures(each, scores) if scores[each.name] else None
        rows.append(FigureRow(None, each.name, each.label, "" if figures else "not scored", figures, None))
    score = "SCORE" if with_spice else "SCORE without SPICE"
    return FigureTable("gains", "", f"What distillation gains, by {score}", _COLUMNS, tuple(rows), tuple(_notes(found)))


def _figures(system: Seeded, scores: Mapping[str, Sequence[float]]) -> Figures:
    own = scores[system.name]
    values: dict[str, list[float]] = {SCORE: list(own)}
    if taught := scores.get(TEACHER):
        values[DIFF] = [100 * relative_loss(teacher, score) for teacher, score in zip(taught, own, strict=False)]
    for column, kind in _OTHERS.items():
        control = student_name(kind, system.rate)
        if control != system.name and (other := scores.get(control)):
            values[column] = [score - without for score, without in zip(own, other, strict=False)]
    figures: dict[str, float | None] = {}
    for name, found in values.items():
        figures[name] = statistics.mean(found)
        figures[f"± {name}"] = statistics.stdev(found) if len(found) > 1 else None
    return figures


def _notes(found: Sequence[Seeded]) -> list[str]:
    counts = ", ".join(map(str, sorted({len(each.seeds) for each in found})))
    return [
        f"Seeds: {counts}. ±: standard deviation over them, of differences between systems of the same seed.",
        f"{STUDENTS['control']}: the teacher's own training on the reduced features. {STUDENTS['tuned']}: what "
        f"{STUDENTS['rep_ce']} does, less L_rep.",
    ]
