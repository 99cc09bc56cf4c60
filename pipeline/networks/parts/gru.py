"""GRU layers over packed sequences, and one step of a cell whose input product is already made.

Legend: N sequences or rows, R real steps of all sequences, D input size, H units.

r = sigmoid(W_ir x + b_ir + W_hr h + b_hr); z likewise; n = tanh(W_in x + b_in + r * (W_hn h + b_hn));
h' = (1 - z) * n + z * h (Cho et al., 2014, with the reset gate behind the recurrent product, as cuDNN has it).

On a GPU a packed sequence goes to cuDNN as it is, on a CPU through `pipeline.networks.parts.packed_gru`.

>>> import torch
>>> packing = Packing.of(torch.tensor([3, 0, 2]), padded=4)
>>> gru = GRU(inputs=5, hidden=3, layers=2, bidirectional=True)
>>> gru(packing.pack(torch.zeros(3, 4, 5)), packing).shape
torch.Size([5, 6])
>>> cell = nn.GRUCell(5, 3)
>>> step(cell, product(cell, torch.ones(2, 5)), torch.zeros(2, 3)).shape
torch.Size([2, 3])
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from pipeline.networks.parts.packed_gru import packed_gru
from pipeline.networks.parts.packing import Packing


class GRU(nn.Module):
    """Stacked GRU layers, one- or bidirectional; no dropout between layers (choice 11)."""

    def __init__(self, inputs: int, hidden: int, layers: int, bidirectional: bool = False) -> None:
        super().__init__()
        self.cells = nn.GRU(inputs, hidden, layers, bidirectional=bidirectional)
        self.outputs = hidden * (2 if bidirectional else 1)

    def forward(self, packed: Tensor, packing: Packing, start: Tensor | None = None) -> Tensor:
        """States of the top layer (R, directions x H) of ``packed`` (R, D), forward beside backward.

        start: (N, H), the state of a single layer of one direction before the first step of each sequence, else zero.
        """
        if len(packed) == 0:
            return packed.new_zeros(0, self.outputs)
        if packed.is_cuda:
            first = None if start is None else start.index_select(0, packing.order[: packing.sizes[0]]).unsqueeze(0)
            states: Tensor = self.cells(PackedSequence(packed, torch.tensor(packing.sizes)), first)[0].data
            return states
        begin = packed.new_zeros(packing.rows, self.cells.hidden_size) if start is None else start
        begin = begin.index_select(0, packing.order)
        return self._run(packed, packing, begin)

    def _run(self, packed: Tensor, packing: Packing, start: Tensor) -> Tensor:
        directions = 2 if self.cells.bidirectional else 1
        for layer in range(self.cells.num_layers):
            ahead, *back = self.cells.all_weights[directions * layer : directions * (layer + 1)]
            states = packed_gru(packing.sizes, packed, start, *ahead)
            for weights in back:
                turned = packed.index_select(0, packing.reverse)
                other = packed_gru(packing.sizes, turned, start, *weights).index_select(0, packing.reverse)
                states = torch.cat((states, other), 1)
            packed = states
        return packed


Cell = nn.GRUCell | nn.GRU
"""A cell, or a single layer of one direction."""


def product(cell: Cell, values: Tensor) -> Tensor:
    """(N, 3H), the part of a cell's pre-activations that depends on its input ``values`` (N, D) alone."""
    entry, _, bias, _ = _weights(cell)
    return functional.linear(values, entry, bias)


def step(cell: Cell, inputs: Tensor, state: Tensor) -> Tensor:
    """The next state (N, H) from ``inputs`` (N, 3H), see `product`, and ``state`` (N, H)."""
    _, weight, _, bias = _weights(cell)
    recurrent = functional.linear(state, weight, bias)
    size = state.shape[1]
    gates = torch.sigmoid(inputs[:, : 2 * size] + recurrent[:, : 2 * size])
    reset, update = gates.chunk(2, 1)
    candidate = torch.tanh(inputs[:, 2 * size :] + reset * recurrent[:, 2 * size :])
    return candidate + update * (state - candidate)


def _weights(cell: Cell) -> Sequence[Tensor]:
    """Weights and biases: of the input, of the state, and their biases in the same order."""
    if isinstance(cell, nn.GRU):
        return cell.all_weights[0]
    return cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh
