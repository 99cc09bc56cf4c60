"""The four metrics of the tables, for a corpus and for each item: pycocoevalcap's figures, many systems at once."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.cider import CiderReferences
from pipeline.scoring.meteor import STATISTICS, Meteor, meteor_from_statistics, parse_statistics
from pipeline.scoring.names import BLEUS, METRICS
from pipeline.scoring.rouge import rouge_items
from pipeline.scoring.spice import SPICE, spice_items

_MEANS = ("ROUGE-L", "CIDEr")
_BLEU_STATISTICS = 10


@dataclass(frozen=True)
class Measured:
    """Scores of one system on N items.

    corpus: score by metric. items: (N,) scores by metric. bleu: (N, 10) statistics: words of the hypothesis, of the
    reference closest in length, n-grams of the hypothesis for n = 1..4, those that match. meteor: (N, 23) statistics.
    A corpus score that is not one of `METRICS` is the mean of its items.
    """

    corpus: dict[str, float]
    items: dict[str, NDArray[np.float64]]
    bleu: NDArray[np.float64]
    meteor: NDArray[np.float64]

    @property
    def further(self) -> tuple[str, ...]:
        """The metrics beside `METRICS`: SPICE where it was asked for."""
        return tuple(metric for metric in self.items if metric not in METRICS)

    def statistics(self) -> NDArray[np.float64]:
        """(N, 35) statistics of the items, and a column a further metric: their sums give `corpus_scores`."""
        means = [self.items[metric][:, None] for metric in (*_MEANS, *self.further)]
        return np.concatenate([self.bleu, self.meteor, *means], axis=1)


def corpus_scores(
    sums: NDArray[np.float64], count: int | NDArray[np.float64], further: Sequence[str] = ()
) -> dict[str, NDArray[np.float64]]:
    """(...,) corpus scores by metric of statistics (..., 35) summed over ``count`` items, ``further`` behind them.

    count: one number, or (...,).

    BLEU and METEOR follow from their counts; ROUGE-L, CIDEr and further ones are means of items, CIDEr's with the
    document frequencies of the whole set of references.
    """
    end = _BLEU_STATISTICS + STATISTICS
    bleu = bleu_from_statistics(sums[..., :_BLEU_STATISTICS])
    scores = {metric: bleu[..., index] for index, metric in enumerate(BLEUS)}
    scores["METEOR"] = meteor_from_statistics(sums[..., _BLEU_STATISTICS:end])
    return scores | {metric: sums[..., end + index] / count for index, metric in enumerate((*_MEANS, *further))}


def measure(hypotheses: Sequence[str], references: Sequence[Sequence[str]], meteor: Meteor) -> Measured:
    """Score N tokenised hypotheses against their tokenised references, one or more each."""
    return measure_systems([hypotheses], references, meteor)[0]


def measure_systems(
    systems: Sequence[Sequence[str]], references: Sequence[Sequence[str]], meteor: Meteor, spice: Path | None = None
) -> list[Measured]:
    """Score the N tokenised hypotheses of each system against the same N items' references.

    METEOR, the slowest by far, works in its own process while the others are computed here. spice: the jar of SPICE,
    which is then measured too.
    """
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(_ask_meteor, systems, references, meteor)
        try:
            overlap = overlap_scores(systems, references)
        except BaseException:
            meteor.kill()  # or leaving the pool would wait for all its answers
            raise
        measured = [_measured(*parts) for parts in zip(overlap, asked.result(), strict=True)]
    return measured if spice is None else _with_spice(measured, systems, references, spice)


def _with_spice(
    measured: Sequence[Measured], systems: Sequence[Sequence[str]], references: Sequence[Sequence[str]], jar: Path
) -> list[Measured]:
    """The same with SPICE, all systems asked for at once: the jar loads its parser at every start."""
    everything = [hypothesis for hypotheses in systems for hypothesis in hypotheses]
    items = spice_items(jar, everything, [*references] * len(systems))
    return [
        replace(each, corpus={**each.corpus, SPICE: float(part.mean())}, items={**each.items, SPICE: part})
        for each, part in zip(measured, np.split(items, len(systems)), strict=True)
    ]


@dataclass(frozen=True)
class Overlap:
    """The scores of one system on N items that Python computes: BLEU with its (N, 10) statistics, ROUGE-L, CIDEr."""

    bleu_corpus: Sequence[float]
    bleu_items: Sequence[Sequence[float]]
    bleu: NDArray[np.float64]
    rouge: NDArray[np.float64]
    cider: NDArray[np.float64]


def overlap_scores(systems: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> list[Overlap]:
    """BLEU, ROUGE-L and CIDEr of each system's N tokenised hypotheses, the references worked once for all."""
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer

    bleu = BleuScorer(n=4)
    for sentences in references:
        bleu.cook_append(None, list(sentences))
    # Where no reference has a word left, pycocoevalcap has no document frequencies to take, and fails.
    worded = any(sentence for sentences in references for sentence in sentences)
    cider = CiderReferences(references) if worded else None
    scored = []
    for hypotheses in systems:
        corpus, items = bleu.retest(list(hypotheses)).compute_score(option="closest", verbose=0)
        scored.append(
            Overlap(
                bleu_corpus=corpus,
                bleu_items=items,
                bleu=np.array([_bleu_statistics(counts) for counts in bleu.ctest], dtype=np.float64),
                rouge=rouge_items(hypotheses, references),
                cider=np.zeros(len(hypotheses)) if cider is None else cider.items(hypotheses),
            )
        )
    return scored


_MeteorScores = tuple[list[str], float, list[float]]


def _ask_meteor(
    systems: Sequence[Sequence[str]], references: Sequence[Sequence[str]], meteor: Meteor
) -> list[_MeteorScores]:
    """Statistics lines, corpus score and item scores of each system."""
    everything = [hypothesis for hypotheses in systems for hypothesis in hypotheses]
    lines = meteor.statistics(everything, [*references] * len(systems))
    count = len(references)
    parts = [lines[start : start + count] for start in range(0, len(lines), count)]
    return [(part, *meteor.evaluate(part)) for part in parts]


def _measured(overlap: Overlap, answer: _MeteorScores) -> Measured:
    lines, meteor_corpus, meteor_items = answer
    corpus = [*overlap.bleu_corpus, meteor_corpus, overlap.rouge.mean(), overlap.cider.mean()]
    items = [*overlap.bleu_items, meteor_items, overlap.rouge, overlap.cider]
    return Measured(
        corpus={metric: float(value) for metric, value in zip(METRICS, corpus, strict=True)},
        items={metric: np.asarray(values, dtype=np.float64) for metric, values in zip(METRICS, items, strict=True)},
        bleu=overlap.bleu,
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
