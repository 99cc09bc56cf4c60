"""A scores file read again: what `score` and `described` write, or a task of another package."""

from pathlib import Path
from typing import Any, NotRequired

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from pipeline.texts.typed import Count, Number, read_typed

_EXTRA = ConfigDict(extra="allow")


@with_config(_EXTRA)
class Comparison(TypedDict):
    """With another system: the difference and its p, by metric."""

    metrics: dict[str, dict[str, Number]]


@with_config(_EXTRA)
class Part(TypedDict):
    """Right answers of a category, out of so many."""

    right: Count
    of: Count
    base_rate: Number
    question_only: NotRequired[Number]


@with_config(_EXTRA)
class Scores(TypedDict):
    """The content of the file; of a task of another package the metrics alone are known."""

    metrics: dict[str, Number]
    intervals: NotRequired[dict[str, tuple[Number, Number]]]
    against: NotRequired[Comparison | None]
    grounded: NotRequired[dict[str, Part] | None]
    lengths: NotRequired[dict[str, Number]]
    signature: NotRequired[dict[str, Any]]
    items: NotRequired[dict[str, dict[str, Number]]]


_SCORES = TypeAdapter(Scores)


def read_scores_file(path: Path) -> dict[str, Any]:
    """The scores of one system on one test set; `UserError` where something of them is of another type or no number."""
    scores = read_typed(path, _SCORES, "the scores of `avsd score`; score the answers again")
    return dict(scores)
