"""Choosing the right answer among candidates: by a matcher, or by the probability that a system that answers gives."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.systems import Description, System, SystemDescription, plain
from pipeline.corpus.candidates import reference_name
from pipeline.scoring.names import CHOSEN
from pipeline.tasks.matching import Matching, MatchingSystem

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.corpus.dialogs import Dialog
    from pipeline.dataset.pairs import PairExamples
    from pipeline.dataset.sources import Sources
    from pipeline.scoring.request import Request
    from pipeline.training.measure import Measure


class ChooseSystem(MatchingSystem):
    """A system that chooses the answer that fits video and question best.

    With `model`, another one that chooses, or one that answers: then each candidate's score is log P(candidate | video,
    question, history) of its words and `<eos>`, as generative models are ranked by (Das et al., Visual Dialog, CVPR
    2017, section 5.1). Such a model sees the history as it was trained to.
    """

    chooses: ClassVar[bool] = True
    learns_captions: ClassVar[bool] = True

    task: Literal["choose"] = Field("choose", description="what the system does")
    history: bool = Field(False, description="whether the dialog so far stands in front of the question")
    description: SystemDescription = Field(
        SystemDescription(), description="in front of the question, where `model` is a system that answers"
    )
    per_word: bool = Field(
        False,
        description="where `model` is a system that answers: log P of the mean word (`<eos>` too), not of all",
    )

    def history_in_front(self) -> bool:
        """As the entry says."""
        return self.history

    def told(self, when: Literal["train", "test"]) -> Description:
        """The description in front of the question; a matcher is told none."""
        return self.description.train if when == "train" else self.description.test

    def mean_of_words(self) -> bool:
        """As the entry says."""
        return self.per_word

    def refuses(self, other: System) -> str | None:
        """It can be tested with what answers as well; only that is told anything, and only that has probabilities."""
        if other.asked and other.needs == "generate":
            if self.history:
                return "answers, and sees the history as it was trained to: history goes with one that chooses"
            return None
        if other.task == self.task and (said := self._of_generators()):
            return f"answers no questions: {said} goes with the model of a system that does"
        return super().refuses(other)

    def _of_generators(self) -> str | None:
        """The key that is given, of those that nothing but a system that answers reads."""
        if self.description != SystemDescription():
            return "description"
        return "per_word" if self.per_word else None

    @model_validator(mode="after")
    def _read_by_its_network(self) -> Self:
        if self.network is not None and (said := self._of_generators()):
            raise ValueError(f"{said} goes with model: a system that answers")
        return self

    def on_captions(self) -> dict[str, Any]:
        """It chooses among them, to no question."""
        return {"history": False, **super().on_captions()}

    def learned_from(self) -> dict[str, Any]:
        """What stands in front, and how many answers there are."""
        return {"history": self.history, "choices": self.choices}

    def tested_with(self) -> dict[str, Any]:
        """What stands in front, and of what answers what that is told."""
        said: dict[str, Any] = {"per_word": True} if self.per_word else {}
        if self.description.test != "none":
            said["description"] = {"test": plain(self.description.test)}
        return {"history": self.history, **said}


class Choose(Matching[ChooseSystem]):
    """A turn and its candidates. MRR; scores of the candidates; accuracy, R@k, mean rank, MRR."""

    name = "choose"
    entry = ChooseSystem
    does = "chooses the answer to a question about a video among candidates"
    metrics = CHOSEN
    file = "candidate_scores"
    title = "Choosing the answer"

    def examples(self, entry: ChooseSystem, dialogs: "Sequence[Dialog]", sources: "Sources") -> "PairExamples":
        """Each turn with its answer, and with answers of other dialogs."""
        from pipeline.dataset.pairs import Choices

        view = sources.views["model"]
        return Choices(
            dialogs,
            sources.vocabulary,
            sources.stores,
            view.features,
            entry.choices,
            history=entry.history,
            cache_bytes=sources.cache_bytes,
            concepts=view.concepts,
        )

    def measure(self) -> "Measure":
        """The mean reciprocal rank among choices."""
        from pipeline.training.ranking import CHOSEN

        return CHOSEN

    def write(self, config: "Config", name: str, test_set: str) -> None:
        """The score of each candidate."""
        from pipeline.answers.matching import choose

        choose(config, name, test_set)

    def reads(self, entry: ChooseSystem, test_set: str) -> list[str]:  # noqa: ARG002, the same for all
        """The candidates."""
        return [reference_name(test_set)]

    def references(self, entry: ChooseSystem, test_set: str) -> str:  # noqa: ARG002, the same for all
        """The candidates of a test set."""
        return reference_name(test_set)

    def score(self, request: "Request") -> None:
        """How often, and how far above, the right one stands."""
        from pipeline.scoring.chosen import score_chosen

        score_chosen(request)
