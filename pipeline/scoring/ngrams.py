"""N-grams of tokenised sentences."""

from collections import defaultdict

ORDERS = 4
Counts = dict[tuple[str, ...], int]


def count_ngrams(sentence: str) -> Counts:
    """How often each n-gram of 1 to 4 words stands in ``sentence``: shorter ones first, then from left to right."""
    words = sentence.split()
    counts: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for order in range(1, ORDERS + 1):
        for start in range(len(words) - order + 1):
            counts[tuple(words[start : start + order])] += 1
    return dict(counts)
