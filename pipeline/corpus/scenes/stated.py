"""What a description of a scene states: each fact in the clause that it belongs to."""

import re
from collections.abc import Iterator, Mapping

from pipeline.corpus.scenes.truth import Forms, values_in

FACTS: Mapping[str, Mapping[str, str]] = {
    "picture": {"shape": "shape", "colour": "colour", "count": "count", "place": "place"},
    "motion": {"direction": "direction", "speed": "speed"},
    "order": {"first": "action", "second": "action"},
    "sound": {"sound": "sound", "when": "when"},
}
"""By what one has to look at, or listen to: a scene's facts, and the kind of value each has."""
_CLAUSES: Mapping[str, tuple[str, ...]] = {"place": ("bar",), "first": ("first",), "second": ("then", "later")}
"""Facts that share their words with another one: the words that tell which clause is theirs."""


def stated(sentence: str, kinds: Mapping[str, Forms]) -> dict[str, set[str]]:
    """The values that a description states, by fact of `FACTS`; none where it says nothing of a fact.

    kinds: what expresses a value, as truth.json has it.

    >>> from pipeline.corpus.scenes.language import FORMS
    >>> text = "two red stars moving to the left slowly , first flashing , then shaking . a bar at the top ."
    >>> said = stated(text, FORMS)
    >>> said["direction"], said["place"], said["first"], said["second"], said["sound"]
    ({'left'}, {'top'}, {'flash'}, {'shake'}, set())
    """
    clauses = list(_clauses(sentence))
    found: dict[str, set[str]] = {}
    for facts in FACTS.values():
        for fact, kind in facts.items():
            own = [text for owner, text in clauses if owner == (fact if fact in _CLAUSES else None)]
            found[fact] = set().union(*(values_in(text, kinds[kind]) for text in own))
    return found


def _clauses(sentence: str) -> Iterator[tuple[str | None, str]]:
    """The clauses of a sentence, each with the fact that it alone is about, if there is one."""
    for clause in re.split(r" [,.;] | [,.;]$", f"{sentence} "):
        words = clause.split()
        owner = next((fact for fact, marks in _CLAUSES.items() if any(mark in words for mark in marks)), None)
        yield owner, clause
