"""The whole configuration, and whether its parts fit together."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, Union

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from pipeline.config.answers import Answers, Report, Scoring
from pipeline.config.concepts import ConceptWords
from pipeline.config.corpus import Captions, Corpus, Dialogs, Vocabulary, in_data_folder
from pipeline.config.distilled import Distillation, with_distillation
from pipeline.config.features import Feature
from pipeline.config.fitting import check
from pipeline.config.folds import ANSWER, with_folds
from pipeline.config.frame_features import FrameFeature
from pipeline.config.matching import Matching
from pipeline.config.media import Media
from pipeline.config.needs import needed, read_at_test
from pipeline.config.seeds import with_seeds
from pipeline.config.systems import SizesOfOne, System, check_sizes
from pipeline.config.training import Training
from pipeline.errors import UserError
from pipeline.names import MadePlace, Name, Place, check_apart, shortened
from pipeline.networks.sizes import SIZES, Sizes
from pipeline.section import Section
from pipeline.tasks.registry import TASKS


def _task(value: Any) -> str:
    """The task of an entry, validated or not: it answers where nothing is said."""
    return str(value.get("task", ANSWER) if isinstance(value, dict) else getattr(value, "task", ANSWER))


if TYPE_CHECKING:
    Entry = System
else:
    Entry = Annotated[
        Union[tuple(Annotated[task.entry, Tag(name)] for name, task in TASKS.items())],  # noqa: UP007, as many as there are
        Discriminator(
            _task, custom_error_type="task", custom_error_message=f"task: expected one of {', '.join(TASKS)}"
        ),
    ]


def _device(value: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,4})?", value):
        raise ValueError(f"{shortened(value)} is no device; give auto, cpu, cuda or cuda:<number>")
    return value


Device = Annotated[str, AfterValidator(_device)]


class Config(Section):
    """The whole configuration."""

    results: MadePlace = Field(Path("results"), description="folder for everything the workflow makes")
    resources: MadePlace = Field(Path("resources"), description="folder for fetched weights; shared by experiments")
    videos: Place | None = Field(None, description="the user's videos: a folder (with source: files or captions)")
    videos_recursive: bool = Field(False, description="take the videos of the folders inside that folder too")
    data: Place | None = Field(None, description="folder that relative paths of `dialogs` start from; null: where run")
    dialogs: Dialogs = Field(Dialogs(), description="the user's dialog files (with source: files)")
    captions: Captions = Field(Captions(), description="the user's captions (with source: captions)")
    run: tuple[Name, ...] = Field((), description="systems to train, answer with and score; empty: features only")
    extract: tuple[Name, ...] = Field((), description="features to compute even if no system uses them")
    device: Device = Field("auto", description="auto, cpu, cuda; of a command by hand cuda:1 too")
    processes: int = Field(
        1, ge=1, le=1024, description="processes a training runs in on each node: one a GPU, or on the CPU"
    )
    nodes: int = Field(
        1, ge=1, le=10_000, description="machines a training runs on, `processes` on each; in the workflow on Slurm"
    )
    corpus: Corpus = Field(Corpus(), description="dialogs, splits, shards")
    media: Media = Field(Media(), description="decoding")
    features: dict[Name, Feature] = Field({}, description="feature definitions by name")
    vocabulary: Vocabulary = Field(Vocabulary(), description="words and ids")
    concepts: ConceptWords = Field(ConceptWords(), description="words that systems with `task: detect` look for")
    networks: dict[Name, SizesOfOne] = Field({}, description="sizes by network, for all systems of it")
    training: Training = Field(Training(), description="the loop")
    systems: dict[Name, Entry] = Field({}, description="systems by name")
    distillation: Distillation | None = Field(
        None, description="the distilled captioner's experiment, `snakemake distillation`; null: none"
    )
    matching: Matching = Field(
        Matching(),
        description="systems beside the run, `snakemake matching`, and what those that choose are tested on",
    )
    answers: Answers = Field(Answers(), description="beam search")
    scoring: Scoring = Field(Scoring(), description="metrics")
    report: Report = Field(Report(), description="the page")

    @model_validator(mode="before")
    @classmethod
    def _written_out(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return in_data_folder(with_folds(with_seeds(with_distillation(values))))

    @field_validator("networks")
    @classmethod
    def _known_networks(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, sizes in value.items():
            if name not in SIZES:
                raise ValueError(f"network {name!r} is not known ({', '.join(SIZES)})")
            check_sizes(name, sizes, name)
        return value

    @model_validator(mode="after")
    def _systems_fit(self) -> Self:
        check_apart("systems", self.systems)
        check_apart("features", self.features)
        check(self)
        return self

    def trained(self, name: str) -> tuple[str, System]:
        """The system whose trained model ``name`` answers with (itself, unless `model` names another)."""
        system = self.systems[name]
        return (name, system) if system.model is None else (system.model, self.systems[system.model])

    def members(self, name: str) -> list[str]:
        """The systems whose trained models ``name`` answers with: one, or of an `ensemble` all seeds."""
        model = self.trained(name)[0]
        return self.seeds_of(model) if self.systems[name].ensemble else [model]

    def seeds_of(self, name: str) -> list[str]:
        """A system and its further seeds, in the order of their numbers."""
        return [name, *(other for other, system in self.systems.items() if system.seed_of == name)]

    def answers_with(self, name: str) -> list[str]:
        """The systems whose trained models are read to write with ``name``: its `members`, and who rescores them."""
        rescoring = self.systems[name].rescored_by()
        return [*self.members(name), *([] if rescoring is None else self.members(rescoring.system))]

    @property
    def compared(self) -> tuple[str, ...]:
        """The systems of `matching.run`, in front of each that rescores the one whose answers it takes."""
        before = {name: self.systems[name].model for name in self.matching.run if self.systems[name].rescored_by()}
        named = (each for name in self.matching.run for each in (before.get(name), name) if each is not None)
        return tuple(dict.fromkeys(named))

    @property
    def distilled(self) -> tuple[str, ...]:
        """The systems of the distilled captioner's experiment, each with its further seeds."""
        entries = () if self.distillation is None else self.distillation.entries()
        return tuple(each for name in entries for each in self.seeds_of(name))

    def descriptions(self) -> frozenset[str]:
        """Description fields whose words are counted: of `vocabulary`, and any that `run`, or what it needs, reads."""
        trained = [model for name in self.run for model in self.answers_with(name)]
        described = [reading.system for name in self.run for reading in read_at_test(self, name, "trial")]
        others = [other for name in (*trained, *described) for other in needed(self, name)]
        systems = [self.systems[name] for name in (*self.run, *trained, *described, *others)]
        used: frozenset[str] = frozenset().union(*(system.counted() for system in systems))
        return used | frozenset(self.vocabulary.descriptions)

    def sizes(self, name: str) -> Sizes:
        """Sizes of a trained system: the network's defaults, then `networks`, then the system's own."""
        system = self.systems[name]
        assert system.network is not None
        return network_sizes(system.network, {**self.networks.get(system.network, {}), **system.sizes})

    def training_of(self, name: str) -> Training:
        """Training settings of a system: the section with the system's overrides."""
        return Training.model_validate({**self.training.model_dump(), **self.systems[name].training})

    def answers_of(self, name: str) -> Answers:
        """Search settings of a system: the section with the system's overrides.

        `UserError` for lengths that no answer has.
        """
        found = Answers.model_validate({**self.answers.model_dump(), **self.systems[name].answers})
        if found.min_length > found.max_length:
            raise UserError(
                f"answers.min_length is {found.min_length} and answers.max_length {found.max_length} (of {name}): no "
                "answer has both; lower the first"
            )
        return found

    def media_of(self, name: str) -> Media:
        """Media settings of a feature: the section with the overrides of a feature of frames."""
        feature = self.features[name]
        overrides = feature.media if isinstance(feature, FrameFeature) else {}
        return Media.model_validate({**self.media.model_dump(), **overrides})


def network_sizes(network: str, overrides: dict[str, Any]) -> Sizes:
    """Validated sizes of a network; `ValueError` for an unknown network or size."""
    if network not in SIZES:
        raise ValueError(f"network {network!r} is not known ({', '.join(SIZES)})")
    return SIZES[network].model_validate(overrides)
