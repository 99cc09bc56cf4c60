"""What the sections of the configuration share."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from pipeline.config.textual import textual

LEARNED_FROM = ("training", "validation")
"""Splits that a training reads."""
TestSet = Literal["trial", "official", "test"]
CHALLENGE: tuple[TestSet, ...] = ("trial", "official")
"""The challenge's test sets, Tables 2 and 3."""
TEST_SETS: tuple[TestSet, ...] = (*CHALLENGE, "test")
"""Those, and the one of a corpus of captions."""
SPLITS = (*LEARNED_FROM, *CHALLENGE)
Split = Literal["training", "validation", "test"]
"""Splits of a corpus of captions."""


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values immutable, numbers are texts where texts are asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _numbers_as_texts(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        fields = cls.model_fields
        return {key: textual(fields[key].annotation, item) if key in fields else item for key, item in values.items()}
