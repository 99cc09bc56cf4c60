"""Finding the video that a text is about."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from pipeline.config.systems import fields_of
from pipeline.corpus.queries import QUERIES, Query, queries, query, reference_name
from pipeline.scoring.names import RETRIEVED
from pipeline.tasks.matching import Matching, MatchingSystem

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.corpus.dialogs import Dialog
    from pipeline.dataset.pairs import PairExamples
    from pipeline.dataset.sources import Sources
    from pipeline.scoring.request import Request
    from pipeline.training.measure import Measure

Pool = Annotated[int, Field(ge=1, le=100_000)]


class RetrieveSystem(MatchingSystem):
    """A system that finds the video that a text is about."""

    finds: ClassVar[bool] = True
    learns_captions: ClassVar[bool] = True

    task: Literal["retrieve"] = Field("retrieve", description="what the system does")
    query: Query = Field("summary", description=f"the text about the video: {', '.join(QUERIES)}")
    pool: Pool = Field(
        1000, description="videos of a test set that are searched at most, chosen by a hash of their ids"
    )

    def counted(self) -> frozenset[str]:
        """The query, as far as no dialog has its words."""
        return frozenset(fields_of(self.query))

    def on_captions(self) -> dict[str, Any]:
        """It finds the videos that they are about."""
        return {"query": "captions", **super().on_captions()}

    def learned_from(self) -> dict[str, Any]:
        """The texts, and how many videos there are."""
        return {"query": self.query, "choices": self.choices}

    def tested_with(self) -> dict[str, Any]:
        """The texts and the pool."""
        return {"query": self.query, "pool": self.pool}


class Retrieve(Matching[RetrieveSystem]):
    """A text and its video. MRR; scores of all videos; R@k and median rank."""

    name = "retrieve"
    entry = RetrieveSystem
    does = "finds the video that a text is about"
    metrics = RETRIEVED
    file = "video_scores"
    title = "Finding the video"

    def learns_from(self, entry: RetrieveSystem, split: str, dialogs: "Sequence[Dialog]") -> "list[Dialog]":  # noqa: ARG002, of both alike
        """Dialogs about videos that have such a text."""
        return [dialog for dialog in dialogs if query(dialog, entry.query)]

    def examples(self, entry: RetrieveSystem, dialogs: "Sequence[Dialog]", sources: "Sources") -> "PairExamples":
        """Each text with its video, and with others."""
        from pipeline.dataset.pairs import Queries

        texts = [queries(dialog, entry.query) for dialog in dialogs]
        view = sources.views["model"]
        return Queries(
            dialogs,
            sources.vocabulary,
            sources.stores,
            view.features,
            entry.choices,
            texts=texts,
            cache_bytes=sources.cache_bytes,
            concepts=view.concepts,
        )

    def measure(self) -> "Measure":
        """The mean reciprocal rank."""
        from pipeline.training.ranking import FOUND

        return FOUND

    def write(self, config: "Config", name: str, test_set: str) -> None:
        """The score of each video for each text."""
        from pipeline.answers.matching import retrieve

        entry = self.entry_of(config, name)
        retrieve(config, name, test_set, entry.query, entry.pool)

    def references(self, entry: RetrieveSystem, test_set: str) -> str:
        """The texts of a test set."""
        return reference_name(test_set, entry.query)

    def score(self, request: "Request") -> None:
        """Where the right video stands."""
        from pipeline.scoring.retrieved import score_retrieved

        score_retrieved(request)
