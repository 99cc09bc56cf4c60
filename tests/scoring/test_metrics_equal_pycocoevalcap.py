"""CIDEr and ROUGE-L are computed here for speed: they must be pycocoevalcap's to the last bit."""

from functools import lru_cache

import numpy as np
import pytest

from pipeline.scoring.cider import CiderReferences
from pipeline.scoring.meteor import Meteor
from pipeline.scoring.metrics import measure, measure_systems
from pipeline.scoring.names import METRICS
from pipeline.scoring.rouge import common_length, rouge_items

WORDS = ("the", "a", "man", "woman", "is", "walking", "in", "room", "door", "and", "then", "no", "yes", "cup")


def corpus(seed: int, items: int, most: int) -> tuple[list[list[str]], list[list[str]]]:
    """Hypotheses of three systems, and one to six references an item: sentences of few words, some of them empty."""
    generator = np.random.default_rng(seed)

    def sentence() -> str:
        return " ".join(generator.choice(WORDS, size=generator.integers(0, most)))

    references = [[sentence() for _ in range(generator.integers(1, 7))] for _ in range(items)]
    systems = [[sentence() for _ in range(items)] for _ in range(3)]
    # The third system finds words of a reference, the way real ones do.
    systems[2] = [" ".join(group[0].split()[1:]) + " man" for group in references]
    return systems, references


@pytest.mark.parametrize(("seed", "items", "most"), [(0, 200, 12), (1, 30, 40), (2, 2, 3), (3, 1, 6)])
def test_to_the_last_bit(seed: int, items: int, most: int) -> None:
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    systems, references = corpus(seed, items, most)
    truths = dict(enumerate(references))
    cider = CiderReferences(references)
    for hypotheses in systems:
        results = {index: [hypothesis] for index, hypothesis in enumerate(hypotheses)}
        assert cider.items(hypotheses).tolist() == Cider().compute_score(truths, results)[1].tolist()
        assert rouge_items(hypotheses, references).tolist() == Rouge().compute_score(truths, results)[1].tolist()


def test_common_length_is_that_of_the_recurrence() -> None:
    def recurrence(first: str, second: str) -> int:
        @lru_cache
        def longest(i: int, j: int) -> int:
            if i == 0 or j == 0:
                return 0
            if first[i - 1] == second[j - 1]:
                return longest(i - 1, j - 1) + 1
            return max(longest(i - 1, j), longest(i, j - 1))

        return longest(len(first), len(second))

    generator = np.random.default_rng(4)
    for _ in range(300):
        # Beyond 64 tokens too, where a machine word would end.
        first, second = ("".join(generator.choice(list("abcd"), size=generator.integers(0, 90))) for _ in range(2))
        assert common_length(first, second) == recurrence(first, second)


def test_systems_scored_together_score_as_each_by_itself(meteor: Meteor) -> None:
    systems, references = corpus(5, 25, 9)
    together = measure_systems(systems, references, meteor)
    for measured, hypotheses in zip(together, systems, strict=True):
        alone = measure(hypotheses, references, meteor)
        assert measured.corpus == alone.corpus
        assert all((measured.items[metric] == alone.items[metric]).all() for metric in METRICS)
        np.testing.assert_array_equal(measured.statistics(), alone.statistics())
    assert len({measured.corpus["METEOR"] for measured in together}) == 3
