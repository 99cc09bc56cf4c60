"""Choosing the right answer among candidates."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from pipeline.config.systems import System
from pipeline.corpus.candidates import reference_name
from pipeline.scoring.names import CHOSEN
from pipeline.tasks.matching import Matching, MatchingSystem

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.corpus.dialogs import Dialog
    from pipeline.dataset.features import Store
    from pipeline.dataset.pairs import PairExamples
    from pipeline.dataset.views import View
    from pipeline.scoring.request import Request
    from pipeline.training.measure import Measure
    from pipeline.vocabulary.words import Vocabulary


class ChooseSystem(MatchingSystem):
    """A system that chooses the answer that fits video and question best."""

    chooses: ClassVar[bool] = True

    task: Literal["choose"] = Field("choose", description="what the system does")
    history: bool = Field(False, description="whether the dialog so far stands in front of the question")

    def history_in_front(self) -> bool:
        """As the entry says."""
        return self.history

    def learned_from(self) -> dict[str, Any]:
        """What stands in front, and how many answers there are."""
        return {"history": self.history, "choices": self.choices}

    def tested_with(self) -> dict[str, Any]:
        """What stands in front."""
        return {"history": self.history}


class Choose(Matching):
    """A turn and its candidates. MRR; scores of the candidates; accuracy, R@k, mean rank, MRR."""

    name = "choose"
    entry = ChooseSystem
    does = "chooses the answer to a question about a video among candidates"
    metrics = CHOSEN
    file = "candidate_scores"
    title = "Choosing the answer"

    def examples(
        self,
        entry: System,
        dialogs: "Sequence[Dialog]",
        vocabulary: "Vocabulary",
        stores: "Mapping[str, Store]",
        views: "Mapping[str, View]",
        cache_bytes: int = 1 << 30,
    ) -> "PairExamples":
        """Each turn with its answer, and with answers of other dialogs."""
        from pipeline.dataset.pairs import Choices

        assert isinstance(entry, ChooseSystem)
        view = views["model"]
        return Choices(
            dialogs,
            vocabulary,
            stores,
            view.features,
            entry.choices,
            history=entry.history,
            cache_bytes=cache_bytes,
            concepts=view.concepts,
        )

    def measure(self) -> "Measure":
        """The mean reciprocal rank among choices."""
        from pipeline.training.ranking import CHOSEN

        return CHOSEN

    def write(self, config: "Config", name: str, test_set: str) -> None:
        """The score of each candidate."""
        from pipeline.answers.matching import choose

        choose(config, name, test_set, config.trained(name)[1].history_in_front())

    def reads(self, entry: System, test_set: str) -> list[str]:  # noqa: ARG002, the same for all
        """The candidates."""
        return [reference_name(test_set)]

    def references(self, entry: System, test_set: str) -> str:  # noqa: ARG002, the same for all
        """The candidates of a test set."""
        return reference_name(test_set)

    def score(self, request: "Request") -> None:
        """How often, and how far above, the right one stands."""
        from pipeline.scoring.chosen import score_chosen

        score_chosen(request)
