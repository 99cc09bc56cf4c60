"""The seam of networks that compare a sentence with a video: how well they fit, or which word is missing.

What belongs to one side is computed once for each sentence and once for each video, whatever pairs are then made of
them: `texts` and `videos` give groups whose rows `select` picks, and only `match` or `fill` sees pairs.

Legend: S sentences, B videos, P pairs, V vocabulary.

Two sentences, two videos, and all four pairs of them:

>>> import torch
>>> from pipeline.networks.registry import build_network
>>> from pipeline.networks.sizes import JSFusionSizes
>>> sizes = JSFusionSizes(embedding=5, hidden=4, joint=6, tensor=6, channels=3, readout=(4, 4, 4))
>>> network = build_network("jsfusion", sizes, 11, {"i3d_rgb": 6}, history=False).eval()
>>> texts = network.texts(Sequences(torch.tensor([[5, 6, 7], [8, 0, 0]]), torch.tensor([3, 1])))
>>> videos = network.videos({"i3d_rgb": FeatureSequences(torch.ones(2, 4, 6), torch.tensor([4, 2]))})
>>> network.match(texts.select(torch.tensor([0, 0, 1, 1])), videos.select(torch.tensor([0, 1, 0, 1]))).shape
torch.Size([4])
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from pipeline.networks.base import Network
from pipeline.tensors import FeatureSequences, Sequences, TensorGroup


class Scored(NamedTuple):
    """What pairs are scored, and what learning from them costs.

    scores: (P,) of `Matcher.match`, or (P, V) of `Filler.fill`. penalty: (P,) what a regularised network adds to each
    pair's loss, already weighted; None of others.
    """

    scores: Tensor
    penalty: Tensor | None = None


class Comparing(Network, ABC):
    """What a matcher and a filler have in common: each side encoded by itself."""

    @abstractmethod
    def texts(self, sentences: Sequences) -> TensorGroup:
        """Everything about S sentences that no video changes, a row each."""

    @abstractmethod
    def videos(
        self,
        features: Mapping[str, FeatureSequences],
        count: int | None = None,
        concepts: Sequences | None = None,
    ) -> TensorGroup:
        """Everything about B videos that no sentence changes, a row each.

        count: B, where every feature is missing. concepts: (B, K) word ids of concepts that each video shows, most
        likely first, for networks that read them (`Sizes.takes_concepts`).
        """


class Matcher(Comparing):
    """A network that scores how well a sentence and a video fit."""

    @abstractmethod
    def match(self, texts: TensorGroup, videos: TensorGroup) -> Tensor:
        """Scores (P,) of pairs, the higher the better: row i of ``texts`` with row i of ``videos``."""

    def scored(self, texts: TensorGroup, videos: TensorGroup) -> Scored:
        """Scores (P,) of `match`, and the penalty of a network that has one."""
        return Scored(self.match(texts, videos))

    @abstractmethod
    def looks(self, texts: TensorGroup, videos: TensorGroup) -> Tensor:
        """Where in the video the score of each pair comes from: (P, N) shares of its steps, zero behind the last.

        The steps stand evenly in the video's time.
        """


class Filler(Comparing):
    """A network that names the word at a blank (`pipeline.vocabulary.BLANK`), which each sentence has one of."""

    @abstractmethod
    def texts(self, sentences: Sequences, blanks: Tensor | None = None) -> TensorGroup:
        """Everything about S sentences that no video changes, a row each.

        blanks: (S,) on the host, the places of their blanks; None: looked for, and a device is waited for.
        """

    @abstractmethod
    def fill(self, texts: TensorGroup, videos: TensorGroup) -> Tensor:
        """Scores (P, V) of every word, before the softmax, of row i of ``texts`` beside row i of ``videos``."""

    def scored(self, texts: TensorGroup, videos: TensorGroup) -> Scored:
        """Scores (P, V) of `fill`, and the penalty of a network that has one."""
        return Scored(self.fill(texts, videos))
