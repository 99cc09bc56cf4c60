"""What a task is: four things in which answering a question, describing a video and others differ.

A task's module is light. What a part of it needs (torch, METEOR's Java) is imported when a stage asks for that part.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from pipeline.config.systems import System
from pipeline.config.training import Training

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.corpus.dialogs import Dialog
    from pipeline.dataset.dialogs import Examples
    from pipeline.dataset.sources import Sources
    from pipeline.layout import Layout
    from pipeline.networks.base import Network
    from pipeline.scoring.request import Request
    from pipeline.training.learner import Learning
    from pipeline.training.measure import Measure


E = TypeVar("E", bound=System)


class Task(ABC, Generic[E]):
    """What a system's entry ``E`` in the configuration decides by its `task`.

    name: as the entry gives it. entry: the keys such an entry has. does: what such a system does, for its model card.
    metrics: names of its scores, in the order of a table. sentences: whether what it writes are sentences, compared
    with those of people. title: above its tables, where it has some of its own. file: the `type` that its files of a
    test set say they are, by which `avsd score` knows them; answers to questions have many. scored_with: the options of
    `avsd score` that its scores go by, of those that not every task reads (`scoring.names.OPTIONS`): another one is
    refused by hand, and not given by the workflow.
    """

    name: ClassVar[str]
    entry: ClassVar[type[System]]
    does: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    sentences: ClassVar[bool] = True
    title: ClassVar[str] = ""
    file: ClassVar[str] = ""
    scored_with: ClassVar[tuple[str, ...]] = ()

    def entry_of(self, config: "Config", name: str) -> E:
        """The entry of the system ``name``, which is of this task."""
        entry = config.systems[name]
        assert isinstance(entry, self.entry)
        return entry  # type: ignore[return-value]

    # ---- words ----------------------------------------------------------------------------------------------------

    def words(self, layout: "Layout") -> Path:
        """The file of the words that a network is made for: the vocabulary, unless a task says otherwise."""
        return layout.vocabulary

    # ---- examples -------------------------------------------------------------------------------------------------

    def learns_from(self, entry: E, split: str, dialogs: "Sequence[Dialog]") -> "list[Dialog]":  # noqa: ARG002
        """Those of the dialogs of training or validation that there is something to learn from."""
        return list(dialogs)

    @abstractmethod
    def examples(self, entry: E, dialogs: "Sequence[Dialog]", sources: "Sources") -> "Examples":
        """What the dialogs give to learn from, as batches for one network or, with a teacher, two."""

    # ---- learned --------------------------------------------------------------------------------------------------

    def learner(self, entry: E, settings: Training, model: "Network", teacher: "Network | None") -> "Learning":
        """The terms that are minimised. Unless a task says otherwise, the words' cross entropy, or a teacher's."""
        from pipeline.networks.base import Generator
        from pipeline.training.learner import Learner

        assert isinstance(model, Generator)
        assert teacher is None or isinstance(teacher, Generator)
        return Learner(
            entry.loss,
            model,
            teacher,
            label_smoothing=settings.label_smoothing,
            joint_shared_pass=settings.joint_shared_pass and entry.loss == "joint",
            temperature=settings.temperature,
            hard_targets=settings.lambda_hard > 0,
            frozen=entry.freeze,
        )

    def made_by(self) -> dict[str, str]:
        """What weights depend on beside settings and files, by the names a user knows them by: other programs."""
        return {}

    def measure(self) -> "Measure":
        """What validation measures after each epoch. Unless a task says otherwise, perplexity."""
        from pipeline.training.evaluate import PERPLEXITY

        return PERPLEXITY

    # ---- written --------------------------------------------------------------------------------------------------

    @abstractmethod
    def write(self, config: "Config", name: str, test_set: str) -> None:
        """Write the file that the system ``name`` leaves for a test set: `Layout.answers`."""

    # ---- scored ---------------------------------------------------------------------------------------------------

    def reads(self, entry: E, test_set: str) -> list[str]:  # noqa: ARG002, most read dialogs alone
        """Names for `Layout.references` of what a system must read to write for ``test_set``."""
        return []

    @abstractmethod
    def references(self, entry: E, test_set: str) -> str:
        """Which references what is written for ``test_set`` is scored against: a name for `Layout.references`."""

    @abstractmethod
    def score(self, request: "Request") -> None:
        """Score files that `write` has written."""
