"""Learning to fill blanks, and what validation measures of it.

Legend: S sentences, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from pipeline.dataset.blanks import Blanked
from pipeline.networks.matching import Filler
from pipeline.ranks import ranks
from pipeline.systems.blanks import word_scored, word_scores
from pipeline.training.learner import Learning
from pipeline.training.losses import Losses
from pipeline.training.measure import Measure, mean_over
from pipeline.training.split import Split


class FillingLearner(Learning):
    """The cross entropy of the missing words, and the squared weights.

    L = -mean_k log p(y_k) + l2 |theta|^2 (Yu, Kim and Kim, ECCV 2018), y_k the word that is missing in sentence k.
    `right`, the share of sentences whose word is above all others, is monitored.
    """

    def __init__(self, model: Filler, l2: float, frozen: Sequence[str] = ()) -> None:
        super().__init__()
        self.model: Filler = model
        self.l2 = l2
        self.freeze(frozen)
        self.train()

    def forward(self, batch: Blanked) -> Losses:
        """`blank` and `l2`, and of a network with a penalty `attention`, its mean over the sentences: scalars."""
        scores, penalty = word_scored(self.model, batch)
        squares = torch.stack([weights.square().sum() for weights in self.learning()]).sum()
        with torch.no_grad():
            right = (scores.argmax(1) == batch.words).to(scores.dtype).mean()
        lost = functional.nll_loss(scores, batch.words)
        terms = {"blank": lost, "l2": self.l2 * squares}
        if penalty is not None:
            terms["attention"] = penalty.mean()
        return Losses(terms, {"right": right})


def rank_among_words(fabric: Fabric, network: nn.Module, split: Split, batch_turns: int) -> float:
    """The mean reciprocal rank of the missing word among all words. Which words are missing is the same every time."""
    network.eval()
    assert isinstance(network, Filler)

    def reciprocal(batch: Blanked) -> NDArray[np.floating[Any]]:
        scores = word_scores(network, batch.to(fabric.device)).cpu()
        return np.asarray(1 / ranks(scores.numpy(), batch.words.tolist()))

    return mean_over(fabric, split, batch_turns, reciprocal)


FILLED = Measure("mrr", rank_among_words, higher=True, note="mean reciprocal rank of missing words among all words")
"""What systems that fill blanks are kept by: accuracy of a few hundred blanks hardly tells two epochs apart, and the
learning rate is halved where there is nothing better."""
