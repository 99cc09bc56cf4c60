"""The decoder's loop with all modalities side by side, for a device that waits for operations to be started.

The equations and the results, to rounding, of `pipeline.networks.parts.recurrence`. The steps of all modalities stand
in a row; every query scores every step, and a bias takes away those of other modalities: more is computed, by fewer
operations. What a word makes is written where the end of the loop wants it.

Legend: N answers, n of them have a word i, m another one after it, W words, R real words in packed order, K modalities,
S steps of all modalities, A attention size, G context vector, H decoder units.

>>> from pipeline.networks.parts.additive import Memory, Weights
>>> from pipeline.networks.parts.lstm_step import Layer
>>> memory = Memory(torch.zeros(2, 5, 3), torch.zeros(2, 5, 4 + 3), torch.ones(2, 5, dtype=torch.bool))
>>> weights = Weights(torch.zeros(2 * 3, 6), *(torch.zeros(size) for size in ((1, 3), (1, 4), (1, 3), (3,))))
>>> layers = [Layer(torch.zeros(4 * 6, 4), torch.zeros(4 * 6), torch.zeros(4 * 6, 6))]
>>> zero = torch.zeros(2, 1, 6)
>>> given = Given(torch.zeros(3, 4 * 6), zero, zero, [memory], weights, layers)
>>> states, contexts, kept = forward((2, 1), given, keep=True)
>>> states.shape, contexts.shape, kept.shares.shape
(torch.Size([3, 6]), torch.Size([3, 4]), torch.Size([2, 2, 5, 1]))
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pipeline.networks.parts.given import Given
from pipeline.networks.parts.packing import before
from pipeline.tensors import sent_to

# PyTorch's own gradients: gradient x (1 - y^2); gradient x y (1 - y); of a softmax. One operation each.
_tanh_gradient: Any = torch.ops.aten.tanh_backward
_softmax_gradient: Any = torch.ops.aten._softmax_backward_data


class Joint(NamedTuple):
    """The memories side by side.

    keys: (N, S, A). mixed: (N, S, G + A). bias: (N, S, K), 0 where a step is real and of the modality, else so low that
    a softmax makes 0 of it. there: (N, 1, K), 1 where a modality has a step, else 0. owner: (S,), each step's modality.
    own: (K, S), 1 where a step is the modality's.
    """

    keys: Tensor
    mixed: Tensor
    bias: Tensor
    there: Tensor
    owner: Tensor
    own: Tensor

    @classmethod
    def of(cls, given: Given) -> "Joint":
        """Of a loop's memories."""
        keys, mixed = (torch.cat([memory[place] for memory in _parts(given)], 1) for place in (0, 1))
        spans = [memory.mask.shape[1] for memory in given.memories]
        numbers = torch.arange(len(spans))
        owner, numbers = sent_to(keys.device, numbers.repeat_interleave(torch.tensor(spans)), numbers)
        own = owner == numbers.unsqueeze(1)
        real = torch.cat([memory.mask for memory in given.memories], 1).unsqueeze(2) & own.t()
        bias = keys.new_zeros(real.shape).masked_fill_(~real, torch.finfo(keys.dtype).min)
        return cls(keys, mixed, bias, real.any(1, keepdim=True).to(keys.dtype), owner, own.to(keys.dtype))


class States(NamedTuple):
    """A decoder layer's states before every word, packed (R, .): ``hidden``, ``cell``, and for every word but the first
    of an answer how they came about: ``gates`` after sigmoid and tanh (R, 4H), ``squashed`` tanh of the cell.
    """

    hidden: Tensor
    cell: Tensor
    gates: Tensor
    squashed: Tensor


class Kept(NamedTuple):
    """What the gradient needs.

    hidden: by word (n, S, A), the tanh of eq. 6. shares: (W, N, S, K), a. content, energy: packed (R, K, G) and
    (R, K, A), d_k and the tanh of eq. 7. modality: (R, K), beta.
    """

    joint: Joint
    layers: list[States]
    hidden: list[Tensor]
    shares: Tensor
    content: Tensor
    energy: Tensor
    modality: Tensor


def forward(sizes: tuple[int, ...], given: Given, *, keep: bool) -> tuple[Tensor, Tensor, Kept]:
    """s_{i-1} (R, H) and g_i (R, G) of every word; without ``keep`` the tanh of eq. 6, which is large, is let go."""
    joint = Joint.of(given)
    (rows, answers), (modalities, attention) = (len(given.products), len(given.hidden)), given.weights.score.shape
    width, steps = given.weights.content.shape[1], joint.keys.shape[1]
    new = given.products.new_empty
    kept = Kept(
        joint,
        [_layer(given, place) for place in range(len(given.layers))],
        [],
        given.products.new_zeros(len(sizes) if keep else 1, answers, steps, modalities),
        new(rows, modalities, width),
        new(rows, modalities, attention),
        new(rows, modalities),
    )
    states, contexts = kept.layers[-1].hidden, new(rows, width)
    for word, (begin, end, following) in enumerate(_words(sizes)):
        hidden = _attend(given, kept, states[begin:end], contexts[begin:end], begin, kept.shares[word if keep else 0])
        if keep:
            kept.hidden.append(hidden)
        if following:
            _move(given, kept.layers, contexts, begin, end, following)
    # A copy: what an operation gives out would, kept for its gradient, keep itself alive.
    return states.clone(), contexts, kept


def backward(
    sizes: tuple[int, ...],
    given: Given,
    states: Tensor,
    contexts: Tensor,
    kept: Kept,
    grad_states: Tensor,
    grad_contexts: Tensor,
) -> list[Tensor | None]:
    """Gradients of the tensors of `Given.flat`, from those of s_{i-1} (R, H) and g_i (R, G)."""
    (previous,) = sent_to(states.device, before(sizes))
    first = sizes[0]
    sums = _Sums.of(sizes, given, kept)
    factors = [_Factors.of(layer, previous, first) for layer in kept.layers]
    hidden = [torch.zeros_like(layer) for layer in given.hidden.unbind(1)]
    cell = [torch.zeros_like(layer) for layer in given.cell.unbind(1)]
    grad_contexts = grad_contexts.clone()
    for word, (begin, end, following) in reversed(list(enumerate(_words(sizes)))):
        if following:
            context, after = grad_contexts[begin : begin + following], slice(end, end + following)
            _move_gradient(given, factors, hidden, cell, context, after)
        _attend_gradient(given, kept, sums, word, slice(begin, end), contexts[begin:end], grad_contexts[begin:end])
        top = hidden[-1][: end - begin]
        top += grad_states[begin:end]
        top.addmm_(sums.queries[begin:end].flatten(1), given.weights.query)
    products = given.products.new_zeros(given.products.shape)
    products.index_copy_(0, previous[first:], factors[0].gates[first:])
    return [
        products,
        torch.stack(hidden, 1),
        torch.stack(cell, 1),
        *sums.memories(given, kept),
        *sums.weights(given, kept, states),
        *_layer_gradients(given, kept, factors, contexts, previous, first),
    ]


def _parts(given: Given) -> Iterator[tuple[Tensor, Tensor]]:
    return ((memory.keys, memory.mixed) for memory in given.memories)


def _words(sizes: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Begin and end of every word's rows among the packed ones, and how many answers have another word."""
    return zip((0, *accumulate(sizes)), accumulate(sizes), (*sizes[1:], 0), strict=False)


def _layer(given: Given, place: int) -> States:
    """A layer's first states, and room for the others."""
    rows, answers, size = len(given.products), len(given.hidden), given.hidden.shape[2]
    hidden, cell, squashed = (given.products.new_empty(rows, size) for _ in range(3))
    hidden[:answers], cell[:answers] = given.hidden[:, place], given.cell[:, place]
    return States(hidden, cell, given.products.new_empty(rows, 4 * size), squashed)


def _attend(given: Given, kept: Kept, state: Tensor, context: Tensor, begin: int, shares: Tensor) -> Tensor:
    """Equations 6 to 8 from s_{i-1} (n, H); ``context`` (n, G) takes g_i, ``shares`` (N, S, K) a, ``kept`` the rest."""
    joint, weights, rows = kept.joint, given.weights, len(state)
    modalities, attention = weights.score.shape
    width, here = weights.content.shape[1], slice(begin, begin + rows)
    queries = (state @ weights.query.t()).view(rows, modalities + 1, attention)
    hidden = queries.index_select(1, joint.owner).add_(joint.keys[:rows]).tanh_()
    scores = torch.matmul(hidden, weights.score.t()).add_(joint.bias[:rows])
    share = torch.mul(scores.softmax(1), joint.there[:rows], out=shares[:rows])
    mixed = torch.bmm(share.transpose(1, 2), joint.mixed[:rows])
    content = torch.add(mixed[:, :, :width], weights.content, out=kept.content[here])
    energy = torch.add(mixed[:, :, width:], weights.offset, out=kept.energy[here])
    energy.add_(queries[:, modalities:]).tanh_()
    modality = torch.softmax(energy @ weights.balance, 1)
    kept.modality[here] = modality
    torch.tanh(torch.bmm(modality.unsqueeze(1), content).squeeze(1), out=context)
    return hidden


def _move(given: Given, layers: Sequence[States], contexts: Tensor, begin: int, end: int, following: int) -> None:
    """Equation 5: the states of the word after, from those at ``begin``."""
    before, after = slice(begin, begin + following), slice(end, end + following)
    below = contexts[before]
    for place, (weights, (hidden, cell, gates, squashed)) in enumerate(zip(given.layers, layers, strict=True)):
        size, gate = hidden.shape[1], gates[after]
        torch.addmm(weights.bias if place else given.products[before], below, weights.enter.t(), out=gate)
        gate.addmm_(hidden[before], weights.recur.t())
        kept, candidate, output = gate[:, : 2 * size], gate[:, 2 * size : 3 * size], gate[:, 3 * size :]
        kept.sigmoid_()
        candidate.tanh_()
        output.sigmoid_()
        memory = torch.mul(kept[:, :size], candidate, out=cell[after])
        memory.addcmul_(kept[:, size:], cell[before])
        torch.tanh(memory, out=squashed[after])
        below = torch.mul(output, squashed[after], out=hidden[after])


class _Factors(NamedTuple):
    """What the gradients of a layer's gates are multiples of, all words at once, packed.

    gates: (R, 4H), the first three parts to be multiplied by the gradient of the cell, the last by that of the state;
    they then are the gradients. through: (R, H), the gradient of the cell for that of the state. forget: (R, H).
    """

    gates: Tensor
    through: Tensor
    forget: Tensor

    @classmethod
    def of(cls, layer: States, previous: Tensor, first: int) -> "_Factors":
        """Of a layer; rows of first words have none and stay zero."""
        enter, forget, candidate, output = layer.gates.chunk(4, 1)
        earlier = layer.cell.index_select(0, previous)
        gates = torch.cat(
            (
                enter * (1 - enter) * candidate,
                forget * (1 - forget) * earlier,
                (1 - candidate.square()) * enter,
                output * (1 - output) * layer.squashed,
            ),
            1,
        )
        through = (1 - layer.squashed.square()) * output
        gates[:first], through[:first] = 0, 0
        return cls(gates, through, forget)


def _move_gradient(
    given: Given,
    factors: Sequence[_Factors],
    hidden: Sequence[Tensor],
    cell: Sequence[Tensor],
    context: Tensor,
    after: slice,
) -> None:
    """From the gradients of the states after a step to those before, by layer (N, ·), and to that of g_i (m, G)."""
    rows = len(context)
    for place in reversed(range(len(given.layers))):
        weights, factor = given.layers[place], factors[place]
        state, memory, gates = hidden[place][:rows], cell[place][:rows], factor.gates[after]
        size = state.shape[1]
        memory.addcmul_(state, factor.through[after])
        gates[:, : 3 * size].view(rows, 3, size).mul_(memory.unsqueeze(1))
        gates[:, 3 * size :].mul_(state)
        memory.mul_(factor.forget[after])
        torch.mm(gates, weights.recur, out=state)
        (hidden[place - 1][:rows] if place else context).addmm_(gates, weights.enter)


class _Sums(NamedTuple):
    """Gradients that add up over words, or become one product when the loop is done.

    keys: (N, S, A). score: (K, A). mixtures: (W, N, K, G + A). queries: packed (R, K + 1, A). balance: (R, K), of the
    scores of eq. 7.
    """

    keys: Tensor
    score: Tensor
    mixtures: Tensor
    queries: Tensor
    balance: Tensor

    @classmethod
    def of(cls, sizes: Sequence[int], given: Given, kept: Kept) -> "_Sums":
        """Nothing yet."""
        modalities, attention = given.weights.score.shape
        rows, answers, width = len(given.products), len(given.hidden), kept.joint.mixed.shape[2]
        new = given.products.new_zeros
        return cls(
            torch.zeros_like(kept.joint.keys),
            torch.zeros_like(given.weights.score),
            new(len(sizes), answers, modalities, width),
            new(rows, modalities + 1, attention),
            new(rows, modalities),
        )

    def memories(self, given: Given, kept: Kept) -> Iterator[Tensor | None]:
        """Of keys and mixed of each modality, and None for its mask."""
        # (N, S, W K) times (N, W K, G + A)
        shares = kept.shares.permute(1, 2, 0, 3).flatten(2)
        mixed = torch.bmm(shares, self.mixtures.transpose(0, 1).flatten(1, 2))
        spans = [memory.mask.shape[1] for memory in given.memories]
        for keys, part in zip(torch.split(self.keys, spans, 1), torch.split(mixed, spans, 1), strict=True):
            yield from (keys, part, None)

    def weights(self, given: Given, kept: Kept, states: Tensor) -> tuple[Tensor, ...]:
        """Of the attention's parameters."""
        width = given.weights.content.shape[1]
        totals = self.mixtures.sum((0, 1))
        balance = self.balance.flatten() @ kept.energy.flatten(0, 1)
        return (self.queries.flatten(1).t() @ states, self.score, totals[:, :width], totals[:, width:], balance)


def _attend_gradient(
    given: Given, kept: Kept, sums: _Sums, word: int, here: slice, context: Tensor, gradient: Tensor
) -> None:
    """The gradient of equations 6 to 8 from that of g_i (n, G); ``sums`` takes it."""
    joint, weights, rows = kept.joint, given.weights, len(context)
    width, modalities = weights.content.shape[1], len(weights.score)
    total = _tanh_gradient(gradient, context).unsqueeze(1)
    beta, share, hidden = kept.modality[here], kept.shares[word, :rows], kept.hidden[word]
    mixtures, queries, balance = sums.mixtures[word, :rows], sums.queries[here], sums.balance[here]
    torch.mul(beta.unsqueeze(2), total, out=mixtures[:, :, :width])
    reached = torch.bmm(kept.content[here], total.transpose(1, 2)).squeeze(2)
    balance.copy_(_softmax_gradient(reached, beta, 1, beta.dtype))
    mixtures[:, :, width:] = _tanh_gradient(balance.unsqueeze(2) * weights.balance, kept.energy[here])
    torch.sum(mixtures[:, :, width:], 1, out=queries[:, modalities])
    scores = _softmax_gradient(torch.bmm(joint.mixed[:rows], mixtures.transpose(1, 2)), share, 1, share.dtype)
    sums.score.addmm_(scores.flatten(0, 1).t(), hidden.flatten(0, 1))
    keys = _tanh_gradient(torch.matmul(scores, weights.score), hidden)
    sums.keys[:rows] += keys
    queries[:, :modalities] = torch.matmul(joint.own, keys)


def _layer_gradients(
    given: Given, kept: Kept, factors: Sequence[_Factors], contexts: Tensor, previous: Tensor, first: int
) -> Iterator[Tensor]:
    """Gradients of the decoder's weights, a layer's three after the other."""
    before = previous[first:]
    for place, (layer, factor) in enumerate(zip(kept.layers, factors, strict=True)):
        gates = factor.gates[first:].t()
        below = kept.layers[place - 1].hidden[first:] if place else contexts.index_select(0, before)
        yield gates @ below
        yield gates.sum(1) if place else torch.zeros_like(given.layers[place].bias)
        yield gates @ layer.hidden.index_select(0, before)
