"""One vector a video: the mean of each feature over time.

Legend: B videos, L steps, D dimensions of a feature, Z dimensions of all features together.

>>> from pipeline.tensors import FeatureSequences
>>> frames = FeatureSequences(torch.tensor([[[1.0, 2.0], [3.0, 6.0]], [[5.0, 5.0], [9.0, 9.0]]]), torch.tensor([2, 1]))
>>> sound = FeatureSequences(torch.ones(2, 1, 1), torch.tensor([1, 0]))  # The second video is silent.
>>> time_means({"frames": frames, "sound": sound}, {"frames": 2, "sound": 1}, torch.zeros(2, 0))
tensor([[2., 4., 1.],
        [5., 5., 0.]])
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from pipeline.tensors import FeatureSequences


def time_means(features: Mapping[str, FeatureSequences], dims: Mapping[str, int], like: Tensor) -> Tensor:
    """(B, Z), the features of ``dims`` side by side in its order, each its mean over the real steps of a video.

    Zeros stand for a video without a step of a feature, and for a feature that is not in ``features``: the mean over
    the training videos where features are standardised. like: (B, ...) gives rows, type and device of those.
    """
    means = [_mean(features[name]) if name in features else like.new_zeros(len(like), dims[name]) for name in dims]
    return torch.cat(means, 1)


def _mean(sequences: FeatureSequences) -> Tensor:
    mask = sequences.mask().unsqueeze(2)
    # Filled, not multiplied: whatever stands in the padding, nought times it need not be nought.
    return sequences.values.masked_fill(~mask, 0).sum(1) / mask.sum(1).clamp(min=1)
