"""The networks of sound, as the extractor uses them: what each hears, and what it makes of a batch of it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.config import CNN10Feature, PackageSound, VGGishFeature, YAMNetFeature
from pipeline.features import logmel, panns, vggish, yamnet
from pipeline.features.checkpoints import file_sha256
from pipeline.features.hearing import Hearing
from pipeline.hdf5 import Attribute


@dataclass(frozen=True)
class SoundNetwork:
    """A network ready for inference. compute: (N, frames, bands) log-mel -> rows (N x rows of each, dims)."""

    hearing: Hearing
    dims: int
    compute: Callable[[Tensor], Tensor]
    attributes: dict[str, Attribute]


def load_network(
    feature: VGGishFeature | CNN10Feature | YAMNetFeature | PackageSound, device: torch.device
) -> SoundNetwork:
    """The network of a feature with its weights, on ``device``. Raises `UserError` for weights that do not fit."""
    if isinstance(feature, PackageSound):
        return feature.load(device)
    if isinstance(feature, CNN10Feature):
        return _cnn10(feature, device)
    return _yamnet(feature, device) if isinstance(feature, YAMNetFeature) else _vggish(feature, device)


def _vggish(feature: VGGishFeature, device: torch.device) -> SoundNetwork:
    loaded = vggish.load_vggish(feature.weights)
    network = loaded.network.prepare(device)
    quantiser = None if feature.pca is None else vggish.load_quantiser(feature.pca).to(device)

    def compute(patches: Tensor) -> Tensor:
        embeddings: Tensor = network(patches)
        if feature.relu:
            embeddings = embeddings.relu()
        return embeddings if quantiser is None else quantiser(embeddings)

    attributes: dict[str, Attribute] = {
        "weights": loaded.label,
        "weights_sha256": loaded.sha256,
        "relu": feature.relu,
        "pca_sha256": "" if feature.pca is None else file_sha256(feature.pca),
    }
    return SoundNetwork(logmel.HEARING, vggish.DIMS, compute, attributes)


def _cnn10(feature: CNN10Feature, device: torch.device) -> SoundNetwork:
    loaded = panns.load_cnn10(feature.weights)
    network = loaded.network.prepare(device)

    def compute(stretches: Tensor) -> Tensor:
        maps: Tensor = network(stretches)
        return maps.flatten(0, 1)

    attributes: dict[str, Attribute] = {
        "weights": loaded.label,
        "weights_sha256": loaded.sha256,
        "layer": "conv_block4, mean over frequency",
    }
    return SoundNetwork(panns.HEARING, panns.DIMS, compute, attributes)


def _yamnet(feature: YAMNetFeature, device: torch.device) -> SoundNetwork:
    loaded = yamnet.load_yamnet(feature.weights)
    attributes: dict[str, Attribute] = {
        "weights": loaded.label,
        "weights_sha256": loaded.sha256,
        "layer": "input of the classifier, mean over time and frequency",
    }
    return SoundNetwork(yamnet.HEARING, yamnet.DIMS, loaded.network.prepare(device), attributes)
