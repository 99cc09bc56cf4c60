"""Tracing LSTMs: from each cell of a video's first map a trace that follows through the others what it found there.

Yu, Ko, Choi and Kim, "End-to-end Concept Word Detection" (CVPR 2017), section 3.1.

Legend: B videos, R frames of all of them, C channels, P cells of a map, L = P traces.

    a_1^l = 1 at cell l, else 0;   a_n^l = softmax_cells(Conv2(ReLU(Conv1(v_n * h_(n-1)^l))))
    c_n^l = sum_cells a_n^l v_n;   h_n^l = LSTM(c_n^l, h_(n-1)^l)

The weights are shared by all traces. With h_0 = 0 the formula would give every trace the same first map: the one-hot
one is used, as the authors' code does. Both convolutions are 3 x 3 and padded by zeros, ReLU between them, from C to C
and from C to 1 channels, as there. Options of that code: tanh of v_n in the product, and the product over its norm.

Frames of a video that has ended are not computed.

>>> from pipeline.networks.parts.packing import Packing
>>> traced = Tracing(5, (2, 3))(torch.rand(4, 5, 2, 3), Packing.of(torch.tensor([1, 3]), padded=3))
>>> traced.states.shape, traced.attention.shape
(torch.Size([2, 6, 5]), torch.Size([4, 6, 6]))
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.networks.parts.packing import Packing
from pipeline.networks.parts.scaled_convolution import SIDE, ordered, scaled_convolution
from pipeline.tensors import full_precision

LEAST = 1e-12
"""Of a squared norm that something is divided by."""


class Traced(NamedTuple):
    """h_N of every trace (B, L, C), and where each looked in each frame, (R, L, P) in the packing's order."""

    states: Tensor
    attention: Tensor


class Tracing(nn.Module):
    """See this module's equations. squash, normalise: what the authors' code does beyond them."""

    def __init__(self, width: int, grid: tuple[int, int], squash: bool = False, normalise: bool = False) -> None:
        super().__init__()
        self.grid, self.squash, self.normalise = grid, squash, normalise
        self.first = nn.Conv2d(width, width, SIDE, padding=1)
        self.second = nn.Conv2d(width, 1, SIDE, padding=1)
        self.lstm = nn.LSTMCell(width, width)

    def forward(self, maps: Tensor, packing: Packing) -> Traced:
        """Of ``maps`` (R, C, rows, columns), at least one of each video."""
        weights = dict(self.lstm.named_parameters())
        enter = torch.cat((weights["weight_ih"], weights["weight_hh"]), 1)
        bias, kernel = weights["bias_ih"] + weights["bias_hh"], ordered(self.first.weight)
        # The states add up over frames: they keep full precision where automatic mixed precision is on.
        maps = full_precision(maps)
        seen = maps.flatten(2).transpose(1, 2)
        cells = seen.shape[1]
        state = memory = seen.new_zeros(packing.rows, cells, seen.shape[2])
        ended: list[Tensor] = []
        looks: list[Tensor] = []
        for begin, end in packing.slices:
            count = end - begin
            ended.append(state[count:])
            state, memory = state[:count], memory[:count]
            if looks:
                look = self._look(maps[begin:end], state, kernel)
            else:
                look = torch.eye(cells, dtype=seen.dtype, device=seen.device).expand(count, -1, -1)
            looks.append(look)
            found = torch.bmm(look, seen[begin:end])
            gates = full_precision(functional.linear(torch.cat((found, state), 2), enter, bias))
            taken, kept, candidate, output = gates.chunk(4, 2)
            memory = torch.addcmul(taken.sigmoid() * candidate.tanh(), kept.sigmoid(), memory)
            state = output.sigmoid() * memory.tanh()
        last = torch.cat([state, *reversed(ended)])
        return Traced(last.index_select(0, torch.argsort(packing.order)), torch.cat(looks))

    def _look(self, maps: Tensor, states: Tensor, kernel: Tensor) -> Tensor:
        """a_n (B, L, P) of one frame's ``maps`` (B, C, rows, columns) and the ``states`` (B, L, C) before it."""
        shown = maps.tanh() if self.squash else maps
        convolved = scaled_convolution(shown, states, kernel)
        if self.normalise:
            squares = torch.bmm(states.square(), shown.square().sum((2, 3)).unsqueeze(2))
            convolved = convolved * squares.clamp(min=LEAST).rsqrt().unsqueeze(3)
        assert self.first.bias is not None
        assert self.second.bias is not None
        hidden = (convolved + self.first.bias).relu()
        # The second convolution as its nine products, each then moved to the cell that it counts for.
        products = functional.linear(hidden, self.second.weight[0].flatten(1).flip(1).t())
        moved = functional.fold(products.flatten(0, 1).transpose(1, 2), self.grid, SIDE, padding=1)
        scores = moved.view(*states.shape[:2], -1) + self.second.bias
        return scores.softmax(2)
