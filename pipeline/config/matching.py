"""The section `matching`: systems beside the run that compare sentences with videos, or read concept words."""

from typing import Annotated

from pydantic import Field

from pipeline.config.base import Seed, TestSet
from pipeline.names import Name, Place
from pipeline.section import Section

Distractors = Annotated[int, Field(ge=1, le=10_000)]


class Matching(Section):
    """Choosing, retrieving, filling, detecting: `snakemake matching` makes these beside the run, and tables of them."""

    run: tuple[Name, ...] = Field(
        (),
        description="systems of the tasks choose, retrieve, fill and detect, and others that are to stand beside those "
        "that see concept words; empty: none",
    )
    distractors: Distractors = Field(
        4, description="wrong answers beside the right one, of other dialogs (99 as Visual Dialog has it)"
    )
    seed: Seed = Field(1, description="which wrong answers, and which blanks, are drawn")
    candidates: dict[TestSet, Place] = Field(
        {},
        description="by test set a file of candidates in place of those drawn here: this project's JSON (`avsd corpus "
        "candidates`) or published questions; `captions.choices` is this key of captions, and takes videos out too",
    )
    blanks: dict[TestSet, Place] = Field(
        {},
        description="by test set a file of blanks in place of those drawn here: this project's JSON (`avsd corpus "
        "blanks`), or published ones, which go with `text: captions`",
    )
