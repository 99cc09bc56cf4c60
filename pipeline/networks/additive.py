"""Additive attention within modalities and over them, equations 6 to 8.

Legend: T rows (turns, or beams), R real steps of all sequences, K modalities, L steps of one, H decoder units, A
attention size, G context vector.

Both W_ck and V_Bk act on c_k alone, a weighted sum of steps: they are applied to the steps once a sequence, beside
the keys, and not to c_k at every word. ``mixed`` holds both products, G + A values a step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.networks.encoders import Steps
from pipeline.tensors import TensorGroup


@dataclass(frozen=True)
class Memory(TensorGroup):
    """One modality as the decoder reads it.

    keys: (T, L, A), V_k h + b_k. mixed: (T, L, G + A), W_ck h beside V_Bk h. mask: (T, L) bool, real steps; a row
    without any has c = 0.
    """

    keys: Tensor
    mixed: Tensor
    mask: Tensor


class Weights(NamedTuple):
    """Parameters that act at every word.

    query: ((K + 1) A, H), W_1 .. W_K and W_B. score: (K, A), w_k. content: (K, G), b_ck. offset: (K, A), b_Bk.
    balance: (A,), w_B.
    """

    query: Tensor
    score: Tensor
    content: Tensor
    offset: Tensor
    balance: Tensor


class Attended(NamedTuple):
    """One step of attention.

    context: (T, G), g. temporal: K of (T, L), a_k. modality: (T, K), beta.
    """

    context: Tensor
    temporal: tuple[Tensor, ...]
    modality: Tensor


class MultimodalAttention(nn.Module):
    """Parameters of equations 6 to 8 for modalities of given widths."""

    def __init__(self, widths: Mapping[str, int], state: int, attention: int, context: int) -> None:
        super().__init__()
        self.names = tuple(widths)
        self.size, self.context = attention, context
        self.keys = nn.ModuleDict({name: nn.Linear(width, attention) for name, width in widths.items()})
        self.mixes = nn.ModuleDict(
            {name: nn.Linear(width, context + attention, bias=False) for name, width in widths.items()}
        )
        modalities = len(widths)
        self.query = nn.Linear(state, (modalities + 1) * attention, bias=False)
        bound = attention**-0.5
        self.score = nn.Parameter(torch.empty(modalities, attention).uniform_(-bound, bound))
        self.balance = nn.Parameter(torch.empty(attention).uniform_(-bound, bound))
        self.content = nn.Parameter(torch.zeros(modalities, context))
        self.offset = nn.Parameter(torch.zeros(modalities, attention))

    def remember(self, name: str, steps: Steps) -> Memory:
        """Keys and products of a modality's steps, one row a sequence."""
        packing = steps.packing
        real = packing.pad(torch.ones_like(packing.index).unsqueeze(1)).squeeze(2) > 0
        return Memory(packing.pad(self.keys[name](steps.values)), packing.pad(self.mixes[name](steps.values)), real)

    def nothing(self, rows: Tensor) -> Memory:
        """A modality without any step, as many rows as ``rows`` (T, ...)."""
        count = len(rows)
        return Memory(
            self.score.new_zeros(count, 1, self.size),
            self.score.new_zeros(count, 1, self.context + self.size),
            torch.zeros(count, 1, dtype=torch.bool, device=self.score.device),
        )

    def weights(self) -> Weights:
        """The parameters `attend` takes."""
        return Weights(self.query.weight, self.score, self.content, self.offset, self.balance)


def attend(state: Tensor, memories: Sequence[Memory], weights: Weights) -> Attended:
    """Attention over every modality from the decoder's state (T, H)."""
    rows, (modalities, size) = len(state), weights.score.shape
    queries = (state @ weights.query.t()).view(rows, modalities + 1, size)
    temporal, mixtures = [], []
    for place, memory in enumerate(memories):
        hidden = torch.tanh(memory.keys + queries[:, place].unsqueeze(1))
        share = masked_softmax(hidden @ weights.score[place], memory.mask)
        temporal.append(share)
        mixtures.append(torch.bmm(share.unsqueeze(1), memory.mixed))
    mixed = torch.cat(mixtures, 1)
    width = weights.content.shape[1]
    content = mixed[:, :, :width] + weights.content
    energy = torch.tanh(mixed[:, :, width:] + weights.offset + queries[:, modalities:])
    modality = torch.softmax(energy @ weights.balance, 1)
    context = torch.tanh(torch.bmm(modality.unsqueeze(1), content).squeeze(1))
    return Attended(context, tuple(temporal), modality)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the real steps of (T, L) scores; all zero in a row without any."""
    return torch.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), 1) * mask
