"""Decoding and features: the sections `media` and `features`."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from pipeline.config.base import Section

Inputs = Literal["frames", "sound"]
"""What is decoded for a feature."""


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
