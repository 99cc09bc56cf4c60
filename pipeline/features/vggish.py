"""VGGish (Hershey et al., 2017), with torchvggish's parameter names, and AudioSet's post-processing.

Shapes: N patches of 96 frames x 64 mel bands, 128 values each.
"""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.features.checkpoints import RANDOM_SEED, Loaded, file_sha256, fill, read_state
from pipeline.features.example_sounds import example_sounds
from pipeline.features.logmel import PATCH_SAMPLES, RATE, log_mel_patches
from pipeline.texts.arrays import read_arrays

DIMS = 128
LAYERS: tuple[int | None, ...] = (64, None, 128, None, 256, 256, None, 512, 512, None)
"""Channels of the convolutions; None is a max pool."""
QUANTISED = 2.0
"""AudioSet clips the whitened values to [-2, 2] before it makes bytes of them."""
_PCA_MB = 1
"""The published file of PCA parameters has 0.07 MB."""


class VGGish(nn.Module):
    """The network up to its embedding."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 1
        for channels in LAYERS:
            if channels is None:
                layers.append(nn.MaxPool2d(2, 2))
            else:
                layers += [nn.Conv2d(width, channels, 3, padding=1), nn.ReLU(inplace=True)]
                width = channels
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            nn.Linear(6 * 4 * 512, 4096), nn.ReLU(inplace=True), nn.Linear(4096, 4096), nn.ReLU(inplace=True),
            nn.Linear(4096, DIMS),
        )  # fmt: skip

    def forward(self, patches: Tensor) -> Tensor:
        """(N, 96, 64) log-mel -> (N, 128), before the last ReLU, as AudioSet has it (torchvggish applies one)."""
        maps = self.features(patches.unsqueeze(1))
        # The published weights come from TensorFlow, where channels are the last dimension.
        return cast(Tensor, self.embeddings(maps.permute(0, 2, 3, 1).flatten(1)))

    def prepare(self, device: torch.device) -> "VGGish":
        """Make it ready for inference on ``device``: channels-last, no gradients."""
        self.eval().requires_grad_(False)
        return self.to(device).to(memory_format=torch.channels_last)


class Quantiser(nn.Module):
    """AudioSet's PCA, whitening and quantisation to 8 bits, truncating as AudioSet does (torchvggish rounds).

    ``vectors`` (128, 128), a component a row; ``means`` (128,).
    """

    vectors: Tensor
    means: Tensor

    def __init__(self, vectors: Tensor, means: Tensor) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors)
        self.register_buffer("means", means)

    def forward(self, embeddings: Tensor) -> Tensor:
        """(N, 128) -> (N, 128) whole numbers from 0 to 255."""
        whitened = ((embeddings - self.means) @ self.vectors.T).clamp(-QUANTISED, QUANTISED)
        return ((whitened + QUANTISED) * (255 / (2 * QUANTISED))).floor()


def load_quantiser(path: Path) -> Quantiser:
    """From `vggish_pca_params.npz`. Raises `UserError` when the file is missing or holds something else."""
    found = read_arrays(path, ("pca_eigen_vectors", "pca_means"), _PCA_MB)
    vectors, means = (torch.from_numpy(array.astype(np.float32)) for array in found)
    means = means.flatten()
    if not (vectors.isfinite().all() and means.isfinite().all()):
        raise UserError(f"{path}: values that are not finite numbers; copy it again")
    if vectors.shape != (DIMS, DIMS) or means.shape != (DIMS,):
        raise UserError(f"{path}: shapes {tuple(vectors.shape)} and {tuple(means.shape)}, expected 128 x 128 and 128")
    return Quantiser(vectors, means)


def load_vggish(weights: Path | str) -> Loaded[VGGish]:
    """The network with a file's weights (`vggish-10086976.pth`), or `random` ones, labelled so.

    Raises `UserError` when the file is missing or does not fit.
    """
    if weights == "random":
        return Loaded(random_vggish(), f"random (seed {RANDOM_SEED}, untrained)", "")
    path = Path(weights)
    with torch.device("meta"):
        network = VGGish()
    # torchvggish's whole model also holds the post-processing, which is an option of its own here.
    state = {name: value for name, value in read_state(path).items() if not name.startswith("pproc.")}
    fill(network, state, path, "VGGish")
    return Loaded(network, path.name, file_sha256(path))


def random_vggish() -> VGGish:
    """Seeded random weights, scaled layer by layer so that every unit has mean 0 and variance 1 over example sounds.

    Log-mel values lie far from 0, so plain random layers give nearly the same vector for every sound; normalising each
    layer's outputs on data (Mishkin and Matas, 2016) keeps the differences between sounds through all layers.
    """
    with torch.device("meta"):
        network = VGGish()
    network.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(RANDOM_SEED)
    sounds = example_sounds(RATE, PATCH_SAMPLES)
    x = torch.cat([log_mel_patches(sound) for sound in sounds]).unsqueeze(1)
    with torch.no_grad():
        for layer in (*network.features, nn.Flatten(), *network.embeddings):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=generator)
                layer.bias = nn.Parameter(torch.zeros(layer.weight.shape[0]))
                y = layer(x)
                deviation, mean = torch.std_mean(y, dim=[dim for dim in range(y.dim()) if dim != 1])
                deviation = deviation.clamp(min=1e-3)
                layer.weight.div_(deviation.view(-1, *[1] * (layer.weight.dim() - 1)))
                layer.bias = nn.Parameter(-mean / deviation)
            if isinstance(layer, nn.Flatten):
                x = x.permute(0, 2, 3, 1)
            x = layer(x)
    return network
