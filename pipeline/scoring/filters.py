r"""The challenges' stop filters, which the published figures depend on.

Their scripts read a stop list as regular expressions of whole white-space tokens and drop what one of them matches.

* `dstc7` (`,` and `.`): the dot is not escaped, so every token of one character goes ("a", "i", "2"), not only full
  stops. Tables 2 and 3 of the paper, the DSTC7 challenge's figures and its published baseline log.
* `dstc8` (`,` and `\.`): escaped; commas and full stops alone go. The DSTC8 challenge's figures.
* `none`: nothing goes, and the sentence stays as it is.
"""

import re
from collections.abc import Sequence
from typing import get_args

from pipeline.config import OTHER_NAMES, Filter
from pipeline.errors import UserError

_PATTERNS: dict[str, re.Pattern[str]] = {"dstc7": re.compile(r"^,$|^.$"), "dstc8": re.compile(r"^,$|^\.$")}
FILTERS: tuple[Filter, ...] = get_args(Filter)


def filter_named(name: str) -> Filter:
    """The filter of this name or other name; `UserError` for one that does not exist."""
    for known in FILTERS:
        if name == known or OTHER_NAMES.get(name) == known:
            return known
    others = ", ".join(f"{other} ({known})" for other, known in OTHER_NAMES.items())
    raise UserError(f"filter {name!r} is not known: choose one of {', '.join(FILTERS)}; other names: {others}")


def apply_filter(name: str, sentence: str) -> str:
    """``sentence`` without the white-space tokens that filter ``name`` drops, those left joined by single blanks."""
    known = filter_named(name)
    if known == "none":
        return sentence
    return " ".join(token for token in sentence.split() if not _PATTERNS[known].match(token))


def filters_references(references: Sequence[Sequence[str]]) -> bool:
    """Whether the filter goes over the references too.

    It does where every item has exactly one reference: those are answers of a dialog file, untouched (the trial set).
    A set with several references an item is a reference file given ready-made, as the organisers' six-reference file
    is, and stays as it is.
    """
    return all(len(sentences) == 1 for sentences in references)
