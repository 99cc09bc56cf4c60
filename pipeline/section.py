"""What all sections of the configuration share, the sizes of networks too: how their values are taken."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from pipeline.textual import textual


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values immutable, numbers finite.

    Numbers are texts where texts are asked for, and true is no number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    @field_validator("*", mode="before")
    @classmethod
    def _as_meant(cls, value: Any, info: ValidationInfo) -> Any:
        assert info.field_name is not None
        return textual(cls.model_fields[info.field_name].annotation, value)
