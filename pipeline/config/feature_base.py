"""What every feature has: the entry's common keys, and the reduction of its time steps."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.names import Place
from pipeline.section import Section

Inputs = Literal["frames", "sound"]
"""What is decoded for a feature."""
Method = Literal["downsample", "spectral", "mean", "max"]
"""How a feature is reduced to fewer steps."""


class Reduce(Section):
    """The reduction to a fraction of the time steps, a front end of extraction."""

    rate: float = Field(
        ge=0.001, le=1, description="share of the steps that is left: ceil(rate x steps); 1: all of them"
    )
    method: Method = Field(
        "downsample",
        description="downsample: the steps floor(m / rate); spectral: the spectrum along time cropped; "
        "mean, max: pooled in bins of equal length",
    )
    at: Literal["input", "steps"] = Field(
        "input",
        description="input: what the network is given, so that it has less to do: frames of `image`, windows of I3D "
        "(both by downsample alone), log-mel frames of sound networks; steps: the rows it gives",
    )
    norm: Literal["mean", "ortho"] = Field(
        "mean", description="scale of spectral: mean keeps the level; ortho: a pair of orthonormal transforms"
    )


class FeatureBase(Section):
    """What every feature has."""

    inputs: ClassVar[Inputs]
    npy: Place | None = Field(
        None, description="a folder of <video id>.npy files: gathered instead of computed, nothing is decoded"
    )
    dtype: Literal["float16", "float32"] = Field("float16", description="type of the stored values")
    reduce: Reduce | None = Field(None, description="rate, method, at, norm: fewer time steps; null: all of them")

    def reduction(self, at: Literal["input", "steps"]) -> Reduce | None:
        """The reduction where it acts on ``at`` and leaves fewer steps than there are."""
        found = self.reduce
        return None if found is None or found.at != at or found.rate == 1 else found

    @model_validator(mode="after")
    def _reduction_fits(self) -> Self:
        if self.reduce is None:
            return self
        if self.npy is not None:
            raise ValueError("npy: gathered features are taken as they are; take `reduce` out")
        if self.inputs == "frames" and self.reduce.at == "input" and self.reduce.method != "downsample":
            raise ValueError(
                f"reduce: frames and windows are reduced by downsample, not by {self.reduce.method}; "
                "with `at: steps` every method acts on the rows"
            )
        return self
