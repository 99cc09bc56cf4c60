"""The truth behind the answers, and which values of a kind a sentence expresses."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pipeline.files import write_json
from pipeline.texts.typed import Count, Number, read_typed

START = "^"
Forms = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class TurnTruth:
    """What a turn asks: the source of its answer, the kind of value, and the true value."""

    category: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Rate:
    """Right answers out of ``questions``, as a share."""

    accuracy: Number
    questions: Count


@dataclass(frozen=True)
class Truth:
    """The content of truth.json.

    kinds: by kind, by value, the phrases that express it (see `values_in`). turns: by video, in the dialog's order.
    scenes: by video, its facts. base_rates and question_only: by category, how often the most frequent value of each
    kind, and the best guess from the question's words, are right on the test questions.
    """

    kinds: dict[str, dict[str, tuple[str, ...]]]
    turns: dict[str, tuple[TurnTruth, ...]]
    scenes: dict[str, dict[str, str | bool | None]]
    base_rates: dict[str, Rate]
    question_only: dict[str, Rate]


def values_in(sentence: str, forms: Forms) -> set[str]:
    """The values a sentence expresses: those with a phrase of theirs among its white-space tokens.

    ``forms`` gives the phrases of each value; a phrase that begins with `^` counts only at the sentence's beginning.

    >>> sorted(values_in("it is red , not blue .", {"red": ["red"], "blue": ["blue"], "green": ["green"]}))
    ['blue', 'red']
    >>> values_in("yes , no one is there .", {"yes": ["^ yes"], "no": ["^ no"]})
    {'yes'}
    """
    text = f" {START} {' '.join(sentence.split())} "
    return {value for value, phrases in forms.items() if any(f" {phrase} " in text for phrase in phrases)}


def read_truth(path: Path) -> Truth:
    """Read truth.json; `UserError` when it is not one."""
    return read_typed(path, TypeAdapter(Truth), "the truth of generated scenes")


def write_truth(path: Path, truth: Truth) -> None:
    """Write truth.json, atomically."""
    content: dict[str, Any] = asdict(truth)
    write_json(path, content)
