"""Answering questions about a video in a dialog about it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.rescoring import Rescoring
from pipeline.config.systems import Description, Loss, SystemDescription, plain
from pipeline.errors import UserError
from pipeline.scoring.names import METRICS, OPTIONS
from pipeline.tasks.base import Task
from pipeline.tasks.shown import ShownConcepts

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.corpus.dialogs import Dialog
    from pipeline.dataset.dialogs import Examples
    from pipeline.dataset.sources import Sources
    from pipeline.scoring.request import Request


class AnswerSystem(ShownConcepts):
    """A system that answers questions about a video in a dialog about it."""

    asked: ClassVar[bool] = True
    learns_captions: ClassVar[bool] = True
    made_once: ClassVar[tuple[str, ...]] = (*ShownConcepts.made_once, "history")

    task: Literal["answer"] = Field("answer", description="what the system does")
    history: bool = Field(True, description="whether it sees the dialog so far")
    description: SystemDescription = Field(SystemDescription(), description="in front of the question")
    loss: Loss = Field("ce", description="ce: cross entropy; st: eq. 9; st_context: eq. 10; joint: eq. 11")
    rescore: Rescoring | None = Field(
        None, description="let a system that chooses put the n best answers of `model` in order again; null: no"
    )

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
        rescored = {} if self.rescore is None else {"rescore": self.rescore.model_dump(mode="json")}
        return {"description": {"test": plain(self.description.test)}, **rescored}

    def rescored_by(self) -> Rescoring | None:
        """Who puts its answers in order again, and how."""
        return self.rescore

    def looks_back(self) -> bool:
        """Whether it sees the dialog so far."""
        return self.history

    @model_validator(mode="after")
    def _rescores_another(self) -> Self:
        if self.rescore is not None and self.model is None:
            raise ValueError("rescore goes with model: it is the answers of another system that are put in order again")
        return self


class Answer(Task[AnswerSystem]):
    """A turn: question, history and answer. Perplexity; the challenge's result file; BLEU to CIDEr."""

    name = "answer"
    entry = AnswerSystem
    does = "answers questions about a video in a dialog"
    metrics = METRICS
    scored_with = tuple(OPTIONS)

    def examples(self, entry: AnswerSystem, dialogs: "Sequence[Dialog]", sources: "Sources") -> "Examples":  # noqa: ARG002
        """The turns of the dialogs."""
        from pipeline.dataset.dialogs import DialogDataset

        return DialogDataset(
            dialogs, sources.vocabulary, sources.stores, sources.views, cache_bytes=sources.cache_bytes
        )

    def write(self, config: "Config", name: str, test_set: str) -> None:
        """The test set's JSON with the answers filled in."""
        if config.systems[name].rescored_by() is not None:
            from pipeline.answers.rescoring import rescore
            from pipeline.scoring.listed import ciders

            rescore(config, name, test_set, ciders)
            return
        from pipeline.answers.generate import answer

        answer(config, name, test_set)

    def references(self, entry: AnswerSystem, test_set: str) -> str:  # noqa: ARG002, the same for all
        """The answers of a test set, up to six a turn."""
        return test_set

    def score(self, request: "Request") -> None:
        """BLEU, METEOR, ROUGE-L and CIDEr of the answers."""
        from pipeline.scoring.score import score_files

        score_files(**request.given())


def rescored_entry(config: "Config", name: str, by: str, n: int) -> dict[str, Any]:
    """An entry that rescores the answers of the system ``name`` as it is tested. `UserError` where it has none."""
    if name not in config.systems:
        raise UserError(f"system {name!r} is not in the configuration ({', '.join(config.systems)})")
    entry = config.systems[name]
    if not entry.asked or entry.rescored_by() is not None:
        raise UserError(f"{name}: there are no answers of its own to rescore; name a system with task: answer")
    return {
        **entry.tested_with(),
        "label": f"{entry.label}, rescored by {by}",
        "model": config.trained(name)[0],
        "ensemble": entry.ensemble,
        "without": list(entry.without),
        "answers": entry.answers,
        "rescore": {"system": by, "n": n},
    }
