"""What a text may hold: characters, and no more of them than a sentence has."""

import math
import re
import reprlib
from collections.abc import Iterator
from typing import Any

from pipeline.errors import UserError
from pipeline.texts.limits import LARGEST_NUMBER, LONGEST_SENTENCE

# Half of a pair that stands for one character in UTF-16: alone it is none, and no file can be written with it. A zero
# ends a text for everything that is written in C.
_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")
_KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80


def check_text(text: str, where: str) -> str:
    """``text`` itself; a `UserError` that begins with ``where`` when it holds what is no character.

    That is a zero, or half of a surrogate pair: from an escape in JSON, or a byte of a command line that is not UTF-8.
    """
    found = _NO_CHARACTER.search(text)
    if found:
        why = "a zero" if found[0] == "\0" else "half of a pair, or not UTF-8"
        raise UserError(f"{where}: {found[0]} is no character ({why}); take it out")
    return text


def check_sentence(value: Any, where: str, *parts: object, blank: bool = False) -> str:
    """``value`` itself, a text of words (``blank``: or of none) that is no longer than anything a person writes.

    Else a `UserError` that begins with ``where``, or ``where % parts``: as of a million sentences most are good, the
    place is put together for one that is not.
    """
    if isinstance(value, str) and len(value) <= LONGEST_SENTENCE and (blank or value.strip()):
        return value
    raise UserError(f"{where % parts if parts else where} {sentence_fault(value, blank)}")


def sentence_fault(value: Any, blank: bool = False) -> str | None:
    """What is wrong with a sentence (see `check_sentence`), as the rest of a line; None: nothing."""
    if not isinstance(value, str):
        return f"is {kind_of(value)}, expected text"
    if len(value) > LONGEST_SENTENCE:
        return f"has {len(value):,} characters, expected at most {LONGEST_SENTENCE:,}; shorten it"
    return None if blank or value.strip() else "is blank, expected words"


def check_content(content: Any, source: str) -> None:
    """`check_text` for every text of lists and mappings, and whether the numbers are such as computers have.

    The error names the place, as in `dialogs[3].caption`.
    """
    try:
        for place, value in _values(content, ""):
            where = f"{source}: {place}" if place else source
            if isinstance(value, str):
                check_text(value, where)
            elif isinstance(value, float) and not math.isfinite(value):
                raise UserError(f"{where}: {value} is no finite number")
            elif isinstance(value, int) and abs(value) >= LARGEST_NUMBER:
                raise UserError(f"{where}: a number of more than 64 bits")
    except RecursionError:
        raise UserError(f"{source}: nested too deeply, or a mapping that holds itself") from None


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    return _KINDS.get(type(value), "a number")


def quoted(value: Any) -> str:
    """``value`` as Python writes it, cut short: a message is one line, whatever is in a file."""
    return _SHORT.repr(value)


def _values(content: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Every value within ``content``, keys too, with its place."""
    yield place, content
    if isinstance(content, list | tuple):
        for number, item in enumerate(content):
            yield from _values(item, f"{place}[{number}]")
    elif isinstance(content, dict):
        for key, item in content.items():
            yield place, key
            yield from _values(item, f"{place}.{key}" if place else f"{key}")
