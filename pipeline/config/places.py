"""Where in the configuration an error of validation is, and what was meant: the key, and the keys there are."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import Tag
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from pipeline.config.base import Overrides
from pipeline.inert import shown
from pipeline.names import NAME_BYTES, listed, shortened
from pipeline.section import Section

_EXPECTED = {"string_type": "a text", "path_type": "a text", "tuple_type": "a list", "dict_type": "a mapping of keys"}
_EXPECTED |= {"model_type": "a mapping of keys", "model_attributes_type": "a mapping of keys"}


def first_of(root: type[Section], errors: Sequence[ErrorDetails]) -> str:
    """One line about the first of the errors: the key, and what is wrong with it.

    Of a value that may be one of several kinds, each kind has its error: that of the kind that was meant goes deepest.
    """
    found = [(*_place(root, error), error) for error in errors]
    begin = found[0][0]
    place, there, error = max((each for each in found if each[0][: len(begin)] == begin), key=lambda each: len(each[0]))
    others = {each for each, _, _ in found if each[: len(begin)] != begin}
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] in _EXPECTED:
        given = error["input"]
        unquoted = error["type"] in ("string_type", "path_type") and not isinstance(given, list | tuple | dict | None)
        message = f"expected {_EXPECTED[error['type']]}, found {shortened(given)}"
        message += "; put quotes around it" if unquoted else ""
    if error["type"] == "extra_forbidden":
        message = f"no such key{_of_task(error['loc'])}{meant(place[-1], there)}"
    more = f" (and {len(others)} more)" if others else ""
    return shown(f"{'.'.join(place) + ': ' if place else ''}{message}{more}")


def meant(given: str, there: Sequence[str]) -> str:
    """What to give instead: the name that is spelled most like ``given``, or those there are.

    >>> meant("epoch", ["batch", "epochs"]), meant("x", ["batch"])
    ('; did you mean epochs?', ' (batch)')
    """
    close = get_close_matches(given[:200], there, 1)
    return f"; did you mean {close[0]}?" if close else f" ({listed(there)})"


def _of_task(loc: tuple[int | str, ...]) -> str:
    return f" of a system with task {loc[2]}" if loc[0] == "systems" and len(loc) == 4 else ""


def _place(root: type[Section], error: ErrorDetails) -> tuple[tuple[str, ...], list[str]]:
    """The keys that lead to an error, and those there are beside the last of them.

    What pydantic names between them are the kinds that a value may have: these say which keys there are.
    """
    kept: list[str] = []
    there: list[str] = []
    kinds: list[tuple[str, Any]] = [("", root)]
    loc = error["loc"]
    if loc[-1:] == ("[key]",):
        loc = loc[:-2]  # what is wrong is the key, and the message has it
    for number, part in enumerate(loc):
        fields = {name: field for _, kind in kinds if _is_section(kind) for name, field in kind.model_fields.items()}
        inside = [get_args(kind)[-1 if get_origin(kind) is dict else 0] for _, kind in kinds if get_args(kind)]
        if part in fields:
            kinds = list(_kinds(fields[str(part)]))
        elif inside:
            kinds = [each for kind in inside for each in _kinds(kind)]
        elif number < len(loc) - 1 or error["type"] not in ("extra_forbidden", "invalid_key"):
            kinds = [each for each in kinds if each[0] == part] or kinds
            continue
        kept.append(str(part) if len(str(part)) <= NAME_BYTES else f"{str(part)[:NAME_BYTES]}...")
        there = sorted(fields)
    return tuple(kept), there


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _kinds(annotation: Any) -> Iterator[tuple[str, Any]]:
    """What a value may be, as pydantic names it: sections, and lists and mappings with what is in them."""
    if isinstance(annotation, FieldInfo):
        marks, annotation = annotation.metadata, annotation.annotation
    elif get_origin(annotation) is Annotated:
        annotation, *marks = get_args(annotation)
    else:
        marks = []
    if laid_over := [each for mark in marks if isinstance(mark, Overrides) for each in mark.sections]:
        yield from ((each.__name__, each) for each in laid_over)
        return
    tag = next((str(mark.tag) for mark in marks if isinstance(mark, Tag)), "")
    if get_origin(annotation) in (Union, UnionType, Annotated):
        inner = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
        yield from ((tag or name, kind) for each in inner for name, kind in _kinds(each))
    elif get_origin(annotation) in (tuple, dict) or _is_section(annotation):
        yield tag or getattr(annotation, "__name__", ""), annotation
