"""JSON: each key once in its object, numbers and characters that are some, no more values than memory has.

Read by jiter, which finds a repeated key on the way and is no slower than Python's own reader, which cannot.
"""

import contextlib
import json
from pathlib import Path
from typing import Any

import jiter

from pipeline.errors import UserError
from pipeline.texts.checking import check_content, check_text
from pipeline.texts.collector import paused
from pipeline.texts.limits import VALUES_PER_MB, raise_to, text_mb
from pipeline.texts.plain import read_text

_WEIGHTS = {",": 1, "[": 1, "{": 3}
"""How many values a mark stands for at most, as memory goes."""
_MOST_A_CHARACTER = 4 / 3
"""`{},` has four."""
_WORDS = {
    "Detected duplicate key": "a key stands twice in one object:",
    "recursion limit exceeded": "nested too deeply,",
    "number out of range": "a number of too many digits,",
}
"""What jiter says, in words that a user of this project has met."""


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    return parse_json(read_text(path, "a JSON file"), str(path))


def parse_json(text: str, source: str) -> Any:
    """The content of a JSON ``text``; ``source`` names it in errors."""
    _check_count(text, source)
    try:
        with paused():
            content = jiter.from_json(text.encode(), allow_inf_nan=False, cache_mode="keys", catch_duplicate_keys=True)
    except UnicodeEncodeError:
        check_text(text, source)
        raise
    except ValueError as error:
        reason = str(error)
        if "hex escape" in reason:
            _name_half_of_a_pair(text, source)
        for said, meant in _WORDS.items():
            reason = reason.replace(said, meant)
        raise UserError(f"{source}: not a JSON file that can be read ({_short(reason)})") from None
    if r"\u0000" in text:
        check_content(content, source)
    return content


def _name_half_of_a_pair(text: str, source: str) -> None:
    """A `UserError` that says in which entry it is, where jiter knows the line."""
    with contextlib.suppress(ValueError, RecursionError):
        check_content(json.loads(text), source)


def _short(reason: str) -> str:
    """A reason without the middle of a key that is long."""
    return reason if len(reason) <= 200 else f"{reason[:120]} ... {reason[-60:]}"


def _check_count(text: str, source: str) -> None:
    most = VALUES_PER_MB * text_mb()
    if len(text) * _MOST_A_CHARACTER <= most:
        return
    count = sum(weight * text.count(mark) for mark, weight in _WEIGHTS.items())
    if count > most:
        raise UserError(
            f"{source}: up to {count / 1e6:.1f} million values, expected at most {most / 1e6:g} million; "
            f"{raise_to(count / VALUES_PER_MB)}"
        )
