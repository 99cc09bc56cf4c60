"""Learning to fill blanks, and what validation measures of it.

Legend: S sentences, V vocabulary.
"""

from collections.abc import Sequence

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from pipeline.dataset.blanks import Blanked
from pipeline.halving import Halving
from pipeline.networks.matching import Filler
from pipeline.ranks import ranks
from pipeline.systems.blanks import word_scored, word_scores
from pipeline.training.learner import Learning
from pipeline.training.losses import Losses
from pipeline.training.measure import Measure
from pipeline.training.processes import summed
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
        """`blank` and `l2`, and of a network with a penalty `attention`, its mean over sentences: scalars."""
        scores, penalty = word_scored(self.model, batch)
        squares = torch.stack([weights.square().sum() for weights in self.learning()]).sum()
        with torch.no_grad():
            right = (scores.argmax(1) == batch.words).to(scores.dtype).mean()
        terms = {"blank": functional.nll_loss(scores, batch.words), "l2": self.l2 * squares}
        if penalty is not None:
            terms["attention"] = penalty.mean()
        return Losses(terms, {"right": right})


def rank_among_words(fabric: Fabric, network: nn.Module, split: Split, batch_turns: int) -> float:
    """The mean reciprocal rank of the missing word among all words. Which words are missing is the same every time."""
    network.eval()
    assert isinstance(network, Filler)
    sums = torch.zeros(2, dtype=torch.float64, device=fabric.device)
    halving = Halving("validation", "training.batch_turns")

    def reciprocal(parts: Sequence[Sequence[int]]) -> float:
        return sum(_reciprocal(network, split.read(units).to(fabric.device)) for units in parts)

    with torch.no_grad(), fabric.autocast():
        for units in split.in_order(batch_turns)[fabric.global_rank :: fabric.world_size]:
            sums[0] += halving(units, reciprocal)
            sums[1] += sum(split.turns[unit] for unit in units)
    found, rows = summed(fabric, sums).tolist()
    return float(found / rows)


def _reciprocal(network: Filler, batch: Blanked) -> float:
    scores: Tensor = word_scores(network, batch).cpu()
    return float((1 / ranks(scores.numpy(), batch.words.tolist())).sum())


FILLED = Measure("mrr", rank_among_words, higher=True, note="mean reciprocal rank of missing words among all words")
"""What systems that fill blanks are kept by: accuracy of a few hundred blanks hardly tells two epochs apart, and the
learning rate is halved where there is nothing better."""
