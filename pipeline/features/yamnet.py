"""YAMNet (AudioSet; MobileNet v1, Howard et al., 2017) from Google's TensorFlow Lite file.

It hears the log-mel frames of VGGish with log(mel + 0.001), in patches of 0.96 s every 0.48 s. The file holds int8
weights and int8 activations; here the weights are made real and the activations stay so.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.features import logmel
from pipeline.features.checkpoints import Loaded, file_sha256
from pipeline.features.hearing import Hearing
from pipeline.features.same_conv import SameConv2d
from pipeline.features.tflite import Layer, read_layers

DIMS, CLASSES = 1024, 521
OFFSET = 1e-3
PATCH, STEP = 96, 48
PAIRS = (
    (1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), (1, 512), (1, 512), (1, 512), (1, 512), (1, 512),
    (2, 1024), (1, 1024),
)  # fmt: skip
"""Stride of the depthwise convolution, and channels of the one after it."""


class YAMNet(nn.Module):
    """The network with its classifier; batch norms are part of the convolutions."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [SameConv2d(1, 32, 3, 2, bias=True)]
        width = 32
        for stride, channels in PAIRS:
            layers.append(SameConv2d(width, width, 3, stride, groups=width, bias=True))
            layers.append(SameConv2d(width, channels, 1, bias=True))
            width = channels
        self.convolutions = nn.ModuleList(layers)
        self.classifier = nn.Linear(DIMS, CLASSES)

    def forward(self, patches: Tensor) -> Tensor:
        """(N, 96, 64) log-mel -> (N, 1024), what the classifier sees: the last map, mean over time and frequency."""
        x = patches.unsqueeze(1)
        for layer in self.convolutions:
            x = F.relu6(layer(x))
        return x.mean(dim=(2, 3))

    def scores(self, embeddings: Tensor) -> Tensor:
        """(N, 1024) -> (N, 521) chances of AudioSet's classes, each for itself."""
        logits: Tensor = self.classifier(embeddings)
        return logits.sigmoid()

    def prepare(self, device: torch.device) -> "YAMNet":
        """Make it ready for inference on ``device``: channels-last, no gradients."""
        self.eval().requires_grad_(False)
        return self.to(device).to(memory_format=torch.channels_last)


def load_yamnet(path: Path) -> Loaded[YAMNet]:
    """The network with the weights of `lite-model_yamnet_classification_tflite_1.tflite`.

    Raises `UserError` when the file is missing or holds another network, or one that hears otherwise.
    """
    mel, weighted = (layers := read_layers(path))[:1], layers[1:]
    if not mel or not _hears_alike(mel[0]):
        raise UserError(
            f"{path}: not YAMNet: its first layer is not the 64 mel bands; give Google's classification file"
        )
    with torch.device("meta"):
        network = YAMNet()
    modules = [*network.convolutions, network.classifier]
    if len(weighted) != len(modules):
        raise UserError(f"{path}: not YAMNet: {len(weighted)} layers with weights, expected {len(modules)}")
    for number, (module, layer) in enumerate(zip(modules, weighted, strict=True), start=1):
        weight, bias = _as_torch(layer), torch.from_numpy(layer.bias)
        assert isinstance(module, SameConv2d | nn.Linear)
        if weight.shape != module.weight.shape or bias.shape != (len(weight),):
            expected = tuple(module.weight.shape)
            raise UserError(f"{path}: not YAMNet: layer {number} is {tuple(weight.shape)}, expected {expected}")
        module.weight, module.bias = nn.Parameter(weight), nn.Parameter(bias)
    return Loaded(network, path.name, file_sha256(path))


def _as_torch(layer: Layer) -> Tensor:
    """Weights (out, H, W, in), (1, H, W, channels) of a depthwise convolution, or (out, in) in PyTorch's layout."""
    weights = torch.from_numpy(layer.weights)
    if layer.kind == "dense":
        return weights
    return weights.permute(3, 0, 1, 2) if layer.kind == "depthwise" else weights.permute(0, 3, 1, 2).contiguous()


def _hears_alike(mel: Layer) -> bool:
    """Whether a file's mel bands, its first layer, and the number added to them are those that are computed here."""
    weights, bias = torch.from_numpy(mel.weights), torch.from_numpy(mel.bias)
    ours = logmel.mel_matrix().T.float()
    added = bool(((bias - OFFSET).abs() < 1e-6).all())
    return added and weights.shape == ours.shape and torch.allclose(weights, ours, atol=1e-4)


def _log_mel(pieces: Iterable[Tensor], samples: int) -> Iterator[Tensor]:
    return logmel.stream_log_mel(pieces, samples, logmel.whole_frames(samples), OFFSET)


HEARING = Hearing(logmel.RATE, logmel.whole_frames, _log_mel, math.log(OFFSET), 0.5, PATCH, STEP, 1)
