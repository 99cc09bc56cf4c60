"""Numbers where the configuration has texts: YAML and Snakemake's --config make a number of `2024`."""

import datetime
import math
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

_NUMBERS = (int, float, bool)


def textual(annotation: Any, value: Any) -> Any:
    """``value`` with numbers and dates as texts wherever ``annotation`` asks for a text or a path, and for no number.

    A whole number, or a date, reads as it was typed; of `1.50` only 1.5 is left. True and false are no texts: of YAML's
    `no` nothing is left to tell how it was typed. Raises `ValueError` for keys of a mapping that are then the same, and
    for true or false where a number is asked for, which Python would take for 1 and 0.
    """
    if isinstance(value, str):
        return value
    if get_origin(annotation) is Annotated:
        return textual(get_args(annotation)[0], value)
    if get_origin(annotation) is tuple and isinstance(value, list | tuple):
        return [textual(get_args(annotation)[0], item) for item in value]
    if get_origin(annotation) is dict and isinstance(value, dict):
        keys, values = get_args(annotation)
        found: dict[Any, Any] = {}
        for key, item in value.items():
            name = textual(keys, key)
            if name in found:
                raise ValueError(f"the key {name} stands twice, as a number and as a text; keep one of them")
            found[name] = textual(values, item)
        return found
    return _one(_kinds(annotation), value)


def _one(kinds: set[Any], value: Any) -> Any:
    """`textual` of what is neither a list nor a mapping."""
    if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
        raise ValueError(f"expected a number, found {value}")
    if isinstance(value, bool) or not kinds & {str, Path} or kinds & set(_NUMBERS):
        return value
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    plain_date = isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)
    return value.isoformat() if plain_date else value


def _kinds(annotation: Any) -> set[Any]:
    """The types that ``annotation`` takes."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kinds(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return {kind for part in get_args(annotation) for kind in _kinds(part)}
    return {annotation} if origin is None else set()
