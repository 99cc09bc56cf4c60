"""CIDEr-D with everything that depends on the references alone computed once for many systems.

The same sums in the same order as pycocoevalcap's, so that scores are equal to the last bit (a test compares them);
there every system pays for the references' n-gram weights again.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.ngrams import ORDERS, Counts, count_ngrams

_SIGMA = 6.0
_SCALE = 10.0


class _Vector(NamedTuple):
    """A sentence's tf-idf weights by n-gram, one mapping for each order, their norms, and its number of bigrams."""

    weights: tuple[dict[tuple[str, ...], float], ...]
    norms: tuple[float, ...]
    bigrams: int


class CiderReferences:
    """Tokenised references of N items, at least one of them with a word, made ready for any number of systems.

    Vedantam et al. (CVPR 2015), equations 1 to 4, in the variant CIDEr-D: clipped counts, and a Gaussian penalty of the
    difference in length (which pycocoevalcap counts in bigrams).
    """

    def __init__(self, references: Sequence[Sequence[str]]) -> None:
        counts = [[count_ngrams(sentence) for sentence in group] for group in references]
        documents = Counter(ngram for group in counts for ngram in set().union(*group))
        # NumPy's logarithm, as pycocoevalcap takes it: Python's may differ in the last bit.
        logarithms = {frequency: float(np.log(float(frequency))) for frequency in {1, *documents.values()}}
        self._frequencies = {ngram: logarithms[frequency] for ngram, frequency in documents.items()}
        self._items = float(np.log(float(len(references))))
        self._references = [[self._vector(sentence) for sentence in group] for group in counts]

    def items(self, hypotheses: Sequence[str]) -> NDArray[np.float64]:
        """(N,) scores of N tokenised hypotheses, from 0 to 10; the corpus score is their mean."""
        vectors = [self._vector(count_ngrams(hypothesis)) for hypothesis in hypotheses]
        return np.array([_score(own, group) for own, group in zip(vectors, self._references, strict=True)])

    def _vector(self, counts: Counts) -> _Vector:
        weights: tuple[dict[tuple[str, ...], float], ...] = tuple({} for _ in range(ORDERS))
        squares = [0.0] * ORDERS
        for ngram, count in counts.items():
            order = len(ngram) - 1
            # An n-gram that no reference has counts as one that one item has.
            weight = count * (self._items - self._frequencies.get(ngram, 0.0))
            weights[order][ngram] = weight
            squares[order] += weight**2
        bigrams = sum(count for ngram, count in counts.items() if len(ngram) == 2)
        return _Vector(weights, tuple(map(math.sqrt, squares)), bigrams)


def _score(own: _Vector, group: Sequence[_Vector]) -> float:
    sums = [0.0] * ORDERS
    for other in group:
        penalty = math.e ** (-(float(own.bigrams - other.bigrams) ** 2) / (2 * _SIGMA**2))
        for order in range(ORDERS):
            sums[order] += _similarity(own, other, order) * penalty
    return float(np.mean(sums)) / len(group) * _SCALE


def _similarity(own: _Vector, other: _Vector, order: int) -> float:
    """Cosine of the weights of one order, each of the hypothesis' at most the reference's."""
    theirs = other.weights[order]
    dot = 0.0
    for ngram, weight in own.weights[order].items():
        wanted = theirs.get(ngram)
        if wanted is not None:
            dot += min(weight, wanted) * wanted
    norm = own.norms[order] * other.norms[order]
    return dot / norm if norm else dot
