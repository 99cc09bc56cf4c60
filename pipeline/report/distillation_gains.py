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
    """A system with the metrics of its seeds by number. rate: k."""

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
    def seeds(self) -> Mapping[int, Mapping[str, float]]:
        """Metrics by seed."""


def gain_table(found: Sequence[Seeded]) -> FigureTable:
    """SCORE, Diff from the teacher in per cent, and SCORE less that of the controls of the same rate.

    Each figure is the mean over seeds, with the standard deviation beside it where there are several: differences are
    those of systems of the same seed. With SPICE where every system has it, else without, and the title says which.
    """
    with_spice = all(SPICE in seed for each in found for seed in each.seeds.values())
    scores = {
        each.name: {number: caption_score(seed, with_spice) for number, seed in each.seeds.items()} for each in found
    }
    rows = []
    for each in found:
        figures = _figures(each, scores) if scores[each.name] else None
        rows.append(FigureRow(None, each.name, each.label, "" if figures else "not scored", figures, None))
    score = "SCORE" if with_spice else "SCORE without SPICE"
    return FigureTable("gains", "", f"What distillation gains, by {score}", _COLUMNS, tuple(rows), tuple(_notes(found)))


def _figures(system: Seeded, scores: Mapping[str, Mapping[int, float]]) -> Figures:
    own, taught = scores[system.name], scores.get(TEACHER, {})
    values = {
        SCORE: list(own.values()),
        DIFF: [100 * relative_loss(taught[seed], score) for seed, score in own.items() if seed in taught],
    }
    for column, kind in _OTHERS.items():
        control = student_name(kind, system.rate)
        other = {} if control == system.name else scores.get(control, {})
        values[column] = [score - other[seed] for seed, score in own.items() if seed in other]
    figures: dict[str, float | None] = {}
    for name, found in values.items():
        if not found:
            continue
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
