"""The organisers' stop filter, which the published figures depend on.

The organisers' script reads a stop list of `,` and `.` as the regular expressions `^,$` and `^.$` and drops every
white-space token that one of them matches. The dot is not escaped, so every token of one character goes ("a", "i",
"2"), not only full stops.
"""

import re
from collections.abc import Sequence

from pipeline.errors import UserError

_PATTERNS: dict[str, re.Pattern[str] | None] = {
    "organisers": re.compile(r"^,$|^.$"),
    "punctuation": re.compile(r"^,$|^\.$"),
    "none": None,
}
FILTERS = tuple(_PATTERNS)


def check_filter(name: str) -> None:
    """Raise `UserError` for a filter that does not exist."""
    if name not in _PATTERNS:
        raise UserError(f"filter {name!r} is not known: choose one of {', '.join(FILTERS)}")


def apply_filter(name: str, sentence: str) -> str:
    """``sentence`` without the white-space tokens that filter ``name`` drops; white space becomes single spaces."""
    pattern = _PATTERNS[name]
    return " ".join(token for token in sentence.split() if pattern is None or not pattern.match(token))


def filters_references(references: Sequence[Sequence[str]]) -> bool:
    """Whether the filter goes over the references too.

    It does where every item has exactly one reference: those are answers of a dialog file, untouched (the trial set).
    A set with several references an item is a reference file given ready-made, as the organisers' six-reference file
    is, and stays as it is.
    """
    return all(len(sentences) == 1 for sentences in references)
