"""Learning to rank: right pairs of a sentence and a video above wrong ones, and what validation measures of it.

Legend: R rows, L pairs a row, P = R x L.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.dataset.pairs import Pairs, Queries
from pipeline.networks.matching import Matcher
from pipeline.ranks import ranks
from pipeline.systems.pairs import row_scored, row_scores, score_queries
from pipeline.training.learner import Learning
from pipeline.training.losses import Losses
from pipeline.training.measure import Measure, mean_over
from pipeline.training.split import Split


class RankingLearner(Learning):
    """The hinge over the pairs of each row, and the squared weights.

    L = mean_(k, l) max(0, S_kl - S_k* + margin) + l2 |theta|^2 over the wrong pairs l of each row k, divided by all
    pairs as the authors' code has it. Of several processes each has its share of the rows, with the pairs that they
    have in the whole batch. `right`, the share of rows whose right pair is above all others, is monitored.
    """

    def __init__(self, model: Matcher, margin: float, l2: float, frozen: Sequence[str] = ()) -> None:
        super().__init__()
        self.model: Matcher = model
        self.margin, self.l2 = margin, l2
        self.freeze(frozen)
        self.train()

    def forward(self, batch: Pairs) -> Losses:
        """`rank` and `l2`, and of a network with a penalty `attention`, its mean over the pairs: scalars."""
        scores, penalty = row_scored(self.model, batch)
        squares = torch.stack([weights.square().sum() for weights in self.learning()]).sum()
        with torch.no_grad():
            right = (scores[:, 1:] < scores[:, :1]).all(1).to(scores.dtype).mean()
        terms = {"rank": hinge(scores, self.margin), "l2": self.l2 * squares}
        if penalty is not None:
            terms["attention"] = penalty.mean()
        return Losses(terms, {"right": right})


def hinge(scores: Tensor, margin: float) -> Tensor:
    """The mean over (R, L) pairs of how far wrong ones come nearer than ``margin`` to the right one, the first."""
    return (scores[:, 1:] - scores[:, :1] + margin).clamp(min=0).sum() / scores.numel()


def rank_among_choices(fabric: Fabric, network: nn.Module, split: Split, batch_turns: int) -> float:
    """The mean reciprocal rank of the right pair of each row. Which wrong ones there are is the same every time."""
    network.eval()
    assert isinstance(network, Matcher)

    def reciprocal(batch: Pairs) -> NDArray[np.floating[Any]]:
        scores = row_scores(network, batch.to(fabric.device)).cpu().numpy()
        return np.asarray(1 / ranks(scores, [0] * len(scores)))

    return mean_over(fabric, split, batch_turns, reciprocal)


def reciprocal_rank(fabric: Fabric, network: nn.Module, split: Split, batch_turns: int) -> float:  # noqa: ARG001, what is compared has a size of its own
    """The mean reciprocal rank of each text's own video among all of the split. Every process finds it."""
    network.eval()
    assert isinstance(network, Matcher)
    assert isinstance(split.dataset, Queries)
    with fabric.autocast():
        scores = score_queries(network, split.dataset, fabric.device, "validation")
    return float((1 / ranks(scores.numpy(), range(len(scores)))).mean())


CHOSEN = Measure("mrr", rank_among_choices, higher=True, note="mean reciprocal rank among as many as are learned from")
FOUND = Measure("mrr", reciprocal_rank, higher=True, note="mean reciprocal rank among all validation videos")
"""What systems that choose and that retrieve are kept by: accuracy, or R@10, of a few hundred items hardly tells two
epochs apart, and the learning rate is halved where there is nothing better."""
