"""One GRU layer over packed sequences on a CPU, with its gradient written out.

Legend: N sequences, longest first, R real steps of all in packed order (`pipeline.networks.parts.packing`), D input
size, H units; the equations are `pipeline.networks.parts.gru`'s.

As in `packed_lstm`: the input's product stands before the loop, the gradients of all weights are one product each after
it, and what a gradient needs of the gates is made for all steps at once. A step backward is four operations.

>>> states = packed_gru((2, 2, 1), torch.ones(5, 4), torch.zeros(2, 3), *(torch.zeros(9, size) for size in (4, 3)),
...     torch.zeros(9), torch.zeros(9))
>>> states.shape
torch.Size([5, 3])
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pipeline.networks.parts.packing import before
from pipeline.tensors import full_precision


def packed_gru(
    sizes: Sequence[int], packed: Tensor, start: Tensor, enter: Tensor, recur: Tensor, bias: Tensor, kept: Tensor
) -> Tensor:
    """States (R, H) of every step.

    sizes: sequences that have a first step, a second ... packed: (R, D). start: (N, H), before the first step. enter:
    (3H, D). recur: (3H, H). bias, kept: (3H,), of the input's product and of the state's; `nn.GRU`'s order of gates:
    reset, update, candidate. Under automatic mixed precision it runs in float32.
    """
    with torch.autocast("cpu", enabled=False):
        given = (full_precision(tensor) for tensor in (packed, start, enter, recur, bias, kept))
        states: Tensor = _PackedGRU.apply(tuple(sizes), *given)
        return states


class _PackedGRU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        sizes: tuple[int, ...],
        packed: Tensor,
        start: Tensor,
        enter: Tensor,
        recur: Tensor,
        bias: Tensor,
        kept: Tensor,
    ) -> Tensor:
        size = recur.shape[1]
        gates = torch.addmm(bias, packed, enter.t())
        held = gates.new_empty(len(gates), size)
        states = torch.empty_like(held)
        state = start
        for begin, end in zip((0, *accumulate(sizes)), accumulate(sizes), strict=False):
            state, gate = state[: end - begin], gates[begin:end]
            product = torch.addmm(kept, state, recur.t())
            both, candidate = gate[:, : 2 * size], gate[:, 2 * size :]
            both.add_(product[:, : 2 * size]).sigmoid_()
            held[begin:end] = product[:, 2 * size :]
            candidate.addcmul_(gate[:, :size], product[:, 2 * size :]).tanh_()
            state = torch.lerp(candidate, state, gate[:, size : 2 * size], out=states[begin:end])
        ctx.sizes = sizes
        ctx.save_for_backward(packed, start, enter, recur, gates, held, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        packed, start, enter, recur, gates, held, states = ctx.saved_tensors
        sizes, size = ctx.sizes, recur.shape[1]
        first = sizes[0]
        previous = torch.cat((start[:first], states.index_select(0, before(sizes)[first:].to(gates.device))))
        resets, updates, candidates = gates.split(size, 1)
        # d(pre-activation) = d(state) times these; of the candidate's, what the state's product gets.
        factors = torch.empty_like(gates)
        inner = (1 - candidates.square()) * (1 - updates)
        torch.mul(inner * held, resets * (1 - resets), out=factors[:, :size])
        torch.mul(previous - candidates, updates * (1 - updates), out=factors[:, size : 2 * size])
        torch.mul(inner, resets, out=factors[:, 2 * size :])
        told, carried = gradient.clone(), gradient.new_zeros(first, size)
        end = len(gates)
        for rows in reversed(sizes):
            state, factor = told[end - rows : end], factors[end - rows : end]
            state += carried[:rows]
            factor.view(rows, 3, size).mul_(state.unsqueeze(1))
            torch.addmm(state * updates[end - rows : end], factor, recur, out=carried[:rows])
            end -= rows
        entered = torch.cat((factors[:, : 2 * size], told * inner), 1)
        begun = start.new_zeros(start.shape)
        begun[:first] = carried
        return (
            None,
            entered @ enter if ctx.needs_input_grad[1] else None,
            begun if ctx.needs_input_grad[2] else None,
            entered.t() @ packed,
            factors.t() @ previous,
            entered.sum(0),
            factors.sum(0),
        )
