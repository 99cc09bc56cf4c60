"""The seam of networks that say which concepts a video shows.

A concept is a word that describes videos: its score, through the sigmoid, is the probability that the word stands in
one of a video's sentences. The words with the highest ones are what other networks then read (`Inputs.concepts`).

Legend: B videos, N steps, D dimensions of a step, C concepts.

The least that a detector can be, a layer over the mean of a video's steps:

>>> import torch
>>> from pipeline.networks.parts.words import WordRows
>>> class Mean(Detector):
...     def __init__(self, dims, concepts):
...         super().__init__()
...         self.standard, self.scores = None, WordRows(dims, concepts)
...     def detect(self, features, count=None):
...         return self.scores(features["frames"].values.mean(1))
>>> Mean(6, 20).detect({"frames": FeatureSequences(torch.ones(2, 4, 6), torch.tensor([4, 4]))}).shape
torch.Size([2, 20])
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor

from pipeline.networks.base import Network
from pipeline.tensors import FeatureSequences


class Detector(Network, ABC):
    """A network that scores every concept for a video, from its features alone.

    `registry.build_network` is given the number of concepts where other networks are given that of words.
    """

    @abstractmethod
    def detect(self, features: Mapping[str, FeatureSequences], count: int | None = None) -> Tensor:
        """Scores (B, C), before the sigmoid. count: B, where every feature is missing.

        A feature with maps has values (B, N, rows x columns x channels), flattened in this order.
        """
