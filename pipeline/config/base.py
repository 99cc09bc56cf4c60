"""What the sections of the configuration share."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

SPLITS = ("training", "validation", "trial", "official")
TestSet = Literal["trial", "official"]
TEST_SETS: tuple[TestSet, ...] = ("trial", "official")


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)
