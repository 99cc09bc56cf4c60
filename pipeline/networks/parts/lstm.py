"""LSTM layers over packed sequences.

Legend: N sequences, R real steps of all of them, D input size, H units.

On a GPU a packed sequence goes to cuDNN as it is, on a CPU through `pipeline.networks.parts.packed_lstm`.

>>> packing = Packing.of(torch.tensor([3, 0, 2]), padded=4)
>>> lstm = LSTM(inputs=5, hidden=3, layers=2, bidirectional=True)
>>> states = lstm(packing.pack(torch.zeros(3, 4, 5)), packing)
>>> states.shape, lstm.last(states, packing).shape
(torch.Size([5, 6]), torch.Size([3, 6]))
"""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from pipeline.networks.parts.packed_lstm import packed_lstm
from pipeline.networks.parts.packing import Packing, pick


class LSTM(nn.Module):
    """Stacked LSTM layers, one- or bidirectional, over packed sequences; no dropout between layers (choice 11).

    The two directions are LSTMs of their own, the second over reversed sequences.
    """

    def __init__(self, inputs: int, hidden: int, layers: int, bidirectional: bool = False) -> None:
        super().__init__()
        self.hidden = hidden
        self.directions = 2 if bidirectional else 1
        self.outputs = self.directions * hidden
        widths = [inputs] + [self.outputs] * (layers - 1)
        self.forwards = nn.ModuleList(nn.LSTM(width, hidden) for width in widths)
        self.backwards = nn.ModuleList(nn.LSTM(width, hidden) for width in widths if bidirectional)

    def forward(self, packed: Tensor, packing: Packing) -> Tensor:
        """States of the top layer (R, directions x H) of ``packed`` (R, D), forward beside backward."""
        if len(packed) == 0:
            return packed.new_zeros(0, self.outputs)
        for layer, cells in enumerate(self.forwards):
            states = _run(cells, packed, packing)
            if self.directions == 2:
                turned = packed.index_select(0, packing.reverse)
                other = _run(self.backwards[layer], turned, packing).index_select(0, packing.reverse)
                states = torch.cat((states, other), 1)
            packed = states
        return packed

    def last(self, states: Tensor, packing: Packing) -> Tensor:
        """Final states (N, directions x H): forward at the last step, backward at the first; zero without a step."""
        final = pick(states[:, : self.hidden], packing.last)
        if self.directions == 1:
            return final
        return torch.cat((final, pick(states[:, self.hidden :], packing.first)), 1)

    @property
    def entry_weight(self) -> Tensor:
        """The first layer's input weights (4H, D)."""
        return dict(self.forwards[0].named_parameters())["weight_ih_l0"]

    @property
    def entry_bias(self) -> Tensor:
        """Both the first layer's biases together (4H,)."""
        weights = dict(self.forwards[0].named_parameters())
        return weights["bias_ih_l0"] + weights["bias_hh_l0"]

    def weights(self, entry: int) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Of each layer: input weights, both biases together, recurrent weights (one direction).

        entry: of the first layer's input weights, the columns of only the last so many inputs.
        """
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        for layer, cells in enumerate(self.forwards):
            weights = dict(cells.named_parameters())
            enter = weights["weight_ih_l0"]
            bias = weights["bias_ih_l0"] + weights["bias_hh_l0"]
            found.append((enter if layer else enter[:, -entry:], bias, weights["weight_hh_l0"]))
        return found

    def step(self, product: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """One step of every layer (one direction), with the input's product already made.

        product: (N, 4H), the input through `entry_weight` and `entry_bias`. state, memory: (N, layers, H), hidden and
        cell, also returned.
        """
        states: list[Tensor] = []
        memories: list[Tensor] = []
        for layer, cells in enumerate(self.forwards):
            weights = dict(cells.named_parameters())
            if layer:
                bias = weights["bias_ih_l0"] + weights["bias_hh_l0"]
                product = functional.linear(states[-1], weights["weight_ih_l0"], bias)
            gates = torch.addmm(product, state[:, layer], weights["weight_hh_l0"].t())
            enter, forget, candidate, output = gates.chunk(4, 1)
            memories.append(torch.addcmul(enter.sigmoid() * candidate.tanh(), forget.sigmoid(), memory[:, layer]))
            states.append(output.sigmoid() * memories[-1].tanh())
        return torch.stack(states, 1), torch.stack(memories, 1)


def _run(cells: nn.Module, packed: Tensor, packing: Packing) -> Tensor:
    """States (R, H) of a one-layer, one-directional ``nn.LSTM`` over packed rows."""
    if packed.is_cuda:
        states: Tensor = cells(PackedSequence(packed, torch.tensor(packing.sizes)))[0].data
        return states
    weights = dict(cells.named_parameters())
    bias = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    return packed_lstm(packing.sizes, packed, weights["weight_ih_l0"], weights["weight_hh_l0"], bias)
