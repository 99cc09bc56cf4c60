"""JSON of known types: what the workflow wrote and reads again, and the truth of generated scenes."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from pipeline.errors import UserError
from pipeline.inert import shown
from pipeline.texts.json_files import read_json

T = TypeVar("T")
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A finite number: no text that looks like one, neither true nor false."""
Count = Annotated[int, Field(strict=True, ge=0)]
"""A whole number from 0 on."""


def read_typed(path: Path, kind: TypeAdapter[T], expected: str) -> T:
    """The content of a JSON file as ``kind`` has it; ``expected`` says in errors what it is, and how to get one."""
    return typed(read_json(path), kind, str(path), expected)


def typed(content: Any, kind: TypeAdapter[T], source: str, expected: str) -> T:
    """``content`` as ``kind`` has it. Raises `UserError` with the first place that is otherwise."""
    try:
        return kind.validate_python(content)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(shown(part)[:80] for part in problem["loc"])
        raise UserError(f"{source}: {where + ': ' if where else ''}{problem['msg']}; expected {expected}") from None
