"""The figures of the distilled captioner's paper: its Tables I and II, measured on MSR-VTT.

Its authors could get 5,074 videos for training and 2,123 for test of the corpus's 10,000. Table I's column "%" holds a
fraction. Table II's seconds are those of feature extraction, a mean over 100 videos; the device is not named.
"""

from collections.abc import Mapping
from dataclasses import dataclass

METRICS = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "CIDEr", "METEOR", "ROUGE-L", "SPICE")
"""Columns of Table I, in its order, before SCORE and Diff."""
RATES = (0.2, 0.4, 0.6, 0.8)
"""k, the share of frames and of sound that a student's features are made of."""
TEACHER = "teacher"


@dataclass(frozen=True)
class Trial:
    """A row of Table I. diff: (SCORE of the teacher - SCORE) / SCORE of the teacher."""

    label: str
    metrics: Mapping[str, float]
    score: float
    diff: float


@dataclass(frozen=True)
class Time:
    """A row of Table II. seconds: a video. saved: per cent of the teacher's."""

    label: str
    seconds: float
    saved: float


def student(loss: str, rate: float) -> str:
    """The key of a student's row of Table I; loss: `rep` or `rep_ce`.

    >>> student("rep_ce", 0.6)
    'rep_ce_0.6'
    """
    return f"{loss}_{rate:g}"


def _trial(label: str, *figures: float) -> Trial:
    *metrics, score, diff = figures
    return Trial(label, dict(zip(METRICS, metrics, strict=True)), score, diff)


TRIALS: dict[str, Trial] = {
    "rep_0.2": _trial("L_rep, k = 0.2", 0.722, 0.555, 0.422, 0.311, 0.267, 0.236, 0.554, 0.045, 0.321, 0.127),
    "rep_0.4": _trial("L_rep, k = 0.4", 0.715, 0.546, 0.411, 0.294, 0.223, 0.234, 0.539, 0.043, 0.306, 0.168),
    "rep_0.6": _trial("L_rep, k = 0.6", 0.709, 0.542, 0.412, 0.300, 0.232, 0.231, 0.543, 0.041, 0.308, 0.163),
    "rep_0.8": _trial("L_rep, k = 0.8", 0.719, 0.550, 0.413, 0.300, 0.256, 0.235, 0.545, 0.046, 0.315, 0.144),
    "rep_ce_0.2": _trial("L_rep + L_CE, k = 0.2", 0.766, 0.613, 0.476, 0.357, 0.375, 0.256, 0.585, 0.054, 0.365, 0.008),
    "rep_ce_0.4": _trial("L_rep + L_CE, k = 0.4", 0.774, 0.618, 0.473, 0.348, 0.359, 0.256, 0.582, 0.055, 0.361, 0.019),
    "rep_ce_0.6": _trial("L_rep + L_CE, k = 0.6", 0.769, 0.616, 0.478, 0.357, 0.375, 0.258, 0.586, 0.055, 0.366, 0.005),
    "rep_ce_0.8": _trial("L_rep + L_CE, k = 0.8", 0.765, 0.614, 0.479, 0.358, 0.366, 0.255, 0.583, 0.054, 0.362, 0.016),
    TEACHER: _trial("Teacher", 0.760, 0.612, 0.473, 0.352, 0.397, 0.254, 0.583, 0.054, 0.368, 0.000),
}
"""Table I by row, in its order."""

TIMES: dict[str, Time] = {
    "0.2": Time("Student, k = 0.2", 2.77, 79.1),
    "0.4": Time("Student, k = 0.4", 5.65, 57.4),
    "0.6": Time("Student, k = 0.6", 8.31, 37.4),
    "0.8": Time("Student, k = 0.8", 11.03, 16.9),
    TEACHER: Time("Teacher", 13.28, 0.0),
}
"""Table II by rate, in its order."""
