"""The whole configuration, and whether its parts fit together."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, Union

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from pipeline.config.answers import Answers, Report, Scoring
from pipeline.config.base import LEARNED_FROM, Section
from pipeline.config.corpus import Captions, Corpus, Dialogs, Vocabulary
from pipeline.config.features import Feature, I3DFeature, Media
from pipeline.config.folds import with_folds
from pipeline.config.systems import ANSWER, DescribedBy, System, Training
from pipeline.networks.sizes import SIZES, Sizes
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


class Config(Section):
    """The whole configuration."""

    results: Path = Field(Path("results"), description="folder for everything the workflow makes")
    resources: Path = Field(Path("resources"), description="folder for fetched weights; shared by experiments")
    videos: Path | None = Field(None, description="the user's videos: a folder (with source: files or captions)")
    videos_recursive: bool = Field(False, description="take the videos of the folders inside that folder too")
    dialogs: Dialogs = Field(Dialogs(), description="the user's dialog files (with source: files)")
    captions: Captions = Field(Captions(), description="the user's captions (with source: captions)")
    run: tuple[str, ...] = Field((), description="systems to train, answer with and score; empty: features only")
    extract: tuple[str, ...] = Field((), description="features to compute even if no system uses them")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1 ...")
    processes: int = Field(1, ge=1, description="processes a training runs in on each node: one a GPU, or on the CPU")
    nodes: int = Field(1, ge=1, description="machines a training runs on, `processes` on each")
    corpus: Corpus = Field(Corpus(), description="dialogs, splits, shards")
    media: Media = Field(Media(), description="decoding")
    features: dict[str, Feature] = Field({}, description="feature definitions by name")
    vocabulary: Vocabulary = Field(Vocabulary(), description="words and ids")
    networks: dict[str, dict[str, Any]] = Field({}, description="sizes by network, for all systems of it")
    training: Training = Field(Training(), description="the loop")
    systems: dict[str, Entry] = Field({}, description="systems by name")
    answers: Answers = Field(Answers(), description="beam search")
    scoring: Scoring = Field(Scoring(), description="metrics")
    report: Report = Field(Report(), description="the page")

    @model_validator(mode="before")
    @classmethod
    def _written_out(cls, values: Any) -> Any:
        return with_folds(values) if isinstance(values, dict) else values

    @field_validator("networks")
    @classmethod
    def _known_networks(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, sizes in value.items():
            network_sizes(name, sizes)
        return value

    @model_validator(mode="after")
    def _systems_fit(self) -> Self:
        for name in self.run:
            if name not in self.systems:
                raise ValueError(f"run: {name!r} is not in systems ({', '.join(self.systems)})")
        for name, system in self.systems.items():
            self._check_system(name, system)
        for name in self.systems:
            if name in self.needed(name):
                raise ValueError(f"systems.{name}.init_from: its training would wait for itself")
        for name in self.run:
            self._check_without(name)
            self._check_readings(name)
        if self.scoring.against is not None and self.scoring.against not in self.systems:
            raise ValueError(f"scoring.against: {self.scoring.against!r} is not in systems ({', '.join(self.systems)})")
        if self.report.explain is not None and self.report.explain not in self.systems:
            raise ValueError(f"report.explain: {self.report.explain!r} is not in systems ({', '.join(self.systems)})")
        for name in self.extract:
            if name not in self.features:
                raise ValueError(f"extract: {name!r} is not in features ({', '.join(self.features)})")
        return self

    def _check_system(self, name: str, system: System) -> None:
        start = None if system.init_from is None else system.init_from.system
        for key, other in {"teacher": system.teacher, "model": system.model, "init_from.system": start}.items():
            if other is None:
                continue
            if other not in self.systems:
                raise ValueError(f"systems.{name}.{key}: {other!r} is not in systems")
            if self.systems[other].model is not None:
                raise ValueError(f"systems.{name}.{key}: {other!r} has no model of its own")
            if key != "init_from.system" and self.systems[other].task != system.task:
                raise ValueError(f"systems.{name}.{key}: {other!r} has another task ({self.systems[other].task})")
            if key == "teacher" and self.systems[other].teacher is not None:
                raise ValueError(f"systems.{name}.teacher: {other!r} is itself a student")
        for feature in system.features:
            if feature not in self.features:
                raise ValueError(f"systems.{name}.features: {feature!r} is not in features")
        self._check_start(name, system)
        if system.network is not None:
            if system.looks_back() and not type(self.sizes(name)).takes_history:
                raise ValueError(f"systems.{name}.history: {system.network} has no encoder for the dialog so far")
            self.training_of(name)
        self.answers_of(name)
        if system.loss in ("st_context", "joint"):
            assert system.teacher is not None
            own, taught = (self.sizes(each).context_size for each in (name, system.teacher))
            if own != taught:
                raise ValueError(f"systems.{name}.loss: {system.loss} compares context vectors, {own} with {taught}")

    def _check_start(self, name: str, system: System) -> None:
        if system.init_from is None:
            return
        for feature in system.init_from.npy:
            if feature not in system.features:
                raise ValueError(f"systems.{name}.init_from.npy: {feature!r} is no feature of the system")
        if system.init_from.captions is not None and not (system.asked or system.init_from.npy):
            raise ValueError(
                f"systems.{name}.init_from.npy: it sees features alone; give those of the captions' videos"
            )

    def needed(self, name: str) -> list[str]:
        """Systems whose models the training of ``name`` reads, directly or not, each after those it needs itself."""
        seen: set[str] = set()
        order: list[str] = []

        def visit(system: str) -> None:
            for other in self._read(system):
                if other not in seen:
                    seen.add(other)
                    visit(other)
                    order.append(other)

        visit(name)
        return order

    def _read(self, name: str) -> list[str]:
        """Systems that the training of ``name`` reads: its teacher, what it starts from, who describes its videos."""
        system = self.systems[name]
        start = None if system.init_from is None else system.init_from.system
        seen = [system, *([] if system.teacher is None else [self.systems[system.teacher]])]
        read = [each.readings("train", split) for each in seen for split in LEARNED_FROM]
        others = (system.teacher, start, *(reading.system for readings in read for reading in readings))
        return [other for other in others if other in self.systems]

    def _check_without(self, name: str) -> None:
        inputs = (*self.trained(name)[1].features, "history")
        for lost in self.systems[name].without:
            if lost not in inputs:
                raise ValueError(f"systems.{name}.without: {lost!r} is not an input of the model ({', '.join(inputs)})")

    def _check_readings(self, name: str) -> None:
        for when in ("train", "test"):
            told = self.systems[name].told(when)
            if not isinstance(told, DescribedBy):
                continue
            key, other = f"systems.{name}.description.{when}.system", self.systems.get(told.system)
            if other is None:
                raise ValueError(f"{key}: {told.system!r} is not in systems")
            if other.asked or other.model is not None:
                raise ValueError(f"{key}: {told.system!r} does not describe videos; name a system with task: describe")

    def trained(self, name: str) -> tuple[str, System]:
        """The system whose trained model ``name`` answers with (itself, unless `model` names another)."""
        system = self.systems[name]
        return (name, system) if system.model is None else (system.model, self.systems[system.model])

    def descriptions(self) -> frozenset[str]:
        """Description fields whose words are counted: of `vocabulary`, and any that `run`, or what it needs, reads."""
        trained = [self.trained(name)[0] for name in self.run]
        described = [reading.system for name in self.run for reading in self.systems[name].readings("test", "")]
        others = [other for name in (*trained, *described) for other in (*self.needed(name), name)]
        systems = [self.systems[name] for name in (*self.run, *others)]
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
        """Search settings of a system: the section with the system's overrides."""
        return Answers.model_validate({**self.answers.model_dump(), **self.systems[name].answers})

    def media_of(self, name: str) -> Media:
        """Media settings of a feature: the section with the overrides of a feature of frames."""
        feature = self.features[name]
        overrides = feature.media if isinstance(feature, I3DFeature) else {}
        return Media.model_validate({**self.media.model_dump(), **overrides})


def network_sizes(network: str, overrides: dict[str, Any]) -> Sizes:
    """Validated sizes of a network; `ValueError` for an unknown network or size."""
    if network not in SIZES:
        raise ValueError(f"network {network!r} is not known ({', '.join(SIZES)})")
    return SIZES[network].model_validate(overrides)
