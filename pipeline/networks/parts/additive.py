"""Additive attention within modalities and over them, equations 6 to 8.

Legend: T rows (turns, or beams), R real steps of all sequences, K modalities, L steps of one, H decoder units, A
attention size, G context vector.

Both W_ck and V_Bk act on c_k alone, a weighted sum of steps: they are applied to the steps once a sequence, beside
the keys, and not to c_k at every word. ``mixed`` holds both products, G + A values a step.

>>> from pipeline.networks.parts.packing import Packing
>>> attention = MultimodalAttention({"question": 6, "i3d_rgb": 8}, state=5, attention=4, context=3)
>>> packing = Packing.of(torch.tensor([2, 1]), 2)  # Two turns, of two words and one.
>>> question = attention.remember("question", Steps(torch.ones(3, 6), packing))
>>> video = attention.nothing(rows=2)
>>> seen, _ = attend(torch.ones(2, 5), [question, video], attention.weights())
>>> seen.context.shape, seen.modality.shape
(torch.Size([2, 3]), torch.Size([2, 2]))
>>> seen.temporal[0].tolist()
[[0.5, 0.5], [1.0, 0.0]]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.networks.parts.encoders import Steps
from pipeline.tensors import TensorGroup

WORKING_VALUES = 2**17
"""Values that `look` computes at once on a CPU: half a MiB."""


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


class Trace(NamedTuple):
    """What the gradient of a step needs beside `Attended`.

    hidden: K of (T, L, A), the tanh of eq. 6. content: (T, K, G), d_k of eq. 8. energy: (T, K, A), the tanh of eq. 7.
    """

    hidden: tuple[Tensor, ...]
    content: Tensor
    energy: Tensor


class AdditiveAttention(nn.Module):
    """Parameters of additive attention within modalities of given widths, and over them.

    widths: D_k by modality, in order. state: H. attention: A. context: G.
    """

    def __init__(self, widths: Mapping[str, int], state: int, attention: int, context: int) -> None:
        super().__init__()
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

    def remember(self, name: str, steps: Steps) -> Memory:
        """Keys and products of a modality's steps, one row a sequence."""
        packing = steps.packing
        real = packing.pad(torch.ones_like(packing.index).unsqueeze(1)).squeeze(2) > 0
        return Memory(packing.pad(self.keys[name](steps.values)), packing.pad(self.mixes[name](steps.values)), real)

    def width(self, name: str) -> int:
        """D_k of a modality."""
        keys = self.keys[name]
        assert isinstance(keys, nn.Linear)
        return keys.in_features

    def nothing(self, rows: int) -> Memory:
        """A modality without any step."""
        return Memory(
            self.score.new_zeros(rows, 1, self.size),
            self.score.new_zeros(rows, 1, self.context + self.size),
            torch.zeros(rows, 1, dtype=torch.bool, device=self.score.device),
        )


class MultimodalAttention(AdditiveAttention):
    """Parameters of equations 6 to 8."""

    def __init__(self, widths: Mapping[str, int], state: int, attention: int, context: int) -> None:
        super().__init__(widths, state, attention, context)
        self.content = nn.Parameter(torch.zeros(len(widths), context))
        self.offset = nn.Parameter(torch.zeros(len(widths), attention))

    def weights(self) -> Weights:
        """The parameters `attend` takes."""
        return Weights(self.query.weight, self.score, self.content, self.offset, self.balance)


def attend(state: Tensor, memories: Sequence[Memory], weights: Weights) -> tuple[Attended, Trace]:
    """Attention over every modality from the decoder's state (T, H)."""
    rows, (modalities, size) = len(state), weights.score.shape
    queries = (state @ weights.query.t()).view(rows, modalities + 1, size)
    hidden, temporal, mixtures = [], [], []
    for place, memory in enumerate(memories):
        hidden.append(torch.tanh(memory.keys + queries[:, place].unsqueeze(1)))
        temporal.append(masked_softmax(hidden[-1] @ weights.score[place], memory.mask))
        mixtures.append(torch.bmm(temporal[-1].unsqueeze(1), memory.mixed))
    mixed = torch.cat(mixtures, 1)
    context, modality, content, energy = _over_modalities(mixed, queries[:, modalities:], weights)
    return Attended(context, tuple(temporal), modality), Trace(tuple(hidden), content, energy)


def attend_hypotheses(state: Tensor, memories: Sequence[Memory], weights: Weights) -> Attended:
    """Attention over every modality from the states (N, H) of N / T hypotheses of each turn, side by side.

    The same as `attend` of memories with a row a hypothesis, without those copies, and without what a gradient needs.
    """
    turns, (modalities, size) = len(memories[0].mask), weights.score.shape
    queries = (state @ weights.query.t()).view(turns, -1, modalities + 1, size)
    temporal, mixtures = [], []
    for place, memory in enumerate(memories):
        share, mixture = look(queries[:, :, place], memory, weights.score[place])
        temporal.append(share.flatten(0, 1))
        mixtures.append(mixture.flatten(0, 1))
    mixed = torch.stack(mixtures, 1)
    context, modality, _, _ = _over_modalities(mixed, queries[:, :, modalities:].flatten(0, 1), weights)
    return Attended(context, tuple(temporal), modality)


def look(queries: Tensor, memory: Memory, score: Tensor) -> tuple[Tensor, Tensor]:
    """Attention within a modality by several queries a turn (T, K, A): shares (T, K, L), their sums (T, K, G + A)."""
    share = masked_softmax(_scores(queries, memory.keys, score), memory.mask.unsqueeze(1))
    return share, torch.bmm(share, memory.mixed)


def _scores(queries: Tensor, keys: Tensor, score: Tensor) -> Tensor:
    """w^T tanh(query + key), (T, K, L).

    In a search on a CPU some turns at a time, in one small piece of memory that stays in the cache: for all turns at
    once, getting new memory at every word costs more than computing.
    """
    turns, count, size = queries.shape
    if keys.is_cuda or torch.is_grad_enabled():
        return torch.tanh(keys.unsqueeze(1) + queries.unsqueeze(2)) @ score
    steps = keys.shape[1]
    found = keys.new_empty(turns, count, steps)
    rows = max(WORKING_VALUES // max(count * steps * size, 1), 1)
    work = keys.new_empty(min(rows, turns), count, steps, size)
    for begin in range(0, turns, rows):
        part = slice(begin, min(begin + rows, turns))
        hidden = torch.add(keys[part].unsqueeze(1), queries[part].unsqueeze(2), out=work[: part.stop - begin])
        torch.matmul(hidden.tanh_(), score, out=found[part])
    return found


def _over_modalities(mixed: Tensor, query: Tensor, weights: Weights) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Equations 7 and 8 from the mixtures (N, K, G + A) and queries (N, 1, A): g, beta, d and the tanh of eq. 7."""
    width = weights.content.shape[1]
    content = mixed[:, :, :width] + weights.content
    energy = torch.tanh(mixed[:, :, width:] + weights.offset + query)
    modality = torch.softmax(energy @ weights.balance, 1)
    context = torch.tanh(torch.bmm(modality.unsqueeze(1), content).squeeze(1))
    return context, modality, content, energy


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the real steps of (T, ..., L) scores; all zero in a row without any."""
    return torch.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), -1) * mask
