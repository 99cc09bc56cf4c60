"""What systems of all tasks have: the section `systems`."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from pipeline.config.answers import Answers
from pipeline.config.base import TEST_SETS, Folds, Overrides, Seeds, TestSet
from pipeline.config.concepts import DetectedBy
from pipeline.config.folds import ANSWER, FOLDS
from pipeline.config.readings import Reading, unseen
from pipeline.config.rescoring import Rescoring
from pipeline.config.starts import InitFrom
from pipeline.config.training import Training
from pipeline.names import Name, Place, Text
from pipeline.networks.sizes import SIZES, Ability
from pipeline.section import Section

Loss = Literal["ce", "st", "st_context", "joint"]
"""Losses of systems that answer."""
REPRESENTING = ("rep", "rep_ce")
"""Losses that compare representations; their students start from their teacher where it fits: all but the adaptor."""
UNTAUGHT = ("ce", "ranking", "blank", "concepts")
"""Losses without a teacher: cross entropy of words, the hinge over pairs, cross entropy of the word at a blank, and
binary cross entropies of concept words."""
Manual = Literal["none", "summary", "caption", "both"]
"""A person's description of the video, or none."""


def _json_file(value: Path) -> Path:
    if value.suffix != ".json":
        raise ValueError(f"{str(value)!r} is none of none, summary, caption, both, nor a .json file")
    return value


class DescribedBy(Section):
    """Descriptions that a describing system of this configuration writes."""

    system: Name = Field(description="a system with `task: describe`")

    def readings(self, split: str) -> list[Reading]:
        """What is read of the videos of a test set or of validation, which no describer learns from."""
        return [Reading(self.system, split)]


class DescribedUnseen(DescribedBy):
    """Descriptions of training videos: each by a describer that has not learned from it, unless one says otherwise."""

    folds: Folds = Field(FOLDS, description="describers that are trained for it, each without a part of the videos")
    in_sample: bool = Field(
        False, description="by the one describer that has learned from them all: they are better than any at test"
    )

    def readings(self, split: str) -> list[Reading]:
        """What is read: of training videos a part from each of the describers."""
        return unseen(self.system, split, self.folds, self.in_sample)


SizesOfOne = Annotated[dict[str, Any], Overrides(*SIZES.values())]
"""Sizes laid over those of a network: whoever knows which one checks them (`check_sizes`)."""
File = Annotated[Place, AfterValidator(_json_file)]
Description = Manual | File | DescribedBy
"""A person's description, a file of automatic ones, or another system's."""


class SystemDescription(Section):
    """Which description stands in front of the question: none, a person's (summary, caption or both), or another's.

    A file holds automatic descriptions, JSON {video id: sentence}; a system of this configuration writes such a file.
    """

    train: Manual | File | DescribedUnseen = Field(
        "none",
        description="in training; a .json file: {video id: automatic description}; {system: NAME, folds: 5, in_sample: "
        "false}: a describer's",
    )
    test: Manual | File | DescribedBy = Field("none", description="at test, likewise; {system: NAME}: a describer's")


CONCEPTS = "concepts"
"""What `without` calls the words that a detector has found."""


def check_sizes(network: str, sizes: dict[str, Any], *place: str) -> None:
    """Check sizes laid over those of a network; the `ValidationError` says that they stand at ``place``."""
    # What validation calls the section stands behind the place, as where a value may be one of several.
    at: Any = sizes
    for part in reversed((*place, SIZES[network].__name__)):
        at = {part: at}
    _sizes_at(network, len(place)).validate_python(at)


@cache
def _sizes_at(network: str, depth: int) -> TypeAdapter[Any]:
    kind: Any = SIZES[network]
    for _ in range(depth + 1):
        kind = dict[str, kind]
    return TypeAdapter(kind)


class System(Section):
    """What the entries of all tasks have: a row of the tables, or a variant of one that is only tested differently."""

    asked: ClassVar[bool] = False
    """Whether a question comes with each example."""
    describes: ClassVar[bool] = False
    """Whether it writes sentences about videos that nobody asked for."""
    finds: ClassVar[bool] = False
    """Whether it tells which video a text is about."""
    detects: ClassVar[bool] = False
    """Whether it says which concept words a video shows."""
    chooses: ClassVar[bool] = False
    """Whether it scores answers to a question about a video."""
    needs: ClassVar[Ability] = "generate"
    """What its network must be able to do."""
    learns_captions: ClassVar[bool] = False
    """Whether it can be pretrained on captions, sentences about videos and no more: `on_captions` says how."""
    made_once: ClassVar[tuple[str, ...]] = ("features", "sizes", "loss", "teacher", "init_from", "freeze", "training")
    """Keys that say how a network is made or trained: beside `model` those of that one count."""

    label: Text = Field(description="name in tables and report")
    task: Name = Field(description="what the system does")
    network: Name | None = Field(None, description="its name; null when `model` is given")
    sizes: SizesOfOne = Field({}, description="overrides of the network's sizes")
    features: tuple[Name, ...] = Field((), description="features it sees; may be empty")
    loss: Name = Field("ce", description="what is minimised")
    teacher: Name | None = Field(None, description="the system that teaches it (all losses but ce)")
    init_from: InitFrom = Field(
        None,
        description="what it starts from: a trained model's folder, another system, or (not to detect) a "
        "pretraining on captions; not beside `training.student_from_teacher`",
    )
    freeze: tuple[Name, ...] = Field(
        (), description="parts of the network, by name, that stay as they were started: `adaptor`, `embedding` ..."
    )
    model: Name | None = Field(None, description="another system whose trained model this one is tested with")
    ensemble: bool = Field(
        False, description="answer with all seeds of `model` at once: the mean of their probabilities at every word"
    )
    without: tuple[Name, ...] = Field(
        (), description="inputs taken away at test (features, `history`, `concepts`): what does the model use them for?"
    )
    training: Annotated[dict[str, Any], Overrides(Training)] = Field(
        {}, description="overrides of the training section"
    )
    answers: Annotated[dict[str, Any], Overrides(Answers)] = Field({}, description="overrides of the answers section")
    test_sets: tuple[TestSet, ...] = Field(TEST_SETS, description="test sets it answers and is scored on")
    seeds: Seeds = Field(
        1,
        description="times it is trained: entries NAME_s2, NAME_s3 ... with the seeds after its own, run with it",
    )
    seed_of: Name | None = Field(None, description="the entry that this one is a further seed of (written by `seeds`)")
    row: Text | None = Field(None, description="the paper's row it stands beside in the tables; null: report only")

    def names(self) -> set[str]:
        """Systems that must be in a configuration that has this entry."""
        inside = [each.system for each in (self.init_from, self.rescored_by(), self.shown()) if each is not None]
        return {other for other in (self.model, self.teacher, self.seed_of, *inside) if other is not None}

    @property
    def written(self) -> int:
        """Concept words that it writes of each video."""
        return 0

    def refuses(self, other: "System") -> str | None:
        """Why it cannot be tested with the trained model of ``other``, as words behind its name; None: it can."""
        return None if other.task == self.task else f"has another task ({other.task})"

    def otherwise(self, other: "System") -> str | None:
        """The first key that says how a network is made, and another thing than ``other``, whose model it has."""
        fields = type(self).model_fields
        said = {key: getattr(self, key) for key in self.made_once if getattr(self, key) != fields[key].default}
        return next((key for key, value in said.items() if value != getattr(other, key, fields[key].default)), None)

    def told(self, when: Literal["train", "test"]) -> Description:  # noqa: ARG002, entries that are told something read it
        """The description that stands in front of what it is asked."""
        return "none"

    def shown(self) -> DetectedBy | None:
        """Whose concept words its network sees, in training and at test."""
        return None

    def readings(self, when: Literal["train", "test"], split: str) -> list[Reading]:
        """What it reads, of ``split``, that other systems have written."""
        told, words = self.told(when), self.shown()
        described = told.readings(split) if isinstance(told, DescribedBy) else []
        return [*described, *([] if words is None else words.readings(split))]

    def rescored_by(self) -> Rescoring | None:
        """Who puts the answers that it finds in order again, and how; None: nobody."""
        return None

    def history_in_front(self) -> bool:
        """Whether the dialog so far stands in front of the question that it scores answers to, as text."""
        return False

    def mean_of_words(self) -> bool:
        """Whether a sentence that it scores by its probability has that of its mean word."""
        return False

    def looks_back(self) -> bool:
        """Whether it sees the dialog so far."""
        return False

    def counted(self) -> frozenset[str]:
        """Description fields whose words it reads or writes."""
        both = {str(self.told("train")), str(self.told("test"))}
        return frozenset(fields_of(*both))

    def on_captions(self) -> dict[str, Any]:
        """Values that are other while it is pretrained on captions: a corpus of sentences, without descriptions."""
        return {}

    def pretrained(self) -> Self:
        """The entry while it is pretrained on the captions of its `init_from`, with the features that these have.

        What is minimised is its own, but a student learns the words themselves, without its teacher. `ValidationError`
        where that is no entry.
        """
        start = self.init_from
        assert start is not None
        changes = {
            "label": f"{self.label}, pretraining on captions",
            "features": tuple(feature for feature in self.features if feature in start.npy),
            **self.on_captions(),
            "loss": self.loss if self.loss in UNTAUGHT else "ce",
            "teacher": None,
            "init_from": None,
            "training": {**self.training, **start.training},
            "row": None,
        }
        return type(self).model_validate({**self.model_dump(), **changes})

    # ---- what of it results depend on, beside what every entry has ------------------------------------------------

    def kind(self) -> dict[str, Any]:
        """Its task, where an entry must say it."""
        return {} if self.task == ANSWER else {"task": self.task}

    def made_of(self) -> dict[str, Any]:
        """Keys that its network is built by."""
        return {}

    def learned_from(self) -> dict[str, Any]:
        """Keys that its weights depend on besides."""
        return {}

    def tested_with(self) -> dict[str, Any]:
        """Keys that what it writes depends on besides."""
        return {}

    @model_validator(mode="after")
    def _sizes_of_the_network(self) -> Self:
        if self.network is not None:
            if self.network not in SIZES:
                raise ValueError(f"network {self.network!r} is not known ({', '.join(SIZES)})")
            check_sizes(self.network, self.sizes, "sizes")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.model is None) == (self.network is None):
            raise ValueError("give either network (a system of its own) or model (another system's model)")
        if (self.loss not in UNTAUGHT) != (self.teacher is not None):
            raise ValueError("teacher goes with every loss but ce")
        if self.ensemble and (self.model is None or self.seed_of is not None):
            raise ValueError("ensemble goes with model, all seeds of which it answers with, and not with seeds")
        if self.freeze and self.loss == "rep":
            raise ValueError("freeze does not go with the loss rep, which trains the adaptor alone")
        return self


def plain(value: Any) -> Any:
    """A value of an entry for JSON: a path or one word of a few as text, a section as its values."""
    if isinstance(value, Section):
        return value.model_dump(mode="json")
    return None if value is None else str(value)


def fields_of(*kinds: str) -> set[str]:
    """The description fields that ``kinds`` consist of: of `both` there are two, of others than a person's none."""
    used = set(kinds) | ({"summary", "caption"} if "both" in kinds else set())
    return used & {"summary", "caption", "captions"}
