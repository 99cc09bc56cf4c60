"""The key `rescore` of a system that answers: its n best answers put in order again by a system that chooses."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.names import Name
from pipeline.section import Section

Weight = Annotated[float, Field(ge=0, le=1)]
Scale = Literal["list", "validation", "none"]
WEIGHTS = tuple(tenth / 10 for tenth in range(11))


class Rescoring(Section):
    """Answers of a search scored again: weight x (log P + bonus) + (1 - weight) x fit of answer and video."""

    system: Name = Field(description="a system with `task: choose`, whose score is the fit")
    n: int = Field(20, ge=2, le=1000, description="answers of each turn's search that are scored, where it finds them")
    weights: Annotated[tuple[Weight, ...], Field(min_length=1)] = Field(
        WEIGHTS,
        description="of which validation chooses the one of the highest mean CIDEr, of equal ones the largest; 1: the "
        "search's order, 0: the matcher's",
    )
    scale: Scale = Field(
        "validation",
        description="what both scores are divided by: validation: by how much they spread in a turn's list there on "
        "average, one number each; list: by their spread in the turn's own list; none: nothing",
    )
