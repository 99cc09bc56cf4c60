"""The attention network's loop over the words of all answers, with its gradient written out.

Legend: N answers, longest first, S words of the longest, R real words of all in packed order
(`pipeline.networks.parts.packing`), n answers that have a word i, m that have another one after it, K modalities,
L steps of one, A attention size, G context vector, H decoder units.

The loop is the search's: `attend` (equations 6 to 8) from s_{i-1}, then an LSTM step (5). On a GPU it runs with all
modalities side by side (`pipeline.networks.parts.joined`), where a word takes a quarter of the operations. Automatic
differentiation would run some hundred small operations a word, and add up gradients as large as the memories at each.
Here the backward loop holds only what depends on the word after it; all that is a sum over words, the gradients of
every weight and of the mixed steps, is one product after the loop; and an answer that has ended is in no operation at
all.

>>> memory = Memory(torch.zeros(2, 5, 3), torch.zeros(2, 5, 4 + 3), torch.ones(2, 5, dtype=torch.bool))
>>> weights = Weights(torch.zeros(2 * 3, 6), *(torch.zeros(size) for size in ((1, 3), (1, 4), (1, 3), (3,))))
>>> layers = [Layer(torch.zeros(4 * 6, 4), torch.zeros(4 * 6), torch.zeros(4 * 6, 6))]
>>> zero = torch.zeros(2, 1, 6)
>>> states, contexts = run((2, 1), torch.zeros(3, 4 * 6), zero, zero, [memory], weights, layers)
>>> states.shape, contexts.shape
(torch.Size([3, 6]), torch.Size([3, 4]))
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pipeline.networks.parts import joined
from pipeline.networks.parts.additive import Attended, Memory, Trace, Weights, attend
from pipeline.networks.parts.given import Given
from pipeline.networks.parts.lstm_step import Layer, Move, move, move_gradient
from pipeline.tensors import full_precision

JOINED = {"cpu": False, "cuda": True}
"""Whether all modalities are attended at once. A GPU waits for the host, which starts every operation; a CPU computes
each modality in its cache, and only what belongs to it."""


class Word(NamedTuple):
    """What the loop did at one word. moves: by layer; none after the last word of all."""

    attended: Attended
    trace: Trace
    moves: list[Move]


def run(
    sizes: Sequence[int],
    products: Tensor,
    hidden: Tensor,
    cell: Tensor,
    memories: Sequence[Memory],
    weights: Weights,
    layers: Sequence[Layer],
) -> tuple[Tensor, Tensor]:
    """s_{i-1} (R, H) and g_i (R, G) of every word, in packed order.

    sizes: answers that have a first word, a second ... products: (R, 4H), each word's part of the first layer's
    pre-activations, with its biases. hidden, cell: (N, layers, H). memories: one row an answer. All of one floating
    type; under automatic mixed precision the loop runs in float32.
    """
    given = Given(products, hidden, cell, list(memories), weights, list(layers))
    with torch.autocast(products.device.type, enabled=False):
        tensors = [full_precision(tensor) for tensor in given.flat()]
        if not torch.is_grad_enabled():
            return _loop(tuple(sizes), Given.of(tensors, len(memories)), keep=False)[:2]
        result: tuple[Tensor, Tensor] = _Loop.apply(tuple(sizes), len(memories), *tensors)
        return result


def _loop(sizes: tuple[int, ...], given: Given, *, keep: bool) -> tuple[Tensor, Tensor, list[Word] | joined.Kept]:
    """The loop as the device has it; the last of its results, with ``keep``, is what a gradient needs."""
    if JOINED[given.products.device.type]:
        return joined.forward(sizes, given, keep=keep)
    words: list[Word] = []
    return *_forward(sizes, given, words if keep else None), words


def _forward(sizes: tuple[int, ...], given: Given, words: list[Word] | None) -> tuple[Tensor, Tensor]:
    """The loop. words: takes what a gradient needs of each word."""
    states = given.products.new_empty(len(given.products), given.hidden.shape[2])
    contexts = given.products.new_empty(len(given.products), given.layers[0].enter.shape[1])
    hidden, cell = list(given.hidden.unbind(1)), list(given.cell.unbind(1))
    for (begin, end), following in zip(_slices(sizes), (*sizes[1:], 0), strict=True):
        top = hidden[-1][: end - begin]
        attended, trace = attend(top, given.first(end - begin), given.weights)
        states[begin:end], contexts[begin:end] = top, attended.context
        moves: list[Move] = []
        if following:
            # The state after an answer's last word is nobody's.
            hidden, cell = ([layer[:following] for layer in state] for state in (hidden, cell))
            product = given.products[begin : begin + following]
            moves = move(product, attended.context[:following], hidden, cell, given.layers)
            hidden, cell = [move.output for move in moves], [move.memory for move in moves]
        if words is not None:
            words.append(Word(attended, trace, moves))
    return states, contexts


def _slices(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Begin and end of every word's rows among the packed ones."""
    return zip((0, *accumulate(sizes)), accumulate(sizes), strict=False)


class _Loop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, sizes: tuple[int, ...], modalities: int, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        states, contexts, ctx.kept = _loop(sizes, Given.of(tensors, modalities), keep=True)
        ctx.sizes, ctx.modalities = sizes, modalities
        ctx.save_for_backward(states, contexts, *tensors)
        return states, contexts

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        states, contexts, *tensors = ctx.saved_tensors
        given = Given.of(tensors, ctx.modalities)
        # Off here too: a caller may take gradients under automatic mixed precision.
        with torch.autocast(states.device.type, enabled=False):
            if isinstance(ctx.kept, joined.Kept):
                return (None, None, *joined.backward(ctx.sizes, given, states, contexts, ctx.kept, *gradients))
            return (None, None, *_backward(ctx.sizes, given, states, ctx.kept, *gradients))


class _Sums:
    """Gradients that add up over words, or become one product when the loop is done."""

    def __init__(self, sizes: tuple[int, ...], given: Given, rows: int) -> None:
        words, answers = len(sizes), len(given.hidden)
        modalities, attention = given.weights.score.shape
        width = given.memories[0].mixed.shape[2]
        new = given.products.new_zeros
        self.products = new(rows, given.products.shape[1])
        self.queries = new(rows, modalities + 1, attention)
        self.mixtures = new(words, answers, modalities, width)
        self.shares = [new(words, answers, memory.mask.shape[1]) for memory in given.memories]
        self.score, self.balance = torch.zeros_like(given.weights.score), torch.zeros_like(given.weights.balance)
        # The gradient of a key is w_k times (the sum of its scores' gradients d, less that of d tanh^2).
        self.scores = [new(memory.mask.shape) for memory in given.memories]
        self.squares = [torch.zeros_like(memory.keys) for memory in given.memories]
        self.scratch = [torch.empty_like(memory.keys) for memory in given.memories]
        self.gates: list[list[Tensor]] = [[] for _ in given.layers]

    def weights(self, given: Given, states: Tensor) -> Weights:
        """Gradients of the attention's parameters. states: (R, H), s_{i-1}."""
        width = given.weights.content.shape[1]
        totals = self.mixtures.sum((0, 1))
        query = self.queries.flatten(1).t() @ states
        return Weights(query, self.score, totals[:, :width], totals[:, width:], self.balance)

    def memories(self, given: Given) -> list[Tensor | None]:
        """Gradients of keys and mixed of each modality, and None for its mask."""
        found: list[Tensor | None] = []
        for place, score in enumerate(given.weights.score):
            keys = score * (self.scores[place].unsqueeze(2) - self.squares[place])
            # (N, L, S) times (N, S, G + A)
            mixed = torch.bmm(self.shares[place].permute(1, 2, 0), self.mixtures[:, :, place].transpose(0, 1))
            found += [keys, mixed, None]
        return found

    def layers(self, given: Given, words: Sequence[Word]) -> list[Tensor]:
        """Gradients of the decoder's weights."""
        found = []
        for place, (layer, parts) in enumerate(zip(given.layers, self.gates, strict=True)):
            moves = [word.moves[place] for word in reversed(words) if word.moves]
            if not moves:
                found += [torch.zeros_like(tensor) for tensor in layer]
                continue
            gates = torch.cat(parts)
            below, before = torch.cat([move.below for move in moves]), torch.cat([move.hidden for move in moves])
            bias = gates.sum(0) if place else torch.zeros_like(layer.bias)
            found += [gates.t() @ below, bias, gates.t() @ before]
        return found


def _backward(
    sizes: tuple[int, ...],
    given: Given,
    states: Tensor,
    words: list[Word],
    grad_states: Tensor,
    grad_contexts: Tensor,
) -> list[Tensor | None]:
    """Gradients of the tensors of `Given.flat`, from those of s_{i-1} (R, H) and g_i (R, G)."""
    sums = _Sums(sizes, given, len(states))
    # Rows of answers that end before a word are still zero when the loop comes to it.
    hidden = [torch.zeros_like(layer) for layer in given.hidden.unbind(1)]
    cell = [torch.zeros_like(layer) for layer in given.cell.unbind(1)]
    query = given.weights.query
    for place, (begin, end) in reversed(list(enumerate(_slices(sizes)))):
        rows, word = end - begin, words[place]
        context = grad_contexts[begin:end].clone()
        if word.moves:
            following = sizes[place + 1]
            below, gates = move_gradient(hidden, cell, word.moves, given.layers)
            context[:following] += below
            sums.products[begin : begin + following] = gates[0]
            for parts, part in zip(sums.gates, gates, strict=True):
                parts.append(part)
        queries = sums.queries[begin:end]
        _attend_gradient(context, word, given, place, sums, queries)
        hidden[-1][:rows] += grad_states[begin:end]
        hidden[-1][:rows].addmm_(queries.flatten(1), query)
    return [
        sums.products,
        torch.stack(hidden, 1),
        torch.stack(cell, 1),
        *sums.memories(given),
        *sums.weights(given, states),
        *sums.layers(given, words),
    ]


def _attend_gradient(context: Tensor, word: Word, given: Given, place: int, sums: _Sums, queries: Tensor) -> None:
    """The gradient of equations 6 to 8 from that of g_i (n, G); ``queries`` (n, K + 1, A) takes the queries'."""
    (attended, trace, _), weights, rows = word, given.weights, len(context)
    width = weights.content.shape[1]
    total = (context * (1 - attended.context.square())).unsqueeze(1)
    beta = attended.modality
    mixtures = sums.mixtures[place, :rows]
    mixtures[:, :, :width] = beta.unsqueeze(2) * total
    balance = _softmax_gradient(beta, torch.bmm(trace.content, total.transpose(1, 2)).squeeze(2))
    sums.balance += balance.flatten() @ trace.energy.flatten(0, 1)
    mixtures[:, :, width:] = balance.unsqueeze(2) * weights.balance * (1 - trace.energy.square())
    queries[:, -1] = mixtures[:, :, width:].sum(1)
    for modality, memory in enumerate(given.first(rows)):
        share = attended.temporal[modality]
        sums.shares[modality][place, :rows] = share
        reached = torch.bmm(memory.mixed, mixtures[:, modality].unsqueeze(2)).squeeze(2)
        scores = _softmax_gradient(share, reached)
        hidden = trace.hidden[modality]
        sums.score[modality] += scores.flatten() @ hidden.flatten(0, 1)
        squares = torch.square(hidden, out=sums.scratch[modality][:rows])
        shrunk = torch.bmm(scores.unsqueeze(1), squares).squeeze(1)
        queries[:, modality] = weights.score[modality] * (scores.sum(1, keepdim=True) - shrunk)
        sums.scores[modality][:rows] += scores
        sums.squares[modality][:rows].addcmul_(scores.unsqueeze(2), squares)


def _softmax_gradient(share: Tensor, gradient: Tensor) -> Tensor:
    """Of a softmax over the last dimension, whose masked places have a share of 0."""
    weighted = share * gradient
    return weighted - share * weighted.sum(-1, keepdim=True)
