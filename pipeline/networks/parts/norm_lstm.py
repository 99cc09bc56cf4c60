"""LSTM layers with layer normalisation over packed sequences.

Ba, Kiros and Hinton, "Layer Normalization" (2016), equations 20 to 22; LN of all four gates together.

Legend: N sequences, R real steps of all of them, D input size, H units, K layers.

    [i, f, c~, o] = LN(W x_t) + LN(U h_(t-1));  c_t = s(f) c_(t-1) + s(i) tanh(c~);  h_t = s(o) tanh(LN(c_t))

Dropout stands behind every layer; a layer's own state does not pass through it.

>>> packing = Packing.of(torch.tensor([3, 2]), padded=3)
>>> lstm = NormLSTM(inputs=5, hidden=4, layers=2, dropout=0.5, bidirectional=True)
>>> states = lstm(packing.pack(torch.zeros(2, 3, 5)), packing, torch.ones(2, 4))
>>> states.shape, lstm.last(states, packing).shape
(torch.Size([5, 8]), torch.Size([2, 8]))
"""

import torch
from torch import Tensor, nn

from pipeline.networks.parts.packing import Packing, pick


class NormCell(nn.Module):
    """One layer in one direction; see this module's equations."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.enter = nn.Linear(inputs, 4 * hidden, bias=False)
        self.recur = nn.Linear(hidden, 4 * hidden, bias=False)
        self.enter_norm, self.recur_norm = nn.LayerNorm(4 * hidden), nn.LayerNorm(4 * hidden)
        self.memory_norm = nn.LayerNorm(hidden)

    def forward(self, packed: Tensor, packing: Packing, start: Tensor) -> Tensor:
        """States (R, H) of ``packed`` (R, D), from ``start`` (N, H)."""
        products = self.product(packed)
        state = start.index_select(0, packing.order)
        memory = torch.zeros_like(state)
        states = []
        for begin, end in packing.slices:
            count = end - begin
            state, memory = self.step(products[begin:end], state[:count], memory[:count])
            states.append(state)
        return torch.cat(states) if states else packed.new_zeros(0, start.shape[1])

    def product(self, values: Tensor) -> Tensor:
        """LN(W x) (N, 4H) of ``values`` (N, D)."""
        made: Tensor = self.enter_norm(self.enter(values))
        return made

    def step(self, product: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """h_t and c_t (N, H), from the input's product (N, 4H)."""
        taken, kept, candidate, output = (product + self.recur_norm(self.recur(state))).chunk(4, 1)
        memory = torch.addcmul(taken.sigmoid() * candidate.tanh(), kept.sigmoid(), memory)
        return output.sigmoid() * self.memory_norm(memory).tanh(), memory


class NormLSTM(nn.Module):
    """Stacked layers, one- or bidirectional; all of them start from one state."""

    def __init__(self, inputs: int, hidden: int, layers: int, dropout: float, bidirectional: bool = False) -> None:
        super().__init__()
        self.hidden = hidden
        self.outputs = 2 * hidden if bidirectional else hidden
        widths = [inputs] + [self.outputs] * (layers - 1)
        self.forwards = nn.ModuleList(NormCell(width, hidden) for width in widths)
        self.backwards = nn.ModuleList(NormCell(width, hidden) for width in widths if bidirectional)
        self.dropout = nn.Dropout(dropout)

    def forward(self, packed: Tensor, packing: Packing, start: Tensor) -> Tensor:
        """Top states (R, directions x H) of ``packed`` (R, D), forward beside backward; every layer from ``start``."""
        for place, layer in enumerate(self.forwards):
            states = layer(packed, packing, start)
            if self.backwards:
                turned = packed.index_select(0, packing.reverse)
                other = self.backwards[place](turned, packing, start).index_select(0, packing.reverse)
                states = torch.cat((states, other), 1)
            packed = self.dropout(states)
        return packed

    def last(self, states: Tensor, packing: Packing) -> Tensor:
        """Final states (N, directions x H): forward at the last step, backward at the first; zero without a step."""
        final = pick(states[:, : self.hidden], packing.last)
        if not self.backwards:
            return final
        return torch.cat((final, pick(states[:, self.hidden :], packing.first)), 1)

    def step(self, values: Tensor, states: Tensor, memories: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The top state (N, H), behind dropout, and h and c (N, K, H) after ``values`` (N, D): one direction."""
        after, kept = [], []
        for place, layer in enumerate(self.forwards):
            assert isinstance(layer, NormCell)
            state, memory = layer.step(layer.product(values), states[:, place], memories[:, place])
            after.append(state)
            kept.append(memory)
            values = self.dropout(state)
        return values, torch.stack(after, 1), torch.stack(kept, 1)
