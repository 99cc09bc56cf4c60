"""What the sections of the configuration share."""

from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, core_schema

from pipeline.section import Section

LEARNED_FROM = ("training", "validation")
"""Splits that a training reads."""
TestSet = Literal["trial", "official", "test"]
CHALLENGE: tuple[TestSet, ...] = ("trial", "official")
"""The challenge's test sets, Tables 2 and 3."""
TEST_SETS: tuple[TestSet, ...] = (*CHALLENGE, "test")
"""Those, and the one of a corpus of captions."""
SPLITS = (*LEARNED_FROM, *TEST_SETS)
Split = Literal["training", "validation", "test"]
"""Splits of a corpus of captions."""
MOST_ENTRIES = 1000
"""Of one list or mapping, and of `systems` with all that is written out for them."""
Seeds = Annotated[int, Field(ge=1, le=100)]
"""Times that a system is trained."""
Folds = Annotated[int, Field(ge=2, le=100)]
"""Describers that are trained for one reader, each without a part of the videos."""
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""What random numbers start from."""


class Overrides:
    """Marks a mapping of values that are laid over ``sections``: it is checked as one of them, and stays what it is.

    One section: at once. Of several, whoever knows which one it is checks it.
    """

    def __init__(self, *sections: type[Section]) -> None:
        self.sections = sections

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def _checked(self, values: dict[str, Any]) -> dict[str, Any]:
        if len(self.sections) == 1:
            self.sections[0].model_validate(values)
        return values


def mapping(value: Any) -> dict[Any, Any]:
    """A section before it is validated; an empty one where it is no mapping, which validation then names."""
    return value if isinstance(value, dict) else {}


def entries(values: dict[Any, Any], section: str) -> dict[Any, dict[Any, Any]] | None:
    """The entries of a section before they are validated; None where they are none."""
    found = values.get(section)
    return found if isinstance(found, dict) and all(isinstance(entry, dict) for entry in found.values()) else None


def number(kind: TypeAdapter[int], value: Any) -> int | None:
    """A whole number as validation will take it; None where it will not."""
    try:
        return None if isinstance(value, bool) else kind.validate_python(value)
    except ValidationError:
        return None
