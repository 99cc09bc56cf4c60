"""The networks of frames, as the extractor uses them: what each makes of a batch of windows, and how that is called."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.config import I3DFeature, ImageFeature, PackageFrames
from pipeline.features.checkpoints import Loaded
from pipeline.features.i3d import I3D, has_bfloat16
from pipeline.features.images import ImageNetwork, dims_of, load_image, map_of
from pipeline.features.maps import as_rows, map_attributes
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
    come from, `weights` at the least; they are the shard's. Of maps, `grid` among them is the JSON of [rows, columns].
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
    pixels = feature.crop or size
    dims, made, compute = _pictures(feature, network, pixels) if feature.pool == "none" else _vectors(network, pixels)
    attributes: dict[str, Attribute] = {
        **_weights(loaded),
        "architecture": feature.architecture,
        **made,
        "colours": f"in [0, 1], less {_listed(network.mean)}, by {_listed(network.deviation)}",
        "precision": "float32",
    }

    # A window is a frame.
    return FrameNetwork(network, size, dims, lambda frames, _table: compute(frames), attributes)


Made = tuple[int, dict[str, Attribute], Callable[[Tensor], Tensor]]
"""Dimensions, what a shard says of the layer, and pictures (N, H, W, 3) -> (N, dims)."""


def _vectors(network: ImageNetwork, pixels: int) -> Made:
    return dims_of(network, pixels), {"layer": "input of the classifier, mean over space"}, network.features


def _pictures(feature: ImageFeature, network: ImageNetwork, pixels: int) -> Made:
    rows, columns, channels = map_of(network, pixels, feature.layer)
    grid = feature.grid or (rows, columns)
    as_rows(torch.zeros(1, rows, columns, 1), grid)  # Refuses a grid that is too fine, before pictures are read.

    def compute(frames: Tensor) -> Tensor:
        return as_rows(network.places(frames, feature.layer), grid)

    layer = feature.layer or "the last map before the network pools"
    said = map_attributes(layer, grid, averaged=feature.grid is not None)
    return grid[0] * grid[1] * channels, said, compute


def _r50(feature: I3DFeature, device: torch.device) -> FrameNetwork:
    loaded = load_r50(feature.weights)
    network = loaded.network.prepare(device)

    shape = feature.map_shape()

    def compute(frames: Tensor, table: Table) -> Tensor:
        (numbers,) = sent_to(frames.device, torch.tensor(table))
        windows = frames[numbers]
        return (
            network.features(windows)
            if shape is None
            else as_rows(network.places(windows, feature.layer_name), shape[:2])
        )

    attributes = {**_weights(loaded), **_windows(feature), "precision": "float32"}
    return FrameNetwork(network, feature.input_size, DIMS if shape is None else prod(shape), compute, attributes)


def _i3d(feature: I3DFeature, resources: Path, device: torch.device) -> FrameNetwork:
    loaded = load_i3d(feature.weights, resources, "flow" if feature.network == "i3d_flow" else "rgb")
    network: I3D = loaded.network.prepare(device)

    shape = feature.map_shape()

    def read(mixed: Tensor) -> Tensor:
        return I3D.pool(mixed) if shape is None else as_rows(I3D.places(mixed), shape[:2])

    def compute(frames: Tensor, table: Table) -> Tensor:
        return window_features(network, frames, table, feature.layer_name, read)

    precision = "bfloat16" if has_bfloat16(device) else "float32"
    attributes = {**_weights(loaded), **_windows(feature), "precision": precision}
    dims = network.dims(feature.window) if shape is None else prod(shape)
    return FrameNetwork(network, feature.input_size, dims, compute, attributes)


def _weights(loaded: Loaded[ImageNetwork] | Loaded[I3DR50] | Loaded[I3D]) -> dict[str, Attribute]:
    return {"weights": loaded.label, "weights_sha256": loaded.sha256, **loaded.said}


def _listed(values: Tensor) -> str:
    return " ".join(f"{value:.6g}" for value in values.flatten().tolist())


def _windows(feature: I3DFeature) -> dict[str, Attribute]:
    shape = feature.map_shape()
    maps = {} if shape is None else map_attributes(feature.layer_name, shape[:2], averaged=feature.grid is not None)
    return {
        **maps,
        "window": feature.window,
        "stride": feature.stride,
        "past_the_end": "repeats the window's first frame",
    }
