"""Concept word detectors: tracing LSTMs on feature maps, and temporal attention where features are vectors.

Yu, Ko, Choi and Kim, "End-to-end Concept Word Detection for Video Captioning, Retrieval, and Question Answering"
(CVPR 2017), section 3.1. What the paper leaves open, and what was chosen: docs/systems.md.

Legend: B videos, N steps, R real steps of all videos, Z values of a step in all features, L traces, H width, K heads,
C concepts.

    tracing    v_n = parts.reduction(x_n);   h_N^1 .. h_N^L = parts.tracing(v_1 .. v_N)
               scores = W_p [h_N^1 ; .. ; h_N^L] + b_p
    temporal   u_n = tanh(W_u x_n + b_u);   a_n^k = softmax_n(w_k tanh(W_a u_n + b_a))
               scores = W_p tanh(W_o [sum_n a_n^1 u_n ; .. ; sum_n a_n^K u_n] + b_o) + b_p

>>> from pipeline.tensors import FeatureSequences
>>> detector = TracingDetector(TracingSizes(grid=(3, 3), width=8), 20, {"maps": 3 * 3 * 4}).eval()
>>> detector.detect({"maps": FeatureSequences(torch.rand(2, 5, 36), torch.tensor([5, 2]))}).shape
torch.Size([2, 20])
>>> detector = TemporalDetector(TemporalSizes(width=8), 20, {"i3d_rgb": 6}).eval()
>>> detector.detect({"i3d_rgb": FeatureSequences(torch.rand(2, 5, 6), torch.tensor([5, 2]))}).shape
torch.Size([2, 20])
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pipeline.networks.concept_sizes import TemporalSizes, TracingSizes
from pipeline.networks.detecting import Detector
from pipeline.networks.parts.alignment import aligned, shown
from pipeline.networks.parts.packing import Packing
from pipeline.networks.parts.reduction import Reduction
from pipeline.networks.parts.standard import Standardisation
from pipeline.networks.parts.tracing import Traced, Tracing
from pipeline.networks.parts.words import WordRows
from pipeline.tensors import FeatureSequences


class _Detector(Detector):
    """What both have: features on one clock."""

    def __init__(self, sizes: TracingSizes | TemporalSizes, feature_dims: Mapping[str, int]) -> None:
        super().__init__()
        self.standard = Standardisation(feature_dims) if sizes.standardise else None
        self.dims, self.most = dict(feature_dims), sizes.steps
        self.scores: WordRows

    def steps(self, features: Mapping[str, FeatureSequences], count: int | None) -> tuple[Tensor, Packing]:
        """Real steps (R, Z), the features side by side; a video without any has one step of zeros."""
        features = shown(features, self.dims, self.scores.weight, count or 0)
        scaled = features if self.standard is None else self.standard.scaled(features)
        steps = aligned(scaled, self.dims, self.most)
        packing = Packing.of(steps.lengths, steps.values.shape[1], steps.values.device)
        return packing.pack(steps.values), packing


class TracingDetector(_Detector):
    """Tracing LSTMs; see this module's equations. Features are maps of the sizes' grid."""

    def __init__(self, sizes: TracingSizes, concepts: int, feature_dims: Mapping[str, int]) -> None:
        super().__init__(sizes, feature_dims)
        rows, columns = sizes.cells
        self.maps = Reduction(feature_dims, sizes.grid, sizes.width, sizes.pool)
        self.tracing = Tracing(sizes.width, sizes.cells, sizes.squash, sizes.normalise)
        self.dropout = nn.Dropout(sizes.dropout)
        self.scores = WordRows(rows * columns * sizes.width, concepts)

    def detect(self, features: Mapping[str, FeatureSequences], count: int | None = None) -> Tensor:
        """Scores (B, C)."""
        traced, _ = self.traced(features, count)
        scores: Tensor = self.scores(self.dropout(traced.states.flatten(1)))
        return scores

    def traced(self, features: Mapping[str, FeatureSequences], count: int | None = None) -> tuple[Traced, Packing]:
        """Where each trace ended, and where it looked on its way, in the packing's order of frames."""
        steps, packing = self.steps(features, count)
        traced: Traced = self.tracing(self.maps(steps), packing)
        return traced, packing


class TemporalDetector(_Detector):
    """Temporal attention and a layer; see this module's equations."""

    def __init__(self, sizes: TemporalSizes, concepts: int, feature_dims: Mapping[str, int]) -> None:
        super().__init__(sizes, feature_dims)
        self.projection = nn.Linear(sum(feature_dims.values()), sizes.width)
        self.attention = nn.Sequential(
            nn.Linear(sizes.width, sizes.attention), nn.Tanh(), nn.Linear(sizes.attention, sizes.heads, bias=False)
        )
        self.joined = nn.Linear(sizes.heads * sizes.width, sizes.width)
        self.dropout = nn.Dropout(sizes.dropout)
        self.scores = WordRows(sizes.width, concepts)

    def detect(self, features: Mapping[str, FeatureSequences], count: int | None = None) -> Tensor:
        """Scores (B, C)."""
        steps, packing = self.steps(features, count)
        projected = self.dropout(self.projection(steps).tanh())
        energies = packing.pad(self.attention(projected)).transpose(1, 2)
        behind = packing.pad(torch.ones_like(projected[:, :1])).transpose(1, 2) == 0
        shares = energies.masked_fill(behind, -torch.inf).softmax(2)
        pooled = torch.bmm(shares, packing.pad(projected)).flatten(1)
        scores: Tensor = self.scores(self.dropout(self.joined(pooled).tanh()))
        return scores
