"""Describing a video: a sentence from its features alone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.folds import Fold
from pipeline.config.systems import fields_of
from pipeline.corpus.sentences import Target, reference_name
from pipeline.scoring.names import METRICS, OPTIONS
from pipeline.tasks.base import Task
from pipeline.tasks.shown import ShownConcepts

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.corpus.dialogs import Dialog
    from pipeline.dataset.dialogs import Examples
    from pipeline.dataset.sources import Sources
    from pipeline.scoring.request import Request

Loss = Literal["ce", "rep", "rep_ce"]


class DescribeSystem(ShownConcepts):
    """A system that writes a sentence about a video: it is asked nothing and sees no dialog."""

    describes: ClassVar[bool] = True
    learns_captions: ClassVar[bool] = True

    task: Literal["describe"] = Field("describe", description="what the system does")
    target: Target = Field(
        "summary",
        description="what it learns to write: a person's summary, caption, or both (two sentences); captions: all of a "
        "corpus of captions",
    )
    loss: Loss = Field(
        "ce",
        description="ce: cross entropy; rep: L_rep; rep_ce: L_rep + L_CE; students of the latter two start from "
        "their teacher",
    )
    fold: Fold | None = Field(
        None, description="leave a part of the training videos out; planned where a system's `folds` ask for it"
    )

    def counted(self) -> frozenset[str]:
        """What it writes."""
        return frozenset(fields_of(self.target))

    def on_captions(self) -> dict[str, Any]:
        """It writes them; no part of another corpus's videos is left out."""
        return {"target": "captions", "fold": None, **super().on_captions()}

    def learned_from(self) -> dict[str, Any]:
        """The sentences."""
        return {"target": self.target, **({} if self.fold is None else {"fold": self.fold.model_dump()})}

    def tested_with(self) -> dict[str, Any]:
        """Whose sentences are written: a fold's are those of the videos left out."""
        return {} if self.fold is None else {"fold": self.fold.model_dump()}

    @model_validator(mode="after")
    def _sees(self) -> Self:
        if self.network is not None and not self.features:
            raise ValueError("features: none, so there is nothing to describe; name at least one (videos are needed)")
        return self


class Describe(Task[DescribeSystem]):
    """A video and its sentences. Perplexity; {video id: sentence}; BLEU to CIDEr against the sentences."""

    name = "describe"
    entry = DescribeSystem
    does = "describes a video in a sentence"
    metrics = METRICS
    scored_with = tuple(OPTIONS)
    file = "video_descriptions"

    def learns_from(self, entry: DescribeSystem, split: str, dialogs: "Sequence[Dialog]") -> "list[Dialog]":
        """Dialogs about videos that have a sentence, and are not in the fold that is left out."""
        from pipeline.corpus.folds import left_out
        from pipeline.corpus.sentences import sentences

        kept = left_out(dialogs, entry.fold if split == "training" else None)
        return [dialog for dialog in kept if sentences(dialog, entry.target)]

    def examples(self, entry: DescribeSystem, dialogs: "Sequence[Dialog]", sources: "Sources") -> "Examples":
        """Each sentence is what a dialog of no questions says about its video."""
        from pipeline.corpus.dialogs import Dialog, Turn
        from pipeline.corpus.sentences import sentences
        from pipeline.dataset.dialogs import DialogDataset

        told = [
            Dialog(dialog.video_id, "", "", tuple(Turn("", text) for text in sentences(dialog, entry.target)))
            for dialog in dialogs
        ]
        return DialogDataset(told, sources.vocabulary, sources.stores, sources.views, cache_bytes=sources.cache_bytes)

    def write(self, config: "Config", name: str, test_set: str) -> None:
        """A sentence for each video."""
        from pipeline.answers.describe import describe

        describe(config, name, test_set, self.entry_of(config, name).fold)

    def references(self, entry: DescribeSystem, test_set: str) -> str:
        """What people wrote about the test set's videos."""
        return reference_name(test_set, entry.target)

    def score(self, request: "Request") -> None:
        """BLEU, METEOR, ROUGE-L and CIDEr of the sentences; on scenes, which stated facts are true."""
        from pipeline.scoring.described import DESCRIPTIONS
        from pipeline.scoring.score import score_files

        score_files(**request.given(), kind=DESCRIPTIONS)
