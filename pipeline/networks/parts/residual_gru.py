"""Stacked GRU layers of one width with residual connections and dropout.

Legend: N sequences or rows, R real steps of all sequences, D input size, H units, K layers.

    h^k_t = dropout(GRU_k(in^k_t) + in^k_t);  in^1_t = x_t, in^(k+1)_t = h^k_t

Where the input is wider than the layers (D > H), its first H values go round the first layer. The recurrence is the
GRU's own: its state is what it gave itself, before the sum.

>>> from pipeline.networks.parts.packing import Packing
>>> packing = Packing.of(torch.tensor([3, 2]), padded=3)
>>> layers = ResidualGRU(inputs=5, hidden=4, layers=2, dropout=0.5)
>>> layers(packing.pack(torch.zeros(2, 3, 5)), packing, torch.zeros(2, 2, 4)).shape
torch.Size([5, 4])
>>> top, state = layers.step(torch.zeros(2, 5), torch.zeros(2, 2, 4))
>>> top.shape, state.shape
(torch.Size([2, 4]), torch.Size([2, 2, 4]))
"""

import torch
from torch import Tensor, nn

from pipeline.networks.parts import gru
from pipeline.networks.parts.packing import Packing


class ResidualGRU(nn.Module):
    """See this module's equation. Recurrent weights start orthogonal, input weights Xavier, gate by gate; biases 0."""

    def __init__(self, inputs: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.hidden = hidden
        self.layers = nn.ModuleList([gru.GRU(inputs if layer == 0 else hidden, hidden, 1) for layer in range(layers)])
        self.dropout = nn.Dropout(dropout)
        for name, parameter in self.named_parameters():
            for gate in parameter.data.chunk(3):
                if "bias" in name:
                    nn.init.zeros_(gate)
                elif "weight_hh" in name:
                    nn.init.orthogonal_(gate)
                else:
                    nn.init.xavier_uniform_(gate)

    def forward(self, packed: Tensor, packing: Packing, start: Tensor) -> Tensor:
        """(R, H), the top layer after every step of ``packed`` (R, D), from the states ``start`` (N, K, H)."""
        for place, layer in enumerate(self.layers):
            packed = self.dropout(layer(packed, packing, start[:, place]) + packed[:, : self.hidden])
        return packed

    def step(self, values: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The top layer (N, H) and the states (N, K, H) after one more step ``values`` (N, D)."""
        states = []
        for layer, before in zip(self.layers, state.unbind(1), strict=True):
            assert isinstance(layer, gru.GRU)
            states.append(gru.step(layer.cells, gru.product(layer.cells, values), before))
            values = self.dropout(states[-1] + values[:, : self.hidden])
        return values, torch.stack(states, 1)
