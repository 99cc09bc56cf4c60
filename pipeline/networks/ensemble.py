"""Several trained networks that answer as one: at every word the mean of their probabilities.

Legend: M members, N rows of a search, W words of all answers, V vocabulary, G context vector of a member.

    P(y_i) = 1/M sum_m P_m(y_i)

Networks of one kind and one view of the dialogs that were trained with different seeds err in different places; the
mean errs less than they do in the mean (by Jensen's inequality its cross entropy is at most the mean of theirs).

>>> from pipeline.networks.registry import build_network
>>> from pipeline.networks.sizes import AttentionSizes
>>> members = [build_network("attention", AttentionSizes(context=6), 11, {}, history=False) for _ in range(2)]
>>> network = Ensemble(members).eval()
>>> words = Sequences(torch.tensor([[5, 6, 7], [8, 0, 0]]), torch.tensor([3, 1]))
>>> none = Sequences(torch.zeros(0, 1, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
>>> encoded = network.encode(Inputs(words, none, torch.zeros(2, 0, dtype=torch.int64), {}, torch.tensor([0, 0])))
>>> prediction = network.predict(encoded, network.start(encoded))
>>> prediction.logits.shape, prediction.context.shape, list(prediction.attention)
(torch.Size([2, 11]), torch.Size([2, 12]), ['question'])
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.networks.base import Decoded, Generator, Prediction
from pipeline.networks.inputs import Inputs
from pipeline.tensors import Sequences, TensorGroup, full_precision


@dataclass(frozen=True)
class Members(TensorGroup):
    """What each member has: encoded dialogs, or states."""

    each: tuple[TensorGroup, ...]


class Ensemble(Generator):
    """Networks with the same modalities, words and sizes; context vectors stand side by side, (N, M x G)."""

    standard = None
    """Each member standardises for itself."""

    def __init__(self, members: Sequence[Generator]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def encode(self, inputs: Inputs) -> Members:
        """Each member's own."""
        return Members(tuple(member.encode(inputs) for member in self._networks()))

    def decode(self, encoded: TensorGroup, targets: Sequences) -> Decoded:
        """Teacher forcing of every member."""
        found = [member.decode(own, targets) for member, own in zip(self._networks(), _each(encoded), strict=True)]
        return Decoded(_mean([each.logits for each in found]), torch.cat([each.context for each in found], 1))

    def start(self, encoded: TensorGroup) -> Members:
        """Each member's first state."""
        return Members(tuple(member.start(own) for member, own in zip(self._networks(), _each(encoded), strict=True)))

    def predict(self, encoded: TensorGroup, state: TensorGroup) -> Prediction:
        """The mean of what the members say, and of where they look."""
        parts = zip(self._networks(), _each(encoded), _each(state), strict=True)
        found = [member.predict(own, before) for member, own, before in parts]
        modalities = [each.modality for each in found if each.modality is not None]
        return Prediction(
            _mean([each.logits for each in found]),
            torch.cat([each.context for each in found], 1),
            {name: torch.stack([each.attention[name] for each in found]).mean(0) for name in found[0].attention},
            torch.stack(modalities).mean(0) if modalities else None,
        )

    def advance(self, state: TensorGroup, prediction: Prediction, words: Tensor) -> Members:
        """Every member moves on with the words chosen together."""
        contexts = prediction.context.chunk(len(self.members), 1)
        none = prediction.logits[:0]
        moved = [
            member.advance(before, Prediction(none, context, {}, None), words)
            for member, before, context in zip(self._networks(), _each(state), contexts, strict=True)
        ]
        return Members(tuple(moved))

    def _networks(self) -> list[Generator]:
        return [member for member in self.members if isinstance(member, Generator)]


def _each(group: TensorGroup) -> tuple[TensorGroup, ...]:
    assert isinstance(group, Members)
    return group.each


def _mean(logits: Sequence[Tensor]) -> Tensor:
    """(N, V), log of the mean probability: its softmax is the mean of the softmaxes of ``logits``."""
    scores = torch.stack([full_precision(each).log_softmax(-1) for each in logits])
    return scores.logsumexp(0) - math.log(len(logits))
