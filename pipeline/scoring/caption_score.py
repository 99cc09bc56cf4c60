"""SCORE, the one figure of the distilled captioner's Table I, and Diff, how far a student is from its teacher.

SCORE = ( (BLEU-1 + .. + BLEU-4) / 4 + CIDEr + METEOR + ROUGE-L + SPICE ) / 5; without SPICE, which needs a parser of
its own, the mean of the other four. The two are not comparable: whoever shows one says which.

>>> row = {"BLEU-1": 0.76, "BLEU-2": 0.612, "BLEU-3": 0.473, "BLEU-4": 0.352, "CIDEr": 0.397, "METEOR": 0.254}
>>> row |= {"ROUGE-L": 0.583, "SPICE": 0.054}
>>> round(caption_score(row), 3), round(caption_score(row, with_spice=False), 3)
(0.367, 0.446)
"""

from collections.abc import Mapping

from pipeline.scoring.names import BLEUS
from pipeline.scoring.spice import SPICE

OTHERS = ("CIDEr", "METEOR", "ROUGE-L")


def caption_score(metrics: Mapping[str, float], with_spice: bool = True) -> float:
    """SCORE of the scores by metric; `KeyError` where one of them is not there."""
    bleu = sum(metrics[name] for name in BLEUS) / len(BLEUS)
    parts = [bleu, *(metrics[name] for name in OTHERS), *([metrics[SPICE]] if with_spice else [])]
    return sum(parts) / len(parts)


def relative_loss(teacher: float, student: float) -> float:
    """Diff = (teacher - student) / teacher, as a fraction: of SCORE, or of seconds. 0 where the teacher has 0."""
    return (teacher - student) / teacher if teacher else 0.0
