"""The figures of the paper (Hori, Cherian, Marks, Hori, Interspeech 2019): Tables 1, 2 and 3."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.scoring.names import METRICS

NONE, MANUAL, AUTOMATIC = "-", "man.", "auto"


@dataclass(frozen=True)
class PaperRow:
    """A row of Tables 2 and 3.

    train, test: the description the system sees. trial, official: its scores; None where the table leaves it out.
    """

    label: str
    train: str
    test: str
    trial: Mapping[str, float] | None
    official: Mapping[str, float] | None

    def figures(self, test_set: str) -> Mapping[str, float] | None:
        """The row's scores by metric on a test set."""
        return self.trial if test_set == "trial" else self.official


def _scores(*values: float) -> dict[str, float]:
    return dict(zip(METRICS, values, strict=True))


ROWS: dict[str, PaperRow] = {
    "baseline": PaperRow(
        "AVSD baseline", NONE, NONE,
        _scores(0.273, 0.173, 0.118, 0.084, 0.117, 0.291, 0.766),
        _scores(0.621, 0.480, 0.379, 0.305, 0.217, 0.481, 0.733),
    ),
    "best": PaperRow(
        "AVSD best system", MANUAL, MANUAL,
        _scores(0.306, 0.209, 0.150, 0.112, 0.144, 0.338, 1.161),
        _scores(0.718, 0.584, 0.478, 0.394, 0.267, 0.563, 1.094),
    ),
    "best_how2": PaperRow(
        "+ How2 data", MANUAL, MANUAL,
        _scores(0.311, 0.212, 0.152, 0.114, 0.146, 0.337, 1.169),
        _scores(0.723, 0.586, 0.476, 0.387, 0.266, 0.564, 1.087),
    ),
    "ours_man_man": PaperRow(
        "Our system", MANUAL, MANUAL,
        _scores(0.311, 0.214, 0.156, 0.117, 0.150, 0.345, 1.234),
        _scores(0.727, 0.593, 0.488, 0.405, 0.273, 0.566, 1.118),
    ),
    "ours_man_none": PaperRow(
        "Our system", MANUAL, NONE,
        _scores(0.272, 0.186, 0.135, 0.102, 0.132, 0.325, 1.105),
        None,
    ),
    "ours_man_auto": PaperRow(
        "Our system", MANUAL, AUTOMATIC,
        _scores(0.285, 0.193, 0.140, 0.106, 0.135, 0.329, 1.121),
        None,
    ),
    "ours_none_none": PaperRow(
        "Our system", NONE, NONE,
        _scores(0.283, 0.192, 0.139, 0.105, 0.135, 0.327, 1.119),
        _scores(0.675, 0.543, 0.446, 0.371, 0.248, 0.527, 0.966),
    ),
    "st": PaperRow(
        "Student-teacher L_ST", MANUAL, NONE,
        _scores(0.313, 0.212, 0.152, 0.113, 0.143, 0.334, 1.138),
        _scores(0.686, 0.556, 0.457, 0.380, 0.254, 0.535, 0.995),
    ),
    "st_context": PaperRow(
        "Student-teacher L'_ST", MANUAL, NONE,
        _scores(0.314, 0.212, 0.152, 0.113, 0.143, 0.334, 1.139),
        None,
    ),
    "jst": PaperRow(
        "Student-teacher L_JST", MANUAL, NONE,
        _scores(0.314, 0.213, 0.153, 0.115, 0.144, 0.335, 1.148),
        _scores(0.686, 0.557, 0.458, 0.382, 0.254, 0.537, 1.005),
    ),
}  # fmt: skip
"""By the name a system's `row` gives, in the paper's order."""

TABLE_NUMBERS = {"trial": 2, "official": 3}
TABLE_TITLES = {
    "trial": "Trial test set, one reference an answer",
    "official": "Official test set, six references an answer",
    "test": "Test set",
}

CORPUS: dict[str, dict[str, int]] = {
    "training": {"dialogs": 7_659, "turns": 153_180, "words": 1_450_754},
    "validation": {"dialogs": 1_787, "turns": 35_740, "words": 339_006},
    "trial": {"dialogs": 733, "turns": 14_660, "words": 138_790},
    "official": {"dialogs": 1_710, "turns": 13_490, "words": 110_252},
}
"""Table 1 by split: a question and an answer count as one turn each."""
