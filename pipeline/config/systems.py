"""Dialog systems and their training: the sections `systems` and `training`."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.base import TEST_SETS, Section, TestSet

Loss = Literal["ce", "st", "st_context", "joint"]
Manual = Literal["none", "summary", "caption", "both"]
"""A person's description of the video, or none."""


def _json_file(value: Path) -> Path:
    if value.suffix != ".json":
        raise ValueError(f"{str(value)!r} is none of none, summary, caption, both, nor a .json file")
    return value


Description = Manual | Annotated[Path, AfterValidator(_json_file)]
"""A person's description, or a file of automatic ones."""


class SystemDescription(Section):
    """Which description stands in front of the question: none, a person's (summary, caption or both), or a file's.

    A file holds automatic descriptions, JSON {video id: sentence}.
    """

    train: Description = Field("none", description="in training; a .json file: {video id: automatic description}")
    test: Description = Field("none", description="at test, likewise")

    def file(self, when: Literal["train", "test"]) -> Path | None:
        """The file of automatic descriptions, if there is one."""
        value = self.train if when == "train" else self.test
        return value if isinstance(value, Path) else None


class Training(Section):
    """The training loop."""

    epochs: int = Field(20, ge=1, description="at most")
    batch_turns: int = Field(64, ge=1, description="turns in a batch, of all processes together")
    batch_by: Literal["dialog", "turn"] = Field(
        "dialog", description="dialog: batches of whole dialogs, several times faster; turn: of single turns, the paper"
    )
    learning_rate: float = Field(1e-3, gt=0, description="Adam's; halved when validation perplexity did not fall")
    clip: float = Field(5.0, gt=0, description="gradient norm is clipped at this")
    lambda_context: float = Field(1.0, ge=0, description="weight of the context-vector loss in L'_ST and L_JST")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="of the hard targets in training; 0: none")
    average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="weights are averaged over steps, the average keeping this share of itself at each: it is "
        "validated, kept and answered with; 0: the last weights are",
    )
    patience: int | None = Field(None, ge=1, description="end after so many epochs without improvement")
    cache_soft_targets: int = Field(
        0,
        ge=0,
        description="L_ST, L'_ST: MiB for the frozen teacher's word scores of all training turns, computed once; 0: "
        "computed anew in every epoch",
    )
    student_from_teacher: bool = Field(False, description="start a student from its teacher's weights")
    joint_teacher_from_scratch: bool = Field(False, description="L_JST: do not start the teacher from the trained one")
    joint_shared_pass: bool = Field(
        False, description="L_JST: soft targets from the teacher's training pass, with dropout, not from one without"
    )
    seed: int = Field(1, ge=0, description="of weights, order and dropout")
    precision: Literal["auto", "float32", "bfloat16"] = Field("auto", description="auto: bfloat16 on GPUs that have it")


class System(Section):
    """One dialog system: a row of the tables, or a variant of one that is only tested differently."""

    label: str = Field(description="name in tables and report")
    task: Literal["answer"] = Field("answer", description="what the system does")
    network: str | None = Field(None, description="attention, naive_fusion or hierarchical; null when `model` is given")
    sizes: dict[str, Any] = Field({}, description="overrides of the network's sizes")
    features: tuple[str, ...] = Field((), description="features it sees; may be empty")
    history: bool = Field(True, description="whether it sees the dialog so far")
    description: SystemDescription = Field(SystemDescription(), description="in front of the question")
    loss: Loss = Field("ce", description="ce: cross entropy; st: eq. 9; st_context: eq. 10; joint: eq. 11")
    teacher: str | None = Field(None, description="the system that teaches it (losses st, st_context, joint)")
    init_from: Path | None = Field(
        None,
        description="a trained model's folder to start from: weights that fit by name and size, words by spelling",
    )
    model: str | None = Field(None, description="another system whose trained model this one answers with")
    ensemble: bool = Field(
        False, description="answer with all seeds of `model` at once: the mean of their probabilities at every word"
    )
    without: tuple[str, ...] = Field(
        (), description="inputs taken away at test (features, or `history`): what does the model use them for?"
    )
    training: dict[str, Any] = Field({}, description="overrides of the training section")
    test_sets: tuple[TestSet, ...] = Field(TEST_SETS, description="test sets it answers and is scored on")
    seeds: int = Field(
        1,
        ge=1,
        description="times it is trained: entries NAME_s2, NAME_s3 ... with the seeds after its own, run with it",
    )
    seed_of: str | None = Field(None, description="the entry that this one is a further seed of (written by `seeds`)")
    row: str | None = Field(None, description="the paper's row it stands beside in the tables; null: report only")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.model is None) == (self.network is None):
            raise ValueError("give either network (a system of its own) or model (another system's model)")
        if (self.loss != "ce") != (self.teacher is not None):
            raise ValueError("teacher goes with the losses st, st_context and joint")
        if self.ensemble and (self.model is None or self.seed_of is not None):
            raise ValueError("ensemble goes with model, all seeds of which it answers with, and not with seeds")
        if self.model is not None and self.init_from is not None:
            raise ValueError("init_from goes with network: a system that answers with another's model learns nothing")
        return self
