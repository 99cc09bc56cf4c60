"""The four metrics of the tables, for a corpus and for each item, by pycocoevalcap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.meteor import Meteor, parse_statistics

BLEUS = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4")
METRICS = (*BLEUS, "METEOR", "ROUGE-L", "CIDEr")


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


def measure(hypotheses: Sequence[str], references: Sequence[Sequence[str]], meteor: Meteor) -> Measured:
    """Score N tokenised hypotheses against their tokenised references, one or more each."""
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    bleu = BleuScorer(n=4)
    for hypothesis, sentences in zip(hypotheses, references, strict=True):
        bleu += (hypothesis, list(sentences))
    bleu_corpus, bleu_items = bleu.compute_score(option="closest", verbose=0)
    truths = {index: list(sentences) for index, sentences in enumerate(references)}
    results = {index: [hypothesis] for index, hypothesis in enumerate(hypotheses)}
    rouge_corpus, rouge_items = Rouge().compute_score(truths, results)
    # Where no reference has a word left, pycocoevalcap has no document frequencies to take, and fails.
    worded = any(sentence for sentences in references for sentence in sentences)
    cider_corpus, cider_items = Cider().compute_score(truths, results) if worded else (0.0, np.zeros(len(truths)))
    lines = meteor.statistics(hypotheses, references)
    meteor_corpus, meteor_items = meteor.evaluate(lines)
    corpus = [*bleu_corpus, meteor_corpus, rouge_corpus, cider_corpus]
    items = [*bleu_items, meteor_items, rouge_items, cider_items]
    return Measured(
        corpus={metric: float(value) for metric, value in zip(METRICS, corpus, strict=True)},
        items={metric: np.asarray(values, dtype=np.float64) for metric, values in zip(METRICS, items, strict=True)},
        bleu=np.array([_bleu_statistics(counts) for counts in bleu.ctest], dtype=np.float64),
        meteor=parse_statistics(lines),
    )


def _bleu_statistics(counts: Mapping[str, Any]) -> list[float]:
    length = counts["testlen"]
    closest = min((abs(words - length), words) for words in counts["reflen"])[1]
    return [length, closest, *counts["guess"], *counts["correct"]]


def bleu_from_statistics(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """BLEU-1..4 (..., 4) of summed statistics (..., 10).

    Papineni et al. (ACL 2002), with pycocoevalcap's smallest numbers: 1e-15 matches where there are none.
    """
    precision = (sums[..., 6:10] + 1e-15) / (sums[..., 2:6] + 1e-9)
    means = np.exp(np.cumsum(np.log(precision), axis=-1) / np.arange(1, 5))
    ratio = (sums[..., 0] + 1e-15) / (sums[..., 1] + 1e-9)
    brevity = np.exp(np.minimum(0.0, 1 - 1 / ratio))
    return means * brevity[..., None]
