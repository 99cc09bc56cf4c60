"""One LSTM layer over packed sequences on a CPU, with its gradient written out.

Legend: N sequences, longest first, R real steps of all in packed order (`pipeline.networks.parts.packing`), n sequences
that have a step t, D input size, H units.

    i, f, o = sigmoid(W x_t + U h_{t-1} + b);  c~ = tanh(the same);  c_t = f c_{t-1} + i c~;  h_t = o tanh(c_t)

PyTorch runs packed sequences on a CPU step by step through automatic differentiation, and whole padded ones in oneDNN.
Here the input's product is one product before the loop, the weights' gradients are one each after it, what a gradient
needs of the gates is made for all steps at once, and padding is in no operation: faster than either
(benchmarks/training), with the same gradients.

>>> states = packed_lstm((2, 2, 1), torch.ones(5, 4), torch.zeros(12, 4), torch.zeros(12, 3), torch.zeros(12))
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


def packed_lstm(sizes: Sequence[int], packed: Tensor, enter: Tensor, recur: Tensor, bias: Tensor) -> Tensor:
    """States h_t (R, H) of every step.

    sizes: sequences that have a first step, a second ... packed: (R, D). enter: W, (4H, D). recur: U, (4H, H). bias:
    (4H,), both of `nn.LSTM` together; its order of gates: input, forget, candidate, output. Under automatic mixed
    precision it runs in float32.
    """
    with torch.autocast("cpu", enabled=False):
        given = (full_precision(tensor) for tensor in (packed, enter, recur, bias))
        states: Tensor = _PackedLSTM.apply(tuple(sizes), *given)
        return states


class _PackedLSTM(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, sizes: tuple[int, ...], packed: Tensor, enter: Tensor, recur: Tensor, bias: Tensor) -> Tensor:
        gates = torch.addmm(bias, packed, enter.t())
        size = recur.shape[1]
        states, memories = gates.new_empty(len(gates), size), gates.new_empty(len(gates), size)
        squashed = torch.empty_like(memories)
        before = slice(0, 0)
        for begin, end in zip((0, *accumulate(sizes)), accumulate(sizes), strict=False):
            now = slice(begin, end)
            gate = gates[now]
            if begin:
                last = slice(before.start, before.start + end - begin)
                gate.addmm_(states[last], recur.t())
            kept, candidate, output = gate[:, : 2 * size], gate[:, 2 * size : 3 * size], gate[:, 3 * size :]
            kept.sigmoid_()
            candidate.tanh_()
            output.sigmoid_()
            memory = torch.mul(kept[:, :size], candidate, out=memories[now])
            if begin:
                memory.addcmul_(kept[:, size:], memories[last])
            torch.tanh(memory, out=squashed[now])
            torch.mul(output, squashed[now], out=states[now])
            before = now
        ctx.sizes = sizes
        ctx.save_for_backward(packed, enter, recur, gates, memories, squashed, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        packed, enter, recur, gates, memories, squashed, states = ctx.saved_tensors
        sizes, size = ctx.sizes, recur.shape[1]
        previous = before(sizes).to(gates.device)
        first = sizes[0]
        # The step before; zero at the first one.
        earlier = memories.index_select(0, previous)
        earlier[:first] = 0
        enters, forgets, candidates, outputs = gates.split(size, 1)
        # d(gate) = d(cell) times the first three, d(state) times the last; d(cell) += d(state) times `through`.
        factors = torch.empty_like(gates)
        torch.mul(enters * (1 - enters), candidates, out=factors[:, :size])
        torch.mul(forgets * (1 - forgets), earlier, out=factors[:, size : 2 * size])
        torch.mul(1 - candidates.square(), enters, out=factors[:, 2 * size : 3 * size])
        torch.mul(outputs * (1 - outputs), squashed, out=factors[:, 3 * size :])
        through = (1 - squashed.square()).mul_(outputs)
        hidden, cell = gates.new_zeros(first, size), gates.new_zeros(first, size)
        end = len(gates)
        for rows in reversed(sizes):
            begin = end - rows
            state, memory, factor = hidden[:rows], cell[:rows], factors[begin:end]
            state += gradient[begin:end]
            memory.addcmul_(state, through[begin:end])
            factor[:, : 3 * size].view(rows, 3, size).mul_(memory.unsqueeze(1))
            factor[:, 3 * size :].mul_(state)
            memory *= forgets[begin:end]
            if begin:
                torch.mm(factor, recur, out=state)
            end = begin
        states = states.index_select(0, previous[first:])
        return (
            None,
            factors @ enter if ctx.needs_input_grad[1] else None,
            factors.t() @ packed,
            factors[first:].t() @ states,
            factors.sum(0),
        )
