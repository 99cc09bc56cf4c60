"""Decoding and features: the sections `media` and `features`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, Union, get_args

from pydantic import Discriminator, Field, Tag, model_validator

from pipeline import packages
from pipeline.config.architectures import ARCHITECTURES, FETCHED
from pipeline.config.base import Overrides
from pipeline.names import Name, Place
from pipeline.section import Section

if TYPE_CHECKING:
    import torch

    from pipeline.features.frame_networks import FrameNetwork
    from pipeline.features.sound_networks import SoundNetwork

Inputs = Literal["frames", "sound"]
"""What is decoded for a feature."""
Method = Literal["downsample", "spectral", "mean", "max"]
"""How a feature is reduced to fewer steps."""


class FrameMedia(Section):
    """What decoded frames depend on; sound is decoded as it is."""

    fps: Annotated[float, Field(ge=0.001, le=1000)] | Literal["source"] = Field(
        24.0, description="frames a second; `source` keeps the video's own rate"
    )
    resize: Literal["direct", "short_side", "source"] = Field(
        "direct",
        description="direct: to size x size (the paper); short_side: short side to size, shape kept; source: not",
    )
    size: int = Field(224, ge=16, le=16384, description="pixels, for direct and short_side")
    scaler: Literal["bilinear", "bicubic", "area", "lanczos"] = Field("bilinear", description="zimg's; area: swscale's")


class Limits(Section):
    """What is put up with. What is decoded within them does not depend on them."""

    max_bad_fraction: float = Field(
        0.05, ge=0, le=1, description="share of a shard's videos that may be bad; above 0, one is always allowed"
    )
    max_pixels: int = Field(
        36_000_000,
        ge=1024,
        le=268_000_000,
        description="width x height of a video's pictures, and of decoded frames; the default lets 8K pass",
    )
    max_seconds: float = Field(14_400.0, gt=0, le=604_800, description="length of a video's pictures, or of its sound")
    max_frames: int = Field(500_000, ge=1, le=100_000_000, description="frames of a video, at the rate that is decoded")
    max_gap: float = Field(
        600.0, gt=0, le=604_800, description="seconds for which one picture may stand, or the sound be missing"
    )


class Media(FrameMedia, Limits):
    """Decoding: frames, and what is put up with."""


class FlowSettings(Section):
    """Optical flow between neighbouring frames."""

    method: Literal["tvl1", "tvl1_opencv", "dis", "farneback", "raft_small"] = Field(
        "tvl1",
        description="tvl1: TV-L1 as in the paper, in batches on the device; tvl1_opencv: the reference, on the CPU; "
        "dis, farneback (CPU) and raft_small (device): other methods",
    )
    weights: Place | None = Field(None, description="weights of raft_small (torchvision's or the original key names)")
    bound: float = Field(
        20.0, gt=0, le=10_000, description="flow is clipped to [-bound, bound] pixels and scaled to [-1, 1]"
    )


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


class FrameFeature(FeatureBase):
    """What every feature of frames has."""

    inputs: ClassVar[Inputs] = "frames"
    input_size: int | None = Field(
        None,
        ge=32,
        le=16384,
        description="resized to this square on the device; null: as decoded, for `image` what the network was made for",
    )
    crop: int | None = Field(None, ge=32, le=16384, description="centre crop after the resize, pixels")
    media: Annotated[dict[str, Any], Overrides(FrameMedia)] = Field(
        {}, description="overrides of the media section for this feature alone: fps, resize, size, scaler"
    )


class I3DFeature(FrameFeature):
    """Inception-v1 I3D on frames (rgb) or flow; ResNet50 I3D on frames."""

    network: Literal["i3d_rgb", "i3d_flow", "i3d_r50"] = Field(description="the network and its input")
    weights: Place | Literal["kinetics", "random"] = Field(
        "kinetics",
        description=(
            "kinetics: the published Kinetics-400 weights (for flow: averaged over colours, labelled so); "
            "a file in the published format; random: seeded random weights, labelled so"
        ),
    )
    window: int = Field(16, ge=2, le=10_000, description="frames in a window")
    stride: int = Field(16, ge=1, le=1_000_000, description="frames between windows")
    batch: int | None = Field(None, ge=1, le=1_000_000, description="windows a batch; null: 8 on a CPU, 64 on a GPU")
    flow: FlowSettings = Field(FlowSettings(), description="for i3d_flow")


class ImageFeature(FrameFeature):
    """A network of single pictures, trained on ImageNet: a vector a frame, before the classifier."""

    window: ClassVar[int] = 1
    stride: ClassVar[int] = 1
    network: Literal["image"] = Field(description="the kind of network")
    architecture: Name = Field(
        FETCHED, description=f"{FETCHED}, or a network of torchvision by its name there: inception_v3, resnet50 ..."
    )
    weights: Place | Literal["imagenet", "random"] = Field(
        "imagenet",
        description=f"imagenet: of {FETCHED}, fetched once; a file of torchvision's weights for the architecture; "
        "random: seeded random weights, labelled so",
    )
    batch: int | None = Field(None, ge=1, le=1_000_000, description="frames a batch; null: 8 on a CPU, 64 on a GPU")

    @model_validator(mode="after")
    def _architecture_fits(self) -> Self:
        if self.architecture not in ARCHITECTURES:
            raise ValueError(f"architecture: {self.architecture!r} is none of {', '.join(ARCHITECTURES)}")
        if self.weights == "imagenet" and self.architecture != FETCHED:
            raise ValueError(
                f"weights: imagenet is there of {FETCHED} alone; give torchvision's file of {self.architecture}, "
                "or `random`"
            )
        return self


class SoundFeature(FeatureBase):
    """What every feature of sound has."""

    inputs: ClassVar[Inputs] = "sound"
    resampler: Literal["resampy", "torchaudio"] = Field(
        "resampy", description="to the network's rate; resampy 0.2 is the published"
    )


class VGGishFeature(SoundFeature):
    """VGGish on 0.96 s log-mel patches."""

    network: Literal["vggish"] = Field(description="the network")
    weights: Place | Literal["random"] = Field(
        "random", description="vggish-10086976.pth, or random (seeded, labelled so)"
    )
    relu: bool = Field(False, description="ReLU after the embedding, as torchvggish has it; AudioSet has none")
    pca: Place | None = Field(None, description="vggish_pca_params.npz: PCA, whitening and 8-bit quantisation")
    batch: int = Field(64, ge=1, le=1_000_000, description="patches a batch")


class CNN10Feature(SoundFeature):
    """PANNs CNN10 (AudioSet): a vector every 0.16 s, before the network's mean over time."""

    network: Literal["cnn10"] = Field(description="the network")
    weights: Place | Literal["random"] = Field(
        "random", description="Cnn10_mAP=0.380.pth of PANNs, or random (seeded, labelled so)"
    )
    batch: int = Field(8, ge=1, le=1_000_000, description="stretches of 10.08 s a batch")


class YAMNetFeature(SoundFeature):
    """YAMNet (AudioSet) on 0.96 s log-mel patches every 0.48 s."""

    network: Literal["yamnet"] = Field(description="the network")
    weights: Place = Field(description="lite-model_yamnet_classification_tflite_1.tflite")
    batch: int = Field(64, ge=1, le=1_000_000, description="patches a batch")


class PackageFrames(packages.Sourced, FrameFeature):
    """Base of a feature of frames of another package, which makes its network itself."""

    network: Name = Field(description="the network")
    window: int = Field(1, ge=1, le=10_000, description="frames in a window")
    stride: int = Field(1, ge=1, le=1_000_000, description="frames between windows")
    batch: int | None = Field(None, ge=1, le=1_000_000, description="windows a batch; null: 8 on a CPU, 64 on a GPU")

    def load(self, resources: Path, device: "torch.device") -> "FrameNetwork":
        """What computes it, on ``device``; torch is imported here. resources: the folder of fetched weights."""
        raise NotImplementedError


class PackageSound(packages.Sourced, SoundFeature):
    """Base of a feature of sound of another package, which makes its network itself."""

    network: Name = Field(description="the network")
    batch: int = Field(64, ge=1, le=1_000_000, description="what it is given at once, a batch")

    def load(self, device: "torch.device") -> "SoundNetwork":
        """What computes it, on ``device``; torch is imported here."""
        raise NotImplementedError


def _kind(value: Any) -> str | None:
    """The kind of an entry, validated or not, by its network; None where there is no such network."""
    network = value.get("network") if isinstance(value, dict) else getattr(value, "network", None)
    return _BY_NETWORK.get(str(network))


_OWN = {
    name: kind
    for kind in (I3DFeature, ImageFeature, VGGishFeature, CNN10Feature, YAMNetFeature)
    for name in get_args(kind.model_fields["network"].annotation)
}
_KINDS = {**_OWN, **packages.brought(packages.FEATURES, _OWN, PackageFrames, PackageSound)}
_BY_NETWORK = {name: kind.__name__ if name in _OWN else name for name, kind in _KINDS.items()}

if TYPE_CHECKING:
    Feature = I3DFeature | ImageFeature | VGGishFeature | CNN10Feature | YAMNetFeature | PackageFrames | PackageSound
else:
    Feature = Annotated[
        Union[tuple(Annotated[_KINDS[name], Tag(tag)] for name, tag in _BY_NETWORK.items())],  # noqa: UP007, a tag a kind
        Discriminator(
            _kind,
            custom_error_type="network",
            custom_error_message=f"network: expected one of {', '.join(_BY_NETWORK)}",
        ),
    ]
