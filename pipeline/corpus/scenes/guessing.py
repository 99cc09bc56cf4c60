"""How far the question's words alone go: the check that answers must be found in the clip or the history."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.corpus.scenes.truth import Rate, TurnTruth

Asked = Sequence[tuple[str, TurnTruth]]
"""Questions as they are worded, with what they ask."""
_SEEN_OFTEN = 3


def base_rates(test: Asked) -> dict[str, Rate]:
    """By category: how often the most frequent value of each kind is right."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for _, truth in test:
        counts[truth.category, truth.kind][truth.value] += 1
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for (category, _), values in counts.items():
        right[category] += max(values.values())
        asked[category] += values.total()
    return {category: Rate(right[category] / asked[category], asked[category]) for category in sorted(asked)}


def question_only(training: Asked, test: Asked) -> dict[str, Rate]:
    """By category: how often a guess from the question alone is right.

    The guesser is told the kind. It answers what training answered most often to the very same question where that
    came often enough, and otherwise what naive Bayes makes of the question's words and pairs of words.
    """
    kinds: dict[tuple[str, str], _KindGuesser] = defaultdict(_KindGuesser.empty)
    for question, truth in training:
        kinds[truth.category, truth.kind].learn(question, truth.value)
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for question, truth in test:
        asked[truth.category] += 1
        right[truth.category] += kinds[truth.category, truth.kind].guess(question) == truth.value
    return {category: Rate(right[category] / asked[category], asked[category]) for category in sorted(asked)}


@dataclass
class _KindGuesser:
    """What training tells about one kind of one category."""

    exact: dict[str, Counter[str]]
    values: Counter[str]
    features: dict[str, Counter[str]]

    @classmethod
    def empty(cls) -> "_KindGuesser":
        return cls(defaultdict(Counter), Counter(), defaultdict(Counter))

    def learn(self, question: str, value: str) -> None:
        self.exact[question][value] += 1
        self.values[value] += 1
        for feature in _features(question):
            self.features[feature][value] += 1

    def guess(self, question: str) -> str | None:
        if not self.values:
            return None
        if self.exact[question].total() >= _SEEN_OFTEN:
            return _most(self.exact[question])
        known = [self.features[feature] for feature in _features(question) if feature in self.features]
        # A sum that does not depend on the order of a set, which is another one in every process.
        scores = {
            value: math.fsum((math.log(count), *(math.log((seen[value] + 0.5) / (count + 1)) for seen in known)))
            for value, count in self.values.items()
        }
        return max(sorted(scores), key=lambda value: scores[value])


def _most(values: Counter[str]) -> str:
    return max(sorted(values), key=lambda value: values[value])


def _features(question: str) -> set[str]:
    words = ["<s>", *question.split(), "</s>"]
    return {*words, *(f"{first} {second}" for first, second in pairwise(words))}
