"""The networks of frames, as the extractor uses them: what each makes of a batch of windows, and how that is called."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.config import I3DFeature, ImageFeature, PackageFrames
from pipeline.features.checkpoints import Loaded
from pipeline.features.i3d import I3D, has_bfloat16
from pipeline.features.images import ImageNetwork, dims_of, load_image
from pipeline.features.r50 import DIMS, I3DR50, load_r50
from pipeline.features.shared_i3d import window_features
from pipeline.features.weights import load_i3d
from pipeline.features.windows import Table
from pipeline.hdf5 import Attribute
from pipeline.tensors import sent_to


@dataclass(frozen=True)
class FrameNetwork:
    """A network ready for inference.

    size: pixels of the square that frames are resized to, None: they stay as decoded. dims: values of a window, D.
    compute: frames (F, H, W, C), each once, and the table of N windows in them -> (N, D). attributes: what the values
    come from, `weights` at the least; they are the shard's.
    """

    network: nn.Module
    size: int | None
    dims: int
    compute: Callable[[Tensor, Table], Tensor]
    attributes: dict[str, Attribute]


def load_network(
    feature: I3DFeature | ImageFeature | PackageFrames, resources: Path, device: torch.device
) -> FrameNetwork:
    """The network of a feature with its weights, on ``device``. Raises `UserError` for weights that do not fit."""
    if isinstance(feature, PackageFrames):
        return feature.load(resources, device)
    if isinstance(feature, ImageFeature):
        return _image(feature, resources, device)
    if feature.network == "i3d_r50":
        return _r50(feature, device)
    return _i3d(feature, resources, device)


def _image(feature: ImageFeature, resources: Path, device: torch.device) -> FrameNetwork:
    loaded = load_image(feature.architecture, feature.weights, resources)
    network = loaded.network.prepare(device)
    size = feature.input_size or network.size
    attributes = {
        **_weights(loaded),
        "architecture": feature.architecture,
        "layer": "input of the classifier, mean over space",
        "colours": f"in [0, 1], less {_listed(network.mean)}, by {_listed(network.deviation)}",
        "precision": "float32",
    }

    def compute(frames: Tensor, _table: Table) -> Tensor:
        return network.features(frames)  # a window is a frame

    return FrameNetwork(network, size, dims_of(network, feature.crop or size), compute, attributes)


def _r50(feature: I3DFeature, device: torch.device) -> FrameNetwork:
    loaded = load_r50(feature.weights)
    network = loaded.network.prepare(device)

    def compute(frames: Tensor, table: Table) -> Tensor:
        (numbers,) = sent_to(frames.device, torch.tensor(table))
        return network.features(frames[numbers])

    attributes = {**_weights(loaded), **_windows(feature), "precision": "float32"}
    return FrameNetwork(network, feature.input_size, DIMS, compute, attributes)


def _i3d(feature: I3DFeature, resources: Path, device: torch.device) -> FrameNetwork:
    loaded = load_i3d(feature.weights, resources, "flow" if feature.network == "i3d_flow" else "rgb")
    network: I3D = loaded.network.prepare(device)

    def compute(frames: Tensor, table: Table) -> Tensor:
        return window_features(network, frames, table)

    precision = "bfloat16" if has_bfloat16(device) else "float32"
    attributes = {**_weights(loaded), **_windows(feature), "precision": precision}
    return FrameNetwork(network, feature.input_size, network.dims(feature.window), compute, attributes)


def _weights(loaded: Loaded[ImageNetwork] | Loaded[I3DR50] | Loaded[I3D]) -> dict[str, Attribute]:
    return {"weights": loaded.label, "weights_sha256": loaded.sha256, **loaded.said}


def _listed(values: Tensor) -> str:
    return " ".join(f"{value:.6g}" for value in values.flatten().tolist())


def _windows(feature: I3DFeature) -> dict[str, Attribute]:
    return {
        "window": feature.window,
        "stride": feature.stride,
        "past_the_end": "repeats the window's first frame",
    }
