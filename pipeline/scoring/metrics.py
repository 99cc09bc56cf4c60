"""The four metrics of the tables, for a corpus and for each item: pycocoevalcap's figures, many systems at once."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.cider import CiderReferences
from pipeline.scoring.meteor import STATISTICS, Meteor, meteor_from_statistics, parse_statistics
from pipeline.scoring.rouge import rouge_items

BLEUS = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4")
METRICS = (*BLEUS, "METEOR", "ROUGE-L", "CIDEr")
_MEANS = ("ROUGE-L", "CIDEr")
_BLEU_STATISTICS = 10


@dataclass(frozen=True)
class Measured:
    """Scores of one system on N items.

    corpus: score by metric. items: (N,) scores by metric. bleu: (N, 10) statistics: words of the hypothesis, of the
    reference closest in length, n-grams of the hypothesis for n = 1..4, those that match. meteor: (N, 23) statistics.
    """

    corpus: dict[str, float]
    items: dict[str, NDArray[np.float64]]
    bleu: NDArray[np.float64]
    meteor: NDArray[np.float64]

    def statistics(self) -> NDArray[np.float64]:
        """(N, 35) statistics of the items: the sums over any items give `corpus_scores` of these."""
        return np.concatenate([self.bleu, self.meteor, *(self.items[metric][:, None] for metric in _MEANS)], axis=1)


def corpus_scores(sums: NDArray[np.float64], count: int) -> dict[str, NDArray[np.float64]]:
    """(...,) corpus scores by metric of statistics (..., 35) summed over ``count`` items.

    BLEU and METEOR follow from their counts; ROUGE-L and CIDEr are means of items, CIDEr's with the document
    frequencies of the whole set of references.
    """
    end = _BLEU_STATISTICS + STATISTICS
    bleu = bleu_from_statistics(sums[..., :_BLEU_STATISTICS])
    scores = {metric: bleu[..., index] for index, metric in enumerate(BLEUS)}
    scores["METEOR"] = meteor_from_statistics(sums[..., _BLEU_STATISTICS:end])
    return scores | {metric: sums[..., end + index] / count for index, metric in enumerate(_MEANS)}


def measure(hypotheses: Sequence[str], references: Sequence[Sequence[str]], meteor: Meteor) -> Measured:
    """Score N tokenised hypotheses against their tokenised references, one or more each."""
    return measure_systems([hypotheses], references, meteor)[0]


def measure_systems(
    systems: Sequence[Sequence[str]], references: Sequence[Sequence[str]], meteor: Meteor
) -> list[Measured]:
    """Score the N tokenised hypotheses of each system against the same N items' references.

    METEOR, the slowest by far, works in its own process while the others are computed here.
    """
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(_ask_meteor, systems, references, meteor)
        try:
            others = [scores for scores in _without_meteor(systems, references)]
        except BaseException:
            meteor.kill()  # or leaving the pool would wait for all of its answers
            raise
        return [
            _measured(*scores, *answer) for scores, answer in zip(others, asked.result(), strict=True)
        ]
