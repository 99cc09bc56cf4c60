"""The section `training`."""

from typing import Literal

from pydantic import Field

from pipeline.config.base import Seed
from pipeline.section import Section

LARGEST = 1e38
"""A number that float32 has."""


class Training(Section):
    """The training loop."""

    epochs: int = Field(20, ge=1, le=100_000, description="at most")
    batch_turns: int = Field(64, ge=1, le=1_000_000, description="turns in a batch, of all processes together")
    batch_by: Literal["dialog", "turn"] = Field(
        "dialog", description="dialog: batches of whole dialogs, several times faster; turn: of single turns, the paper"
    )
    learning_rate: float = Field(
        1e-3, gt=0, le=LARGEST, description="Adam's; halved when validation perplexity did not fall"
    )
    clip: float = Field(5.0, gt=0, le=LARGEST, description="gradient norm is clipped at this")
    lambda_context: float = Field(1.0, ge=0, le=1e6, description="weight of the context-vector loss in L'_ST and L_JST")
    temperature: float = Field(
        1.0,
        gt=0,
        le=1000,
        description="of the soft targets in L_ST, L'_ST and L_JST: teacher and student are both softened by it (Hinton "
        "et al., 2015); 1: the paper",
    )
    lambda_hard: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="weight of the student's own cross entropy on the true words in L_ST, L'_ST, L_JST; 0: the paper",
    )
    margin: float = Field(
        10.0, gt=0, le=1e6, description="of the loss ranking: how far right pairs are to be above wrong"
    )
    l2: float = Field(
        5e-4, ge=0, le=1e6, description="weight of the squared weights, which the losses ranking and blank have besides"
    )
    lambda_representation: float = Field(1.0, ge=0, le=1e6, description="weight of L_rep in the losses rep and rep_ce")
    lambda_concepts: float = Field(
        1.0, ge=0, le=1e6, description="weight of L_con, the loss concepts: binary cross entropies of concept words"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="of the hard targets in training; 0: none")
    average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="weights are averaged over steps, the average keeping this share of itself at each: it is "
        "validated, kept and answered with; 0: the last weights are",
    )
    patience: int | None = Field(None, ge=1, le=100_000, description="end after so many epochs without improvement")
    cache_soft_targets: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="L_ST, L'_ST: MiB for the frozen teacher's word scores of all training turns, computed once; 0: "
        "computed anew in every epoch",
    )
    student_from_teacher: bool = Field(
        False, description="L_ST, L'_ST, L_JST: start a student from its teacher's weights; not beside its `init_from`"
    )
    joint_teacher_from_scratch: bool = Field(False, description="L_JST: do not start the teacher from the trained one")
    joint_shared_pass: bool = Field(
        False, description="L_JST: soft targets from the teacher's training pass, with dropout, not from one without"
    )
    seed: Seed = Field(1, description="of weights, order and dropout")
    precision: Literal["auto", "float32", "bfloat16"] = Field("auto", description="auto: bfloat16 on GPUs that have it")
