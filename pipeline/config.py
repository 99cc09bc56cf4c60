"""The typed configuration: one pydantic model a section.

`config.yaml` holds the default experiment; files in `configs/` are laid over it. The JSON schema and
docs/configuration.md are generated from this module, and a test fails when they drift.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipeline.errors import UserError
from pipeline.networks.sizes import SIZES, Sizes

SPLITS = ("training", "validation", "trial", "official")
TEST_SETS: tuple["TestSet", ...] = ("trial", "official")
TestSet = Literal["trial", "official"]
Description = Literal["none", "summary", "caption", "both"]
Loss = Literal["ce", "st", "st_context", "joint"]
Inputs = Literal["frames", "sound"]
"""What is decoded for a feature."""


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SceneCounts(Section):
    """How many scenes of each split the generator makes."""

    training: int = Field(240, ge=1, description="training scenes")
    validation: int = Field(40, ge=1, description="validation scenes, apart from the trial scenes it also holds")
    trial: int = Field(40, ge=1, description="trial scenes: also part of validation, as in the real data")
    official: int = Field(40, ge=1, description="official test scenes")


class Scenes(Section):
    """The corpus the project makes itself."""

    counts: SceneCounts = Field(SceneCounts(), description="scenes per split")
    seed: int = Field(1, ge=0, description="the corpus is a function of this number and the settings here")
    size: int = Field(96, ge=32, multiple_of=2, description="width and height of a clip, pixels")
    fps: int = Field(12, ge=4, description="frames per second of a clip")
    seconds: float = Field(4.0, ge=2, description="length of a clip")


class Dialogs(Section):
    """The user's dialog files, in the AVSD challenge's JSON format."""

    training: Path | None = Field(None, description="train_set4DSTC7-AVSD.json")
    validation: Path | None = Field(
        None, description="valid_set4DSTC7-AVSD.json; without one, `corpus.holdout` of the training dialogs serve"
    )
    trial: Path | None = Field(None, description="test_set.json, the trial (prototype) test set")
    official: Path | None = Field(None, description="test_set4DSTC7-AVSD.json")
    references: Path | None = Field(
        None, description="the official set's six references (COCO layout, or dialogs with several answers a turn)"
    )


class Corpus(Section):
    """Where dialogs and videos come from and how they are split."""

    source: Literal["scenes", "files"] = Field("scenes", description="the generator, or the user's files")
    scenes: Scenes = Field(Scenes(), description="settings of the generator")
    keep_trial_in_validation: bool = Field(
        False, description="the paper's literal setting: select the model on videos that are then tested on"
    )
    holdout: float = Field(0.1, gt=0, lt=1, description="share of training that becomes validation if none is given")
    limit: int | None = Field(None, ge=1, description="keep only the first so many training dialogs (a quick try)")
    shards: int = Field(8, ge=1, le=9999, description="feature shards; a video's shard is a hash of its id")


class FrameMedia(Section):
    """What decoded frames depend on; sound is decoded as it is."""

    fps: float | Literal["source"] = Field(24.0, description="frames a second; `source` keeps the video's own rate")
    resize: Literal["direct", "short_side", "source"] = Field(
        "direct",
        description="direct: to size x size (the paper); short_side: short side to size, shape kept; source: not",
    )
    size: int = Field(224, ge=16, description="pixels, for direct and short_side")
    scaler: Literal["bilinear", "bicubic", "area", "lanczos"] = Field("bilinear", description="zimg's; area: swscale's")


class Media(FrameMedia):
    """Decoding: frames, and how many bad videos are put up with."""

    max_bad_fraction: float = Field(
        0.05, ge=0, le=1, description="share of a shard's videos that may be bad; above 0, one is always allowed"
    )


class FlowSettings(Section):
    """Optical flow between neighbouring frames."""

    method: Literal["tvl1", "tvl1_opencv", "dis", "farneback", "raft_small"] = Field(
        "tvl1",
        description="tvl1: TV-L1 as in the paper, in batches on the device; tvl1_opencv: the reference, on the CPU; "
        "dis, farneback (CPU) and raft_small (device): other methods",
    )
    weights: Path | None = Field(None, description="weights of raft_small (torchvision's or the original key names)")
    bound: float = Field(20.0, gt=0, description="flow is clipped to [-bound, bound] pixels and scaled to [-1, 1]")


class FeatureBase(Section):
    """What every feature has."""

    npy: Path | None = Field(
        None, description="a folder of <video id>.npy files: gathered instead of computed, nothing is decoded"
    )
    dtype: Literal["float16", "float32"] = Field("float16", description="type of the stored values")


class I3DFeature(FeatureBase):
    """Inception-v1 I3D on frames (rgb) or flow; ResNet50 I3D on frames."""

    inputs: ClassVar[Inputs] = "frames"
    network: Literal["i3d_rgb", "i3d_flow", "i3d_r50"] = Field(description="the network and its input")
    weights: Path | Literal["kinetics", "random"] = Field(
        "kinetics",
        description=(
            "kinetics: the published Kinetics-400 weights (for flow: averaged over colours, labelled so); "
            "a file in the published format; random: seeded random weights, labelled so"
        ),
    )
    window: int = Field(16, ge=2, description="frames in a window")
    stride: int = Field(16, ge=1, description="frames between windows")
    input_size: int | None = Field(None, ge=32, description="resized to this square on the device; null: as decoded")
    crop: int | None = Field(None, ge=32, description="centre crop after the resize, pixels")
    batch: int | None = Field(None, ge=1, description="windows a batch; null: 8 on a CPU, 64 on a GPU")
    flow: FlowSettings = Field(FlowSettings(), description="for i3d_flow")
    media: dict[str, Any] = Field(
        {}, description="overrides of the media section for this feature alone: fps, resize, size, scaler"
    )

    @field_validator("media")
    @classmethod
    def _media_fits(cls, value: dict[str, Any]) -> dict[str, Any]:
        FrameMedia.model_validate(value)
        return value


class VGGishFeature(FeatureBase):
    """VGGish on 0.96 s log-mel patches."""

    inputs: ClassVar[Inputs] = "sound"
    network: Literal["vggish"] = Field(description="the network")
    weights: Path | Literal["random"] = Field(
        "random", description="vggish-10086976.pth, or random (seeded, labelled so)"
    )
    relu: bool = Field(False, description="ReLU after the embedding, as torchvggish has it; AudioSet has none")
    resampler: Literal["resampy", "torchaudio"] = Field(
        "resampy", description="to 16 kHz; resampy 0.2 is the published"
    )
    pca: Path | None = Field(None, description="vggish_pca_params.npz: PCA, whitening and 8-bit quantisation")
    batch: int = Field(64, ge=1, description="patches a batch")


Feature = Annotated[I3DFeature | VGGishFeature, Field(discriminator="network")]


class Vocabulary(Section):
    """Words and ids."""

    min_count: int = Field(4, ge=1, description="a word must occur this often in the training text")


class SystemDescription(Section):
    """Which description stands in front of the question."""

    train: Description = Field("none", description="in training")
    test: Description = Field("none", description="at test")


class Training(Section):
    """The training loop."""

    epochs: int = Field(20, ge=1, description="at most")
    batch_turns: int = Field(64, ge=1, description="turns in a batch, made of whole dialogs")
    learning_rate: float = Field(1e-3, gt=0, description="Adam's; halved when validation perplexity did not fall")
    clip: float = Field(5.0, gt=0, description="gradient norm is clipped at this")
    lambda_context: float = Field(1.0, ge=0, description="weight of the context-vector loss in L'_ST and L_JST")
    patience: int | None = Field(None, ge=1, description="end after so many epochs without improvement")
    student_from_teacher: bool = Field(False, description="start a student from its teacher's weights")
    joint_teacher_from_scratch: bool = Field(False, description="L_JST: do not start the teacher from the trained one")
    seed: int = Field(1, ge=0, description="of weights, order and dropout")
    precision: Literal["auto", "float32", "bfloat16"] = Field("auto", description="auto: bfloat16 on GPUs that have it")


class System(Section):
    """One dialog system: a row of the tables, or a variant of one that is only tested differently."""

    label: str = Field(description="name in tables and report")
    task: Literal["answer"] = Field("answer", description="what the system does")
    network: str | None = Field(None, description="attention or naive_fusion; null when `model` is given")
    sizes: dict[str, Any] = Field({}, description="overrides of the network's sizes")
    features: tuple[str, ...] = Field((), description="features it sees; may be empty")
    history: bool = Field(True, description="whether it sees the dialog so far")
    description: SystemDescription = Field(SystemDescription(), description="in front of the question")
    loss: Loss = Field("ce", description="ce: cross entropy; st: eq. 9; st_context: eq. 10; joint: eq. 11")
    teacher: str | None = Field(None, description="the system that teaches it (losses st, st_context, joint)")
    model: str | None = Field(None, description="another system whose trained model this one answers with")
    without: tuple[str, ...] = Field(
        (), description="inputs taken away at test (features, or `history`): what does the model use them for?"
    )
    training: dict[str, Any] = Field({}, description="overrides of the training section")
    test_sets: tuple[TestSet, ...] = Field(TEST_SETS, description="test sets it answers and is scored on")
    row: str | None = Field(None, description="the paper's row it stands beside in the tables; null: report only")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.model is None) == (self.network is None):
            raise ValueError("give either network (a system of its own) or model (another system's model)")
        if (self.loss != "ce") != (self.teacher is not None):
            raise ValueError("teacher goes with the losses st, st_context and joint")
        return self


class Answers(Section):
    """Beam search."""

    beam: int = Field(5, ge=1, description="width; 1 is greedy")
    bonus: float = Field(1.0, description="added to the log probability for each word, `<eos>` included")
    min_length: int = Field(1, ge=0, description="words at least")
    max_length: int = Field(30, ge=1, description="words at most")
    n_best: int = Field(5, ge=1, description="answers kept beside the best one")
    batch_turns: int = Field(64, ge=1, description="turns searched at once")


class Scoring(Section):
    """Metrics."""

    filter: Literal["organisers", "punctuation", "none"] = Field(
        "organisers", description="organisers: every one-character token is dropped, as in the published figures"
    )
    bootstrap: int = Field(1000, ge=0, description="resamples for the 95 % intervals; 0: none")


class Config(Section):
    """The whole configuration."""

    results: Path = Field(Path("results"), description="folder for everything the workflow makes")
    resources: Path = Field(Path("resources"), description="folder for fetched weights; shared by experiments")
    videos: Path | None = Field(None, description="the user's videos: a folder (with source: files)")
    dialogs: Dialogs = Field(Dialogs(), description="the user's dialog files (with source: files)")
    run: tuple[str, ...] = Field((), description="systems to train, answer with and score; empty: features only")
    extract: tuple[str, ...] = Field((), description="features to compute even if no system uses them")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1 ...")
    corpus: Corpus = Field(Corpus(), description="dialogs, splits, shards")
    media: Media = Field(Media(), description="decoding")
    features: dict[str, Feature] = Field({}, description="feature definitions by name")
    vocabulary: Vocabulary = Field(Vocabulary(), description="words and ids")
    networks: dict[str, dict[str, Any]] = Field({}, description="sizes by network, for all systems of it")
    training: Training = Field(Training(), description="the loop")
    systems: dict[str, System] = Field({}, description="systems by name")
    answers: Answers = Field(Answers(), description="beam search")
    scoring: Scoring = Field(Scoring(), description="metrics")

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
            if key == "teacher" and self.systems[other].teacher is not None:
                raise ValueError(f"systems.{name}.teacher: {other!r} is itself a student")
        for feature in system.features:
            if feature not in self.features:
                raise ValueError(f"systems.{name}.features: {feature!r} is not in features")
        if system.model is None:
            self.sizes(name)
            self.training_of(name)

    def _check_without(self, name: str) -> None:
        inputs = (*self.trained(name)[1].features, "history")
        for lost in self.systems[name].without:
            if lost not in inputs:
                raise ValueError(f"systems.{name}.without: {lost!r} is not an input of the model ({', '.join(inputs)})")

    def trained(self, name: str) -> tuple[str, System]:
        """The system whose trained model ``name`` answers with (itself, unless `model` names another)."""
        system = self.systems[name]
        return (name, system) if system.model is None else (system.model, self.systems[system.model])

    def descriptions(self) -> frozenset[str]:
        """Description fields (`summary`, `caption`) any system of `run`, or its teacher, reads."""
        systems = [self.trained(name)[1] for name in self.run] + [self.systems[name] for name in self.run]
        systems += [self.systems[system.teacher] for system in systems if system.teacher is not None]
        used = {kind for system in systems for kind in (system.description.train, system.description.test)}
        return frozenset({"summary", "caption"} if "both" in used else used - {"none"})

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


def merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Lay one configuration over another: mappings merge key by key, everything else is replaced."""
    merged = dict(base)
    for key, value in overlay.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def parse(values: dict[str, Any], source: str = "configuration") -> Config:
    """Validate a plain mapping; the first problem becomes a one-line `UserError`."""
    try:
        return Config.model_validate(_nulls(values))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise UserError(f"{source}: {where + ': ' if where else ''}{message}{more}") from None


def _nulls(value: Any) -> Any:
    """``value`` with the text `null` as None: Snakemake's --config gives every scalar as text."""
    if isinstance(value, dict):
        return {key: _nulls(item) for key, item in value.items()}
    return None if value == "null" else value


def load(sources: Sequence[str]) -> Config:
    """Read the configuration from files, or inline JSON, each laid over the one before.

    The rules give a command exactly the settings it depends on as inline JSON; by hand one gives files.
    """
    values: dict[str, Any] = {}
    for source in sources:
        values = merge(values, _read(source))
    return parse(values, ", ".join(source if not source.startswith("{") else "--config" for source in sources))


def _read(source: str) -> dict[str, Any]:
    if source.startswith("{"):
        try:
            loaded = json.loads(source)
        except json.JSONDecodeError as error:
            raise UserError(f"--config: not JSON ({error})") from None
    else:
        try:
            loaded = yaml.safe_load(Path(source).read_text(encoding="utf-8")) or {}
        except FileNotFoundError:
            raise UserError(f"{source}: no such configuration file") from None
        except yaml.YAMLError as error:
            raise UserError(f"{source}: not YAML ({' '.join(str(error).split())})") from None
    if not isinstance(loaded, dict):
        raise UserError(f"{source}: a configuration is a mapping, not {type(loaded).__name__}")
    return loaded
