"""Detecting concept words: which of the words that describe videos a video shows, from its features alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.concepts import About, Detected
from pipeline.config.folds import Fold
from pipeline.config.systems import System, fields_of
from pipeline.config.training import Training
from pipeline.networks.sizes import Ability
from pipeline.scoring.names import DETECTED
from pipeline.tasks.base import Task

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.corpus.dialogs import Dialog
    from pipeline.dataset.labels import LabelledVideos
    from pipeline.dataset.sources import Sources
    from pipeline.layout import Layout
    from pipeline.networks.base import Network
    from pipeline.scoring.request import Request
    from pipeline.training.learner import Learning
    from pipeline.training.measure import Measure


class DetectSystem(System):
    """A system that says which concept words a video shows: it is asked nothing and sees no dialog."""

    detects: ClassVar[bool] = True
    needs: ClassVar[Ability] = "detect"

    task: Literal["detect"] = Field("detect", description="what the system does")
    target: About = Field(
        "summary",
        description="texts whose words a video is to show: a person's summary, caption, or both; captions: all of a "
        "corpus of captions; answers: those of its dialog",
    )
    k: Detected = Field(10, description="words that are written of each video, the most likely first")
    loss: Literal["concepts"] = Field("concepts", description="concepts: binary cross entropies of the concept words")
    fold: Fold | None = Field(
        None, description="leave a part of the training videos out; planned where a system's `folds` ask for it"
    )

    @property
    def written(self) -> int:
        """Concept words that it writes of each video."""
        return self.k

    def counted(self) -> frozenset[str]:
        """What it learns from."""
        return frozenset(fields_of(self.target))

    def learned_from(self) -> dict[str, Any]:
        """The texts."""
        return {"target": self.target, **({} if self.fold is None else {"fold": self.fold.model_dump()})}

    def tested_with(self) -> dict[str, Any]:
        """How many words are written, of which videos: a fold's are those left out."""
        return {"k": self.k, **({} if self.fold is None else {"fold": self.fold.model_dump()})}

    @model_validator(mode="after")
    def _sees(self) -> Self:
        if self.network is not None and not self.features:
            raise ValueError("features: none, so nothing can be detected; name at least one (videos are needed)")
        return self


class Detect(Task[DetectSystem]):
    """A video and the concept words of its texts. mAP; {video id: words}; precision, recall, F1 and mAP at k."""

    name = "detect"
    entry = DetectSystem
    does = "says which concept words a video shows"
    metrics = DETECTED
    file = "video_concepts"
    sentences = False
    title = "Detecting concept words"

    def words(self, layout: "Layout") -> Path:
        """The concept words."""
        return layout.concepts

    def learns_from(self, entry: DetectSystem, split: str, dialogs: "Sequence[Dialog]") -> "list[Dialog]":
        """Dialogs about videos that have such a text, and are not in the fold that is left out."""
        from pipeline.corpus.folds import left_out
        from pipeline.vocabulary.concepts import texts

        kept = left_out(dialogs, entry.fold if split == "training" else None)
        return [dialog for dialog in kept if texts(dialog, entry.target)]

    def examples(self, entry: DetectSystem, dialogs: "Sequence[Dialog]", sources: "Sources") -> "LabelledVideos":
        """Each video with a label for every concept word."""
        from pipeline.dataset.labels import LabelledVideos

        return LabelledVideos(
            dialogs,
            sources.vocabulary,
            sources.stores,
            sources.views["model"].features,
            entry.target,
            cache_bytes=sources.cache_bytes,
        )

    def learner(
        self,
        entry: DetectSystem,
        settings: Training,
        model: "Network",
        teacher: "Network | None",  # noqa: ARG002, it has none
    ) -> "Learning":
        """L_con."""
        from pipeline.networks.detecting import Detector
        from pipeline.training.detecting import DetectingLearner

        assert isinstance(model, Detector)
        return DetectingLearner(model, settings.lambda_concepts, entry.freeze)

    def measure(self) -> "Measure":
        """How far above the other words a video's own stand."""
        from pipeline.training.detecting import DETECTED

        return DETECTED

    def write(self, config: "Config", name: str, test_set: str) -> None:
        """The most likely words of each video."""
        from pipeline.answers.detect import detect

        entry = self.entry_of(config, name)
        detect(config, name, test_set, entry.k, entry.fold)

    def references(self, entry: DetectSystem, test_set: str) -> str:
        """The texts of a test set."""
        from pipeline.corpus.sentences import reference_name

        return test_set if entry.target == "answers" else reference_name(test_set, entry.target)

    def score(self, request: "Request") -> None:
        """How many of the words are right, of all and of each class."""
        from pipeline.scoring.detected import score_detected

        score_detected(request)
