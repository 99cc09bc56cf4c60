"""What the entries of tasks have whose networks can see concept words."""

from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from pipeline.config.concepts import DetectedBy
from pipeline.config.systems import System, plain


class ShownConcepts(System):
    """A system whose network can see the words that a detector has found in a video."""

    made_once: ClassVar[tuple[str, ...]] = (*System.made_once, "concepts")

    concepts: DetectedBy | None = Field(
        None, description="words that a detector has found in the video, for the network to see; null: none"
    )

    def shown(self) -> DetectedBy | None:
        """Whose concept words its network sees, in training and at test."""
        return self.concepts

    def on_captions(self) -> dict[str, Any]:
        """Nobody has found words in the videos of another corpus."""
        return {"concepts": None}

    def made_of(self) -> dict[str, Any]:
        """Whether the network sees concept words, and where."""
        return {} if self.concepts is None else {"concepts": plain(self.concepts)}

    @model_validator(mode="after")
    def _where_words_stand(self) -> Self:
        if self.concepts is not None and self.concepts.place == "question" and not self.asked:
            raise ValueError("concepts.place: question, but it is asked none; give modality")
        return self
