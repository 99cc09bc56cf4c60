"""Metrics against formulas written here from the papers, not from pycocoevalcap."""

import math
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from pipeline.scoring.meteor import Meteor
from pipeline.scoring.metrics import Measured, bleu_from_statistics, measure
from pipeline.scoring.names import METRICS

HYPOTHESES = [
    "the man walks to the door and opens it",
    "no",
    "she is holding a red cup",
    "there is no sound at all in the video",
    "",
]
REFERENCES = [
    ["the man opens the door", "he walks to the door and then opens it"],
    ["no she does not", "nope", "no"],
    ["she holds a cup", "a red cup", "she is holding a red cup in her hand"],
    ["i can not hear any sound"],
    ["the dog barks", "a dog"],
]


@pytest.fixture(scope="module")
def measured(meteor: Meteor) -> Measured:
    return measure(HYPOTHESES, REFERENCES, meteor)


def ngrams(sentence: str, n: int) -> Counter[tuple[str, ...]]:
    words = sentence.split()
    return Counter(zip(*(words[i:] for i in range(n)), strict=False))


def bleu(hypotheses: list[str], references: list[list[str]], order: int) -> float:
    logs = 0.0
    for n in range(1, order + 1):
        right = total = 0
        for hypothesis, group in zip(hypotheses, references, strict=True):
            for gram, count in ngrams(hypothesis, n).items():
                right += min(count, max(ngrams(reference, n)[gram] for reference in group))
                total += count
        logs += math.log(right / total) / order
    length = sum(len(h.split()) for h in hypotheses)
    closest = 0
    for hypothesis, group in zip(hypotheses, references, strict=True):
        words = len(hypothesis.split())
        closest += sorted((abs(len(r.split()) - words), len(r.split())) for r in group)[0][1]
    return math.exp(logs) * min(1.0, math.exp(1 - closest / length))


def lcs(first: str, second: str) -> int:
    short, long = sorted((first.split(), second.split()), key=len)
    for size in range(len(short), 0, -1):
        subsequences = set(combinations(long, size))
        if any(part in subsequences for part in combinations(short, size)):
            return size
    return 0


def rouge(hypothesis: str, group: list[str]) -> float:
    if not hypothesis:
        return 0.0
    common = [lcs(hypothesis, reference) for reference in group]
    precision = max(common) / len(hypothesis.split())
    recall = max(c / len(r.split()) for c, r in zip(common, group, strict=True))
    beta = 1.2
    return (1 + beta**2) * precision * recall / (recall + beta**2 * precision) if precision else 0.0


def cider_d(hypotheses: list[str], references: list[list[str]]) -> np.ndarray:
    """CIDEr-D; pycocoevalcap's length penalty counts bigrams, not words."""
    scores = np.zeros(len(hypotheses))
    sentences = [*hypotheses, *(reference for group in references for reference in group)]
    for n in range(1, 5):
        vocabulary = sorted({g for s in sentences for g in ngrams(s, n)})
        columns = {gram: index for index, gram in enumerate(vocabulary)}

        def counts(sentence: str, n: int = n, columns: dict[tuple[str, ...], int] = columns) -> np.ndarray:
            row = np.zeros(len(columns))
            for gram, count in ngrams(sentence, n).items():
                row[columns[gram]] = count
            return row

        frequency = sum(np.max([counts(r) for r in group], axis=0) > 0 for group in references)
        weights = np.log(len(references) / np.maximum(frequency, 1))
        for index, (hypothesis, group) in enumerate(zip(hypotheses, references, strict=True)):
            own = counts(hypothesis) * weights
            for reference in group:
                other = counts(reference) * weights
                norm = np.linalg.norm(own) * np.linalg.norm(other)
                difference = ngrams(hypothesis, 2).total() - ngrams(reference, 2).total()
                if norm:
                    cosine = np.minimum(own, other) @ other / norm
                    scores[index] += 10 / 4 / len(group) * cosine * math.exp(-(difference**2) / (2 * 6**2))
    return scores


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_bleu(measured: Measured, order: int) -> None:
    assert measured.corpus[f"BLEU-{order}"] == pytest.approx(bleu(HYPOTHESES, REFERENCES, order), abs=1e-7)


def test_bleu_of_an_item(measured: Measured) -> None:
    assert measured.items["BLEU-3"][2] == pytest.approx(bleu(HYPOTHESES[2:3], REFERENCES[2:3], 3), abs=1e-6)


def test_rouge(measured: Measured) -> None:
    expected = [rouge(h, group) for h, group in zip(HYPOTHESES, REFERENCES, strict=True)]
    np.testing.assert_allclose(measured.items["ROUGE-L"], expected, atol=1e-12)
    assert measured.corpus["ROUGE-L"] == pytest.approx(np.mean(expected))


def test_cider(measured: Measured) -> None:
    expected = cider_d(HYPOTHESES, REFERENCES)
    assert expected.max() > 1
    np.testing.assert_allclose(measured.items["CIDEr"], expected, atol=1e-9)
    assert measured.corpus["CIDEr"] == pytest.approx(expected.mean())


def test_bleu_statistics_add_up_to_the_corpus_score(measured: Measured) -> None:
    sums = bleu_from_statistics(measured.bleu.sum(axis=0))
    np.testing.assert_allclose(sums, [measured.corpus[f"BLEU-{n}"] for n in range(1, 5)], rtol=1e-9)


def test_references_without_a_word_score_zero(meteor: Meteor) -> None:
    measured = measure(["two men", ""], [[""], [""]], meteor)
    assert set(measured.corpus) == set(METRICS)
    assert measured.corpus["CIDEr"] == measured.corpus["METEOR"] == 0
    assert all(np.isfinite(values).all() for values in measured.items.values())
