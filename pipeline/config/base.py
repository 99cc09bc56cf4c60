"""What the sections of the configuration share."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from pipeline.config.textual import textual

LEARNED_FROM = ("training", "validation")
"""Splits that a training reads."""
SPLITS = (*LEARNED_FROM, "trial", "official")
TestSet = Literal["trial", "official"]
TEST_SETS: tuple[TestSet, ...] = ("trial", "official")


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
