"""Answering questions about a video in a dialog about it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from pipeline.config.systems import Description, Loss, System, SystemDescription, plain
from pipeline.scoring.names import METRICS
from pipeline.tasks.base import Task
from pipeline.tasks.shown import ShownConcepts

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.corpus.dialogs import Dialog
    from pipeline.dataset.dialogs import Examples
    from pipeline.dataset.features import Store
    from pipeline.dataset.views import View
    from pipeline.scoring.request import Request
    from pipeline.vocabulary.words import Vocabulary


class AnswerSystem(ShownConcepts):
    """A system that answers questions about a video in a dialog about it."""

    asked: ClassVar[bool] = True

    task: Literal["answer"] = Field("answer", description="what the system does")
    history: bool = Field(True, description="whether it sees the dialog so far")
    description: SystemDescription = Field(SystemDescription(), description="in front of the question")
    loss: Loss = Field("ce", description="ce: cross entropy; st: eq. 9; st_context: eq. 10; joint: eq. 11")

    def told(self, when: Literal["train", "test"]) -> Description:
        """The description in front of the question."""
        return self.description.train if when == "train" else self.description.test

    def on_captions(self) -> dict[str, Any]:
        """Nothing is told or shown: each caption is an answer."""
        return {"description": SystemDescription(), **super().on_captions()}

    def made_of(self) -> dict[str, Any]:
        """Whether the network has an encoder for the dialog so far, and sees concept words."""
        return {"history": self.history, **super().made_of()}

    def learned_from(self) -> dict[str, Any]:
        """What is told in training."""
        return {"description": {"train": plain(self.description.train)}}

    def tested_with(self) -> dict[str, Any]:
        """What is told at test."""
        return {"description": {"test": plain(self.description.test)}}

    def looks_back(self) -> bool:
        """Whether it sees the dialog so far."""
        return self.history


class Answer(Task):
    """A turn: question, history and answer. Perplexity; the challenge's result file; BLEU to CIDEr."""

    name = "answer"
    entry = AnswerSystem
    does = "answers questions about a video in a dialog"
    metrics = METRICS

    def examples(
        self,
        entry: System,  # noqa: ARG002, all turns of a dialog, whatever the entry says
        dialogs: "Sequence[Dialog]",
        vocabulary: "Vocabulary",
        stores: "Mapping[str, Store]",
        views: "Mapping[str, View]",
        cache_bytes: int = 1 << 30,
    ) -> "Examples":
        """The turns of the dialogs."""
        from pipeline.dataset.dialogs import DialogDataset

        return DialogDataset(dialogs, vocabulary, stores, views, cache_bytes=cache_bytes)

    def write(self, config: "Config", name: str, test_set: str) -> None:
        """The test set's JSON with the answers filled in."""
        from pipeline.answers.generate import answer

        answer(config, name, test_set)

    def references(self, entry: System, test_set: str) -> str:  # noqa: ARG002, the same for all
        """The answers of a test set, up to six a turn."""
        return test_set

    def score(self, request: "Request") -> None:
        """BLEU, METEOR, ROUGE-L and CIDEr of the answers."""
        from pipeline.scoring.score import score_files

        score_files(**request.given())
