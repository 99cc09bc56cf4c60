"""Grounded accuracy on generated scenes: does the answer say what is true, not only what sounds like it?"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.corpus.references import Key
from pipeline.corpus.scenes.truth import Truth, TurnTruth, values_in
from pipeline.errors import UserError


def grounded(
    keys: Sequence[Key], hypotheses: Sequence[str], truth: Truth, source: str
) -> tuple[dict[str, dict[str, Any]], list[bool]]:
    """Accuracy by question category, and whether each of the N ``hypotheses`` is right.

    A hypothesis is right when the values of the asked kind that it expresses are exactly the true one. By category:
    `right`, `of`, `base_rate` (what always giving the most frequent value of each kind would reach on the same turns),
    `question_only` where the corpus measured it (what the best guess from the question's words reaches), and the
    same of each kind under `kinds`. Raises `UserError` naming ``source`` and the turn without a ground truth.
    """
    facts = [_fact(truth, key, source) for key in keys]
    right = [
        values_in(hypothesis, truth.kinds[fact.kind]) == {fact.value}
        for hypothesis, fact in zip(hypotheses, facts, strict=True)
    ]
    by_category: defaultdict[str, defaultdict[str, list[tuple[TurnTruth, bool]]]]
    by_category = defaultdict(lambda: defaultdict(list))
    for fact, correct in zip(facts, right, strict=True):
        by_category[fact.category][fact.kind].append((fact, correct))
    accuracy: dict[str, dict[str, Any]] = {}
    for category, kinds in by_category.items():
        parts = {kind: _count(answered) for kind, answered in kinds.items()}
        asked = sum(part["of"] for part in parts.values())
        accuracy[category] = {
            "right": sum(part["right"] for part in parts.values()),
            "of": asked,
            "base_rate": sum(part["base_rate"] * part["of"] for part in parts.values()) / asked,
            "kinds": parts,
        }
        if category in truth.question_only:
            accuracy[category]["question_only"] = truth.question_only[category].accuracy
    return accuracy, right


def categories(keys: Sequence[Key], truth: Truth) -> dict[str, NDArray[np.bool_]]:
    """Which of the N turns ``keys`` belong to each question category (N,), and to `all`; their truth is known."""
    asked = np.array([truth.turns[video][turn].category for video, turn in keys])
    return {"all": np.ones(len(keys), dtype=np.bool_), **{str(name): asked == name for name in dict.fromkeys(asked)}}


def _count(answered: Sequence[tuple[TurnTruth, bool]]) -> dict[str, Any]:
    most_frequent = Counter(fact.value for fact, _ in answered).most_common(1)[0][1]
    return {
        "right": sum(correct for _, correct in answered),
        "of": len(answered),
        "base_rate": most_frequent / len(answered),
    }


def _fact(truth: Truth, key: Key, source: str) -> TurnTruth:
    video, turn = key
    known = truth.turns.get(video, ())
    if turn >= len(known):
        raise UserError(f"{source}: no ground truth for {video} turn {turn}; give the truth.json of the same scenes")
    return known[turn]
