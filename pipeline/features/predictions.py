"""Kinetics classes of clips: a check that anyone can see of weights, frames and network."""

import torch

from pipeline.config import I3DFeature
from pipeline.errors import UserError
from pipeline.features.frames import FrameExtractor
from pipeline.features.i3d import I3D
from pipeline.media.decoded import DecodedShard

FRAMES, SIZE, SHOWN = 64, 224, 3
"""What the published network was tested on: 64 frames of 224 x 224 pixels."""


def print_predictions(name: str, feature: I3DFeature, extractor: FrameExtractor, shard: DecodedShard) -> None:
    """Print the most probable Kinetics classes of the first 64 frames of each video, resized to 224 x 224.

    Raises `UserError` for a network without the 400 classes of Kinetics.
    """
    network = extractor.network
    if not isinstance(network, I3D):
        raise UserError(f"--show-predictions: {name} is {feature.network}; only i3d_rgb and i3d_flow have a classifier")
    names = kinetics_classes()
    if (classes := network.logits.conv3d.out_channels) != len(names):
        raise UserError(f"--show-predictions: the weights of {name} know {classes} classes, not the 400 of Kinetics")
    print(f"{extractor.attributes['weights']}; first {FRAMES} frames at {SIZE} x {SIZE}:")
    for video_id in shard.video_ids:
        clip = torch.cat(list(extractor.clip(shard, video_id, SIZE, None, FRAMES)))
        with torch.inference_mode():
            probabilities = network.predictions(network(clip.unsqueeze(0)))[0]
        best = probabilities.topk(SHOWN)
        shown = ", ".join(
            f"{names[i]} {p:.2f}" for i, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        )
        print(f"{video_id}: {shown}")


def kinetics_classes() -> list[str]:
    """The 400 classes, in the order of the published weights (torchvision's own weights have the same)."""
    from torchvision.models.video import R3D_18_Weights

    return list(R3D_18_Weights.KINETICS400_V1.meta["categories"])
