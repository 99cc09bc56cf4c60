"""Features brought to one scale before a network sees them.

Legend: B videos, L steps, D dimensions.

>>> from pipeline.tensors import Sequences
>>> standard = Standardisation({"i3d_rgb": 2})
>>> standard.fit("i3d_rgb", torch.tensor([1.0, 2.0]), torch.tensor([0.5, 4.0]))
>>> video = FeatureSequences(torch.tensor([[[2.0, 2.0], [0.0, 6.0]]]), torch.tensor([2]))
>>> empty = Sequences(torch.zeros(0, 1, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
>>> inputs = Inputs(empty, empty, torch.zeros(0, 0, dtype=torch.int64), {"i3d_rgb": video}, torch.zeros(0))
>>> standard(inputs).features["i3d_rgb"].values
tensor([[[ 2.,  0.],
         [-2.,  1.]]])
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from pipeline.networks.inputs import Inputs
from pipeline.tensors import FeatureSequences


class Standardisation(nn.Module):
    """(x - mean) / deviation, dimension by dimension, with the moments of the training videos.

    I3D's values are all positive with a large part common to all videos; without this a projection sees little else.
    The moments are buffers: they are saved and loaded with the weights. Fresh ones change nothing.
    """

    def __init__(self, feature_dims: Mapping[str, int]) -> None:
        super().__init__()
        self.features = tuple(feature_dims)
        for name, dims in feature_dims.items():
            self.register_buffer(f"{name}_mean", torch.zeros(dims))
            self.register_buffer(f"{name}_deviation", torch.ones(dims))

    def fit(self, name: str, mean: Tensor, deviation: Tensor) -> None:
        """Set a feature's moments, (D,) each; the deviation must be positive."""
        self.get_buffer(f"{name}_mean").copy_(mean)
        self.get_buffer(f"{name}_deviation").copy_(deviation)

    def forward(self, inputs: Inputs) -> Inputs:
        """The same inputs with standardised features; padding stays something that masks leave out."""
        return replace(inputs, features=self.scaled(inputs.features))

    def scaled(self, features: Mapping[str, FeatureSequences]) -> dict[str, FeatureSequences]:
        """Features alone, standardised."""
        return {
            name: FeatureSequences(self._scaled(name, sequences.values), sequences.lengths)
            for name, sequences in features.items()
        }

    def _scaled(self, name: str, values: Tensor) -> Tensor:
        return (values - self.get_buffer(f"{name}_mean")) / self.get_buffer(f"{name}_deviation")
