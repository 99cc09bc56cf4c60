"""Features of sound and those of other packages, and every kind of entry of the section `features`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union, get_args

from pydantic import Discriminator, Field, Tag

from pipeline import packages
from pipeline.config.feature_base import FeatureBase, Inputs
from pipeline.config.frame_features import FrameFeature, I3DFeature, ImageFeature
from pipeline.names import Name, Place

if TYPE_CHECKING:
    import torch

    from pipeline.features.frame_networks import FrameNetwork
    from pipeline.features.sound_networks import SoundNetwork


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
