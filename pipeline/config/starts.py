"""What a system starts from instead of fresh weights: the key `init_from` of a system."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from pipeline.config.base import Overrides
from pipeline.config.training import Training
from pipeline.names import Name, Place, Question
from pipeline.section import Section

MADE = "scenes"
"""Instead of a caption file: the captions that the generator makes with the scenes."""


class Start(Section):
    """Weights to start from, taken over where they fit by name and size, words by spelling; running moments with them.

    They are those of a trained model's folder, of another system of this configuration, or of a pretraining on captions
    that the workflow does first: a system with the same task, network and sizes. Where it answers, each caption answers
    one question; captions are what it describes a video by, chooses among, finds a video by, or fills a blank of. No
    concept words are made of them, for a system to detect or for its network to read.
    """

    model: Place | None = Field(None, description="a trained model's folder; `init_from: FOLDER` is short for it")
    system: Name | None = Field(None, description="another system of this configuration, trained first")
    captions: Place | None = Field(
        None,
        description="captions to pretrain on: a file, a folder with How2's, or `scenes`: those made with the scenes",
    )
    ids: Place | None = Field(
        None, description="How2's ids of `captions`, where that is a text file of sentences alone"
    )
    question: Question = Field("what happens in the video ?", description="what each caption answers")
    npy: dict[Name, Place] = Field(
        {}, description="features of the captions' videos: folders of <video id>.npy; the others are not seen"
    )
    training: Annotated[dict[str, Any], Overrides(Training)] = Field(
        {}, description="of the pretraining: overrides of the system's own"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.model, self.system, self.captions)) != 1:
            raise ValueError("give one of model, system and captions (null takes one back that a file before has set)")
        own = [key for key in ("ids", "question", "npy", "training") if getattr(self, key) != _default(key)]
        if self.captions is None and own:
            raise ValueError(f"{', '.join(own)}: only with captions")
        return self

    @property
    def made(self) -> bool:
        """Whether the captions are those of the generator."""
        return self.captions is not None and str(self.captions) == MADE

    def __str__(self) -> str:
        if self.captions is not None:
            return f"a pretraining on captions ({self.captions})"
        return str(self.model) if self.system is None else f"the system {self.system}"


def _default(key: str) -> Any:
    return Start.model_fields[key].default


def _written_short(value: Any) -> Any:
    """A folder stands for itself."""
    return value if value is None or isinstance(value, dict | Start) else {"model": value}


InitFrom = Annotated[Start | None, BeforeValidator(_written_short, json_schema_input_type=Path | Start | None)]
