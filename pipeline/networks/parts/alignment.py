"""Features of different rates on one clock: so many steps a video, each with a row of every feature.

Legend: B videos, L steps of a feature, D its dimensions, N steps of a video, Z dimensions of all features together.

Two frames and one second of sound, at the two frames' times:

>>> frames = FeatureSequences(torch.tensor([[[1.0], [3.0]]]), torch.tensor([2]))
>>> sound = FeatureSequences(torch.tensor([[[7.0]]]), torch.tensor([1]))
>>> aligned({"frames": frames, "sound": sound}, {"frames": 1, "sound": 1}, most=40).values
tensor([[[1., 7.],
         [3., 7.]]])
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from pipeline.tensors import FeatureSequences, sent_to


def aligned(features: Mapping[str, FeatureSequences], dims: Mapping[str, int], most: int) -> FeatureSequences:
    """The features of ``dims`` side by side in its order, (B, N, Z).

    A video has as many steps as its longest feature, at most ``most``; they stand evenly in its time, and a feature
    with another number of steps is interpolated between the two nearest. Zeros stand for a feature that a video lacks,
    and a video without any has one step of them. ``features`` holds at least one.
    """
    first = next(iter(features.values()))
    lengths = torch.stack([sequences.lengths for sequences in features.values()]).amax(0).clamp(1, most)
    steps = int(lengths.max()) if len(lengths) else 1
    parts = [
        _at(features[name], lengths, steps)
        if name in features
        else first.values.new_zeros(len(lengths), steps, dims[name])
        for name in dims
    ]
    return FeatureSequences(torch.cat(parts, 2), lengths)


def shown(
    features: Mapping[str, FeatureSequences], dims: Mapping[str, int], like: Tensor, count: int
) -> Mapping[str, FeatureSequences]:
    """``features``; where there is none, ``count`` videos that have no step of the first feature of ``dims``.

    like: gives type and device.
    """
    if features:
        return features
    name, width = next(iter(dims.items()))
    return {name: FeatureSequences(like.new_zeros(count, 1, width), torch.zeros(count, dtype=torch.int64))}


def _at(sequences: FeatureSequences, lengths: Tensor, steps: int) -> Tensor:
    """(B, N, D): a feature at the middles of ``lengths`` (B,) even parts of each video; zero behind them."""
    if not sequences.values.shape[1]:
        return sequences.values.new_zeros(len(lengths), steps, sequences.values.shape[2])
    own = sequences.lengths.unsqueeze(1)
    places = torch.arange(steps).unsqueeze(0)
    real = (places < lengths.unsqueeze(1)) & (own > 0)
    times = ((places.double() + 0.5) * own / lengths.unsqueeze(1) - 0.5).clamp(min=0).minimum((own - 1).clamp(min=0))
    before = times.floor().long()
    after = (before + 1).minimum((own - 1).clamp(min=0))
    share = times - before
    values, width = sequences.values, sequences.values.shape[2]
    before, after = sent_to(values.device, before, after)
    real, share = (sent_to(values.device, each)[0].unsqueeze(2) for each in (real, share.to(values.dtype)))

    def rows(index: Tensor) -> Tensor:
        return values.gather(1, index.unsqueeze(2).expand(-1, -1, width))

    # Chosen, not multiplied by 0: what stands in the padding may be no number.
    return torch.where(real, torch.where(share > 0, torch.lerp(rows(before), rows(after), share), rows(before)), 0)
