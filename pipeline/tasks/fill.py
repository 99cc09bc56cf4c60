"""Naming the word that is missing in a sentence about a video."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.systems import fields_of
from pipeline.config.training import Training
from pipeline.corpus.blanks import BlankText, reference_name
from pipeline.networks.sizes import Ability
from pipeline.scoring.names import FILLED
from pipeline.tasks.base import Task
from pipeline.tasks.shown import ShownConcepts

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.corpus.dialogs import Dialog
    from pipeline.dataset.blanks import BlankExamples
    from pipeline.dataset.sources import Sources
    from pipeline.networks.base import Network
    from pipeline.scoring.request import Request
    from pipeline.training.learner import Learning
    from pipeline.training.measure import Measure


class FillSystem(ShownConcepts):
    """A system that names the word at the blank of a sentence. Without features it goes by the sentence alone."""

    needs: ClassVar[Ability] = "fill"
    learns_captions: ClassVar[bool] = True

    task: Literal["fill"] = Field("fill", description="what the system does")
    loss: Literal["blank"] = Field("blank", description="blank: cross entropy of the missing word")
    text: BlankText = Field(
        "answer",
        description="the sentences: answer, with its question in front; summary; captions: all of a corpus of captions",
    )
    history: bool = Field(False, description="whether the dialog so far stands in front of an answer's question")

    def counted(self) -> frozenset[str]:
        """The sentences, as far as no dialog has their words."""
        return frozenset(fields_of(self.text))

    def on_captions(self) -> dict[str, Any]:
        """It fills blanks of them."""
        return {"text": "captions", "history": False, **super().on_captions()}

    def learned_from(self) -> dict[str, Any]:
        """The sentences, and what stands in front."""
        return {"text": self.text, "history": self.history}

    def tested_with(self) -> dict[str, Any]:
        """The same."""
        return self.learned_from()

    @model_validator(mode="after")
    def _sees_back(self) -> Self:
        if self.history and self.text != "answer":
            raise ValueError(f"history goes with text: answer; in front of text: {self.text} there is no dialog")
        return self


class Fill(Task[FillSystem]):
    """A sentence with a blank. MRR of the word; the likeliest words; accuracy, in all and by the words' class."""

    name = "fill"
    entry = FillSystem
    does = "names the word that is missing in a sentence about a video"
    metrics = FILLED
    file = "filled_blanks"
    sentences = False
    title = "Filling the blank"

    def learns_from(self, entry: FillSystem, split: str, dialogs: "Sequence[Dialog]") -> "list[Dialog]":  # noqa: ARG002, of both alike
        """Dialogs that have such sentences."""
        from pipeline.corpus.blanking import sentences

        return [dialog for dialog in dialogs if sentences(dialog, entry.text)]

    def examples(self, entry: FillSystem, dialogs: "Sequence[Dialog]", sources: "Sources") -> "BlankExamples":
        """Each sentence, one of its words drawn for each batch."""
        from pipeline.dataset.blanks import BlankExamples

        view = sources.views["model"]
        return BlankExamples(
            dialogs,
            sources.vocabulary,
            sources.stores,
            view.features,
            text=entry.text,
            history=entry.history,
            cache_bytes=sources.cache_bytes,
            concepts=view.concepts,
        )

    def learner(
        self,
        entry: FillSystem,
        settings: Training,
        model: "Network",
        teacher: "Network | None",  # noqa: ARG002, it has none
    ) -> "Learning":
        """The cross entropy of the missing words."""
        from pipeline.networks.matching import Filler
        from pipeline.training.filling import FillingLearner

        assert isinstance(model, Filler)
        return FillingLearner(model, settings.l2, entry.freeze)

    def made_by(self) -> dict[str, str]:
        """What says which words are content words."""
        from pipeline.corpus.word_classes import tagger

        return {"word classes": tagger()}

    def measure(self) -> "Measure":
        """The mean reciprocal rank of the missing word."""
        from pipeline.training.filling import FILLED

        return FILLED

    def write(self, config: "Config", name: str, test_set: str) -> None:
        """The likeliest words of each blank."""
        from pipeline.answers.filling import fill

        entry = self.entry_of(config, name)
        fill(config, name, test_set, entry.text, entry.history)

    def reads(self, entry: FillSystem, test_set: str) -> list[str]:
        """The blanks."""
        return [self.references(entry, test_set)]

    def references(self, entry: FillSystem, test_set: str) -> str:
        """The blanks of a test set."""
        return reference_name(test_set, entry.text)

    def score(self, request: "Request") -> None:
        """How often the right word is named."""
        from pipeline.scoring.filled import score_filled

        score_filled(request)
