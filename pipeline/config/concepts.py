"""Concept words: which ones there are (the section `concepts`), and the entry's key by which a system reads them."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.base import Folds
from pipeline.config.folds import FOLDS
from pipeline.config.readings import Reading, unseen
from pipeline.names import Name, Text
from pipeline.section import Section

About = Literal["summary", "caption", "both", "captions", "answers"]
"""Texts about a video: a person's description of it, or the answers of its dialog."""
WordClass = Literal["noun", "verb", "adjective", "adverb"]
Detected = Annotated[int, Field(ge=1, le=1000)]
"""Concept words of a video."""


class ConceptWords(Section):
    """The concept words, V_c: the most frequent nouns, verbs and adjectives of texts about the training videos."""

    count: int = Field(2000, ge=1, le=1_000_000, description="words at most; equally frequent ones go by alphabet")
    texts: tuple[About, ...] = Field(("summary",), min_length=1, description="texts that are counted")
    classes: tuple[WordClass, ...] = Field(
        ("noun", "verb", "adjective"), min_length=1, description="classes of words that are taken"
    )
    min_count: int = Field(2, ge=1, le=1_000_000, description="a word must occur this often in these texts")
    leave_out: tuple[Text, ...] = Field(
        (),
        description="words that are not taken; forms of be, do and have, modal verbs and numbers have none of the "
        "classes anyway",
    )


class DetectedBy(Section):
    """Words that a detecting system of this configuration has found in a video.

    Of training videos each by a detector that has not learned from it, unless one says otherwise.
    """

    system: Name = Field(description="a system with `task: detect`")
    k: Detected = Field(10, description="words of a video that are read, the most likely ones")
    place: Literal["modality", "question"] = Field(
        "modality",
        description="modality: attended at every word, as the steps of a feature are; question: in front of the "
        "question, as a description is",
    )
    folds: Folds = Field(FOLDS, description="detectors that are trained for it, each without a part of the videos")
    in_sample: bool = Field(
        False, description="by the one detector that has learned from them all: it is better than any at test"
    )

    def readings(self, split: str) -> list[Reading]:
        """What is read of the videos of a split."""
        return unseen(self.system, split, self.folds, self.in_sample)
