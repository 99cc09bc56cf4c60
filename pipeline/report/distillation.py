"""Tables I and II of the distilled captioner: what a cheap front end costs in quality, and what it saves in time.

Pure: scores and times are given, see `Scored` and `Timed`. SCORE and Diff stand there twice, with SPICE and without:
where SPICE was not measured, only the figures without it can be compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.report.distillation_paper import METRICS, TEACHER, TIMES, TRIALS
from pipeline.report.rows import Column, FigureRow, Figures, FigureTable
from pipeline.scoring.caption_score import caption_score, relative_loss
from pipeline.scoring.spice import SPICE

SCORE, DIFF, SCORE_WITHOUT, DIFF_WITHOUT = "SCORE", "Diff", "SCORE without SPICE", "Diff without SPICE"
SECONDS, SAVED = "seconds a video", "saved (%)"
NOT_RUN, NOT_SCORED, NOT_TIMED = "not run", "not scored", "not timed"
MSR_VTT = "The paper's figures are of MSR-VTT, of those of its videos that its authors could get, not of this corpus."
_SCORES = (
    *(Column(metric, ".3f") for metric in METRICS),
    *(Column(name, ".3f") for name in (SCORE, DIFF, SCORE_WITHOUT, DIFF_WITHOUT)),
)
_TIMES = (Column(SECONDS, ".4g"), Column(SAVED, ".1f"))
_SCORE_NOTE = (
    "SCORE: mean of BLEU (itself the mean of BLEU-1 to 4), CIDEr, METEOR, ROUGE-L and SPICE. Diff: what is lost of the "
    "teacher's SCORE, as a fraction."
)
_NO_SPICE_NOTE = "SPICE was not measured in this run: compare SCORE and Diff without SPICE."


@dataclass(frozen=True)
class Scored:
    """A system of the run as a row of Table I.

    row: the paper's row it stands for (a key of `distillation_paper.TRIALS`), None for one that the paper has not, as a
    student without a teacher. metrics: of its scores file, None where it was not scored.
    """

    system: str
    label: str
    metrics: Mapping[str, float] | None
    row: str | None = None


@dataclass(frozen=True)
class Timed:
    """The front end of a system as a row of Table II. seconds: of feature extraction, a mean over the videos."""

    system: str
    label: str
    seconds: float | None
    row: str | None = None


class _Own(NamedTuple):
    """A row of this run before it stands beside the paper's."""

    system: str
    label: str
    row: str | None
    figures: Figures | None


def score_table(scored: Sequence[Scored], notes: Iterable[str] = ()) -> FigureTable:
    """Table I: the paper's rows in its order with the systems that stand for them, then this run's further ones.

    Diff is of the one system that stands for the teacher.
    """
    taught = next((each.metrics for each in scored if each.row == TEACHER and each.metrics is not None), None)
    own = [
        _Own(each.system, each.label, each.row, None if each.metrics is None else _figures(each.metrics, taught))
        for each in scored
    ]
    rows = _rows(own, {key: (trial.label, _of_paper(key)) for key, trial in TRIALS.items()}, NOT_SCORED)
    measured = [each.metrics for each in scored if each.metrics is not None]
    without = [_NO_SPICE_NOTE] if measured and not all(SPICE in metrics for metrics in measured) else []
    title = "Captions of students that see a share k of frames and sound"
    return FigureTable("scores", "I", title, _SCORES, rows, (_SCORE_NOTE, *without, MSR_VTT, *notes))


def time_table(timed: Sequence[Timed], notes: Iterable[str] = ()) -> FigureTable:
    """Table II: time of feature extraction a video. The device of this run is the caller's to say, in ``notes``."""
    taught = next((each.seconds for each in timed if each.row == TEACHER and each.seconds is not None), None)
    own = [
        _Own(each.system, each.label, each.row, None if each.seconds is None else _times(each.seconds, taught))
        for each in timed
    ]
    paper = {key: (time.label, {SECONDS: time.seconds, SAVED: time.saved}) for key, time in TIMES.items()}
    rows = _rows(own, paper, NOT_TIMED)
    title = "Time of feature extraction, mean over videos"
    return FigureTable("times", "II", title, _TIMES, rows, ("The paper does not name its device.", *notes))


def _figures(metrics: Mapping[str, float], teacher: Mapping[str, float] | None) -> Figures:
    """A system's row: its metrics, SCORE and Diff with SPICE where it has that, and without."""
    figures: dict[str, float | None] = {metric: metrics.get(metric) for metric in METRICS}
    for score, diff, with_spice in ((SCORE, DIFF, True), (SCORE_WITHOUT, DIFF_WITHOUT, False)):
        if with_spice and SPICE not in metrics:
            continue
        figures[score] = own = caption_score(metrics, with_spice)
        if teacher is not None and (SPICE in teacher or not with_spice):
            figures[diff] = relative_loss(caption_score(teacher, with_spice), own)
    return figures


def _of_paper(key: str) -> Figures:
    """The paper's row: SCORE and Diff as printed, and both without SPICE, recomputed."""
    trial = TRIALS[key]
    return {**_figures(trial.metrics, TRIALS[TEACHER].metrics), SCORE: trial.score, DIFF: trial.diff}


def _times(seconds: float, teacher: float | None) -> Figures:
    return {SECONDS: seconds, SAVED: None if teacher is None else 100 * relative_loss(teacher, seconds)}


def _rows(own: Sequence[_Own], paper: Mapping[str, tuple[str, Figures]], missing: str) -> tuple[FigureRow, ...]:
    """The paper's rows, (label, figures) by key, each with the systems that stand for it, then this run's further ones.

    missing: the status of a system without figures. Raises `ValueError` for a row that the paper does not have.
    """
    if strange := [each for each in own if each.row is not None and each.row not in paper]:
        names = ", ".join(paper)
        raise ValueError(
            f"{strange[0].system}: {strange[0].row!r} is no row of the distilled captioner's table ({names})"
        )
    rows = []
    for key, (label, figures) in paper.items():
        found = [each for each in own if each.row == key]
        rows += [_row(each, figures, missing) for each in found] or [
            FigureRow(key, None, label, NOT_RUN, None, figures)
        ]
    return (*rows, *(_row(each, None, missing) for each in own if each.row is None))


def _row(own: _Own, paper: Figures | None, missing: str) -> FigureRow:
    status = missing if own.figures is None else ""
    return FigureRow(own.row, own.system, own.label, status, own.figures, paper)
