"""What the tasks choose and retrieve have in common: a matcher that learns to rank."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import Field, model_validator

from pipeline.config.training import Training
from pipeline.networks.sizes import Ability
from pipeline.tasks.base import Task
from pipeline.tasks.shown import ShownConcepts

if TYPE_CHECKING:
    from pipeline.networks.base import Network
    from pipeline.training.learner import Learning

Choices = Annotated[int, Field(ge=2, le=1000)]


class MatchingSystem(ShownConcepts):
    """A system that scores pairs of a text and a video."""

    needs: ClassVar[Ability] = "match"
    made_once: ClassVar[tuple[str, ...]] = (*ShownConcepts.made_once, "choices")

    loss: Literal["ranking"] = Field(
        "ranking", description="ranking: a hinge, right pairs above wrong ones by a margin"
    )
    choices: Choices = Field(10, description="pairs that are ranked together in training, the right one among them")

    @model_validator(mode="after")
    def _sees(self) -> Self:
        if self.network is not None and not self.features:
            raise ValueError(
                "features: none, so there is nothing to compare with; name at least one (videos are needed)"
            )
        return self


M = TypeVar("M", bound=MatchingSystem)


class Matching(Task[M]):
    """Trained by the ranking hinge."""

    sentences = False

    def learner(
        self,
        entry: M,
        settings: Training,
        model: "Network",
        teacher: "Network | None",  # noqa: ARG002, it has none
    ) -> "Learning":
        """The hinge over each row's pairs."""
        from pipeline.networks.matching import Matcher
        from pipeline.training.ranking import RankingLearner

        assert isinstance(model, Matcher)
        return RankingLearner(model, settings.margin, settings.l2, entry.freeze)
