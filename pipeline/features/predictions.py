"""Classes of clips: a check that anyone can see of weights, frames and network."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.features.frames import FrameExtractor
from pipeline.features.i3d import I3D
from pipeline.features.images import ImageNetwork, imagenet_classes
from pipeline.media.decoded import DecodedShard
from pipeline.progress import say

FRAMES, SIZE, SHOWN = 64, 224, 3
"""What the published I3D was tested on: 64 frames of 224 x 224 pixels. Of single pictures as many are looked at."""


@dataclass(frozen=True)
class Classifier:
    """Names of the classes, what they are called together, pixels of the frames, and (T, S, S, C) -> (V,) chances."""

    names: list[str]
    called: str
    size: int
    chances: Callable[[Tensor], Tensor]


def print_predictions(name: str, extractor: FrameExtractor, shard: DecodedShard) -> None:
    """Print the most probable classes of the first 64 frames of each video.

    I3D sees them together, resized to 224 x 224; of a network of pictures the chances are the mean over the frames.
    Raises `UserError` for a network without the 400 classes of Kinetics or the 1000 of ImageNet.
    """
    classifier = _classifier(name, extractor.network)
    say(f"{extractor.attributes['weights']}; first {FRAMES} frames at {classifier.size} x {classifier.size}:")
    for video_id in shard.video_ids:
        clip = torch.cat(list(extractor.clip(shard, video_id, classifier.size, None, FRAMES)))
        with torch.inference_mode():
            chances = classifier.chances(clip)
        if (classes := len(chances)) != len(classifier.names):
            raise UserError(
                f"--show-predictions: the weights of {name} know {classes} classes, not the {len(classifier.names)} of "
                f"{classifier.called}"
            )
        best = chances.topk(SHOWN)
        shown = ", ".join(
            f"{classifier.names[i]} {p:.2f}" for i, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        )
        say(f"{video_id}: {shown}")


def _classifier(name: str, network: nn.Module) -> Classifier:
    if isinstance(network, I3D):
        i3d = network
        return Classifier(kinetics_classes(), "Kinetics", SIZE, lambda clip: i3d.predictions(i3d(clip.unsqueeze(0)))[0])
    if isinstance(network, ImageNetwork):
        pictures = network
        return Classifier(
            imagenet_classes(), "ImageNet", network.size, lambda clip: pictures(clip)[1].softmax(dim=1).mean(dim=0)
        )
    raise UserError(f"--show-predictions: {name} has no classifier; only i3d_rgb, i3d_flow and image have one")


def kinetics_classes() -> list[str]:
    """The 400 classes, in the order of the published weights (torchvision's own weights have the same)."""
    from torchvision.models.video import R3D_18_Weights

    return list(R3D_18_Weights.KINETICS400_V1.meta["categories"])
