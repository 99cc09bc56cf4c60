"""The whole configuration, and whether its parts fit together."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from pipeline.config.answers import Answers, Report, Scoring
from pipeline.config.base import Section
from pipeline.config.corpus import Corpus, Dialogs, Vocabulary, in_data_folder
from pipeline.config.features import Feature, I3DFeature, Media
from pipeline.config.seeds import with_seeds
from pipeline.config.systems import System, Training
from pipeline.networks.sizes import SIZES, Sizes


class Config(Section):
    """The whole configuration."""

    results: Path = Field(Path("results"), description="folder for everything the workflow makes")
    resources: Path = Field(Path("resources"), description="folder for fetched weights; shared by experiments")
    videos: Path | None = Field(None, description="the user's videos: a folder (with source: files)")
    videos_recursive: bool = Field(False, description="take the videos of the folders inside that folder too")
    data: Path | None = Field(None, description="folder that relative paths of `dialogs` start from; null: where run")
    dialogs: Dialogs = Field(Dialogs(), description="the user's dialog files (with source: files)")
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
    systems: dict[str, System] = Field({}, description="systems by name")
    answers: Answers = Field(Answers(), description="beam search")
    scoring: Scoring = Field(Scoring(), description="metrics")
    report: Report = Field(Report(), description="the page")

    @model_validator(mode="before")
    @classmethod
    def _written_out(cls, values: Any) -> Any:
        return in_data_folder(with_seeds(values)) if isinstance(values, dict) else values

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
        for name in self.run:
            self._check_without(name)
        if self.scoring.against is not None and self.scoring.against not in self.systems:
            raise ValueError(f"scoring.against: {self.scoring.against!r} is not in systems ({', '.join(self.systems)})")
        if self.report.explain is not None and self.report.explain not in self.systems:
            raise ValueError(f"report.explain: {self.report.explain!r} is not in systems ({', '.join(self.systems)})")
        for name in self.extract:
            if name not in self.features:
                raise ValueError(f"extract: {name!r} is not in features ({', '.join(self.features)})")
        return self

    def _check_system(self, name: str, system: System) -> None:
        for key in ("teacher", "model"):
            other = getattr(system, key)
            if other is None:
                continue
            if other not in self.systems:
                raise ValueError(f"systems.{name}.{key}: {other!r} is not in systems")
            if self.systems[other].model is not None:
                raise ValueError(f"systems.{name}.{key}: {other!r} has no model of its own")
            if key == "model" and system.ensemble and len(self.members(name)) == 1:
                raise ValueError(f"systems.{name}.ensemble: {other!r} has one seed; give it several (seeds)")
            if key == "teacher" and self.systems[other].teacher is not None:
                raise ValueError(f"systems.{name}.teacher: {other!r} is itself a student")
        for feature in system.features:
            if feature not in self.features:
                raise ValueError(f"systems.{name}.features: {feature!r} is not in features")
        if system.network is not None:
            if system.history and not type(self.sizes(name)).takes_history:
                raise ValueError(f"systems.{name}.history: {system.network} has no encoder for the dialog so far")
            self.training_of(name)
        if system.loss in ("st_context", "joint"):
            assert system.teacher is not None
            own, taught = (self.sizes(each).context_size for each in (name, system.teacher))
            if own != taught:
                raise ValueError(f"systems.{name}.loss: {system.loss} compares context vectors, {own} with {taught}")

    def _check_without(self, name: str) -> None:
        inputs = (*self.trained(name)[1].features, "history")
        for lost in self.systems[name].without:
            if lost not in inputs:
                raise ValueError(f"systems.{name}.without: {lost!r} is not an input of the model ({', '.join(inputs)})")

    def trained(self, name: str) -> tuple[str, System]:
        """The system whose trained model ``name`` answers with (itself, unless `model` names another)."""
        system = self.systems[name]
        return (name, system) if system.model is None else (system.model, self.systems[system.model])

    def members(self, name: str) -> list[str]:
        """The systems whose trained models ``name`` answers with: one, or of an `ensemble` all seeds."""
        model = self.trained(name)[0]
        seeds = [other for other, system in self.systems.items() if system.seed_of == model]
        return [model, *seeds] if self.systems[name].ensemble else [model]

    def descriptions(self) -> frozenset[str]:
        """Description fields whose words are counted: those of `vocabulary`, and any that `run` or a teacher reads."""
        systems = [self.trained(name)[1] for name in self.run] + [self.systems[name] for name in self.run]
        systems += [self.systems[system.teacher] for system in systems if system.teacher is not None]
        used = {str(kind) for system in systems for kind in (system.description.train, system.description.test)}
        used |= {"summary", "caption"} if "both" in used else set()
        return frozenset(used & {"summary", "caption"}) | frozenset(self.vocabulary.descriptions)

    def sizes(self, name: str) -> Sizes:
        """Sizes of a trained system: the network's defaults, then `networks`, then the system's own."""
        system = self.systems[name]
        assert system.network is not None
        return network_sizes(system.network, {**self.networks.get(system.network, {}), **system.sizes})

    def training_of(self, name: str) -> Training:
        """Training settings of a system: the section with the system's overrides."""
        return Training.model_validate({**self.training.model_dump(), **self.systems[name].training})

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
