"""One LSTM step of every decoder layer (equation 5), with its gradient written out.

Legend: N rows, m rows that move on, E input of the first layer beside the word, H units.

>>> layers = [Layer(torch.zeros(4 * 6, 4), torch.zeros(4 * 6), torch.zeros(4 * 6, 6))]
>>> zero = torch.zeros(2, 6)
>>> step = move(torch.zeros(2, 4 * 6), torch.ones(2, 4), [zero], [zero], layers)[0]
>>> step.output.shape
torch.Size([2, 6])
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Layer(NamedTuple):
    """Weights of a decoder layer.

    enter: (4H, G) in the first layer, where the context vector's columns of the input weights stand; else (4H, H).
    bias: (4H,); in the first layer the words' products hold it, and this one is not used. recur: (4H, H).
    """

    enter: Tensor
    bias: Tensor
    recur: Tensor


class Move(NamedTuple):
    """One LSTM step of a layer, m rows: its input and states before; gates after sigmoid or tanh; states after.

    squashed: tanh of the new ``memory``; output: the new hidden state.
    """

    below: Tensor
    hidden: Tensor
    cell: Tensor
    gates: Tensor
    memory: Tensor
    squashed: Tensor
    output: Tensor


def move(
    product: Tensor, context: Tensor, hidden: Sequence[Tensor], cell: Sequence[Tensor], layers: Sequence[Layer]
) -> list[Move]:
    """Equation 5: every layer's step, m rows. product: (m, 4H), the word's part, with the first layer's biases."""
    moves: list[Move] = []
    below, addend = context, product
    for before, memory, layer in zip(hidden, cell, layers, strict=True):
        if moves:
            below, addend = moves[-1].output, layer.bias
        gates = torch.addmm(addend, below, layer.enter.t()).addmm_(before, layer.recur.t())
        enter, forget, candidate, output = gates.chunk(4, 1)
        for gate in (enter, forget, output):
            gate.sigmoid_()
        candidate.tanh_()
        after = torch.addcmul(enter * candidate, forget, memory)
        squashed = after.tanh()
        moves.append(Move(below, before, memory, gates, after, squashed, output * squashed))
    return moves


def move_gradient(
    hidden: Sequence[Tensor], cell: Sequence[Tensor], moves: Sequence[Move], layers: Sequence[Layer]
) -> tuple[Tensor, list[Tensor]]:
    """Gradients of the first layer's input beside the word (m, E), and of each layer's pre-activations (m, 4H).

    hidden, cell: by layer (N, H), gradients of the states after the step; their first m rows become those of the
    states before it.
    """
    rows, below, found = len(moves[0].output), torch.empty(0), []
    for place in reversed(range(len(layers))):
        step, layer = moves[place], layers[place]
        above, memory = hidden[place][:rows], cell[place][:rows]
        if place < len(layers) - 1:
            above = above + below
        enter, forget, candidate, output = step.gates.chunk(4, 1)
        memory = memory + above * output * (1 - step.squashed.square())
        gates = torch.cat(
            (
                memory * candidate * enter * (1 - enter),
                memory * step.cell * forget * (1 - forget),
                memory * enter * (1 - candidate.square()),
                above * step.squashed * output * (1 - output),
            ),
            1,
        )
        found.append(gates)
        hidden[place][:rows] = gates @ layer.recur
        cell[place][:rows] = memory * forget
        below = gates @ layer.enter
    return below, found[::-1]
