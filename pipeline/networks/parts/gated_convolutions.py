"""The convolutional hierarchical decoder: a map of cells read by three gated convolutions.

Legend: P pairs, C channels, N x M cells of a map.

    J_k = tanh(Conv_k(J_(k-1))) sigmoid(ConvG_k(J_(k-1))),   k = 1, 2, 3, without padding

3 x 3 with stride 1, 1 and 2: 40 x 40 cells become 38 x 38, 36 x 36 and 17 x 17. Most pairs have smaller maps:
each layer's real cells are as many as the same layer would give of a map of just the real cells below, one at least,
and all others are set to zero. So the result does not depend on the size that a pair is padded to.

>>> import torch
>>> read = GatedConvolutions(5, 3, gates=True)
>>> read(torch.ones(2, 5, 40, 40), torch.tensor([40, 7]), torch.tensor([40, 2])).shape
torch.Size([2, 3])
>>> [shrunk(torch.tensor([40, 36, 7, 2]), stride).tolist() for stride in (1, 2)]
[[38, 34, 5, 1], [19, 17, 3, 1]]
"""

from torch import Tensor, nn

from pipeline.networks.parts.semantic_tensor import real_cells
from pipeline.tensors import sent_to

KERNEL = 3
STRIDES = (1, 1, 2)
SMALLEST = 7
"""Cells along a side that a map needs for three convolutions to leave one."""


class GatedConvolutions(nn.Module):
    """See this module's equations.

    across: whether maps have words across; without, they are one column of steps, and kernels 3 x 1.
    """

    def __init__(self, inputs: int, channels: int, gates: bool, across: bool = True) -> None:
        super().__init__()
        kernel = (KERNEL, KERNEL if across else 1)
        widths = [inputs] + [channels] * (len(STRIDES) - 1)
        steps = [(stride, stride if across else 1) for stride in STRIDES]
        self.across = across

        def layers(outputs: int) -> nn.ModuleList:
            pairs = zip(widths, steps, strict=True)
            return nn.ModuleList(nn.Conv2d(width, outputs, kernel, stride) for width, stride in pairs)

        self.layers = layers(channels)
        self.gates = layers(1) if gates else nn.ModuleList()

    def forward(self, cells: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Means (P, C) over the real cells of the last layer.

        cells: (P, inputs, N, M), zero outside of the real ones, sides of `SMALLEST` at least. rows, columns: (P,) on
        the host, real steps and words.
        """
        for index, stride in enumerate(STRIDES):
            made = self._layer(index, cells)
            rows = shrunk(rows, stride)
            columns = shrunk(columns, stride) if self.across else columns
            real = real_cells(rows, columns, *made.shape[2:])
            if not bool(real.all()):
                (mask,) = sent_to(made.device, real)
                made = made.masked_fill(~mask.unsqueeze(1), 0)
            cells = made
        (counts,) = sent_to(cells.device, rows * columns)
        return cells.sum((2, 3)) / counts.unsqueeze(1)

    def _layer(self, index: int, cells: Tensor) -> Tensor:
        made: Tensor = self.layers[index](cells).tanh()
        return made * self.gates[index](cells).sigmoid() if self.gates else made


def shrunk(sizes: Tensor, stride: int) -> Tensor:
    """How many real cells a convolution leaves of ``sizes`` along a side."""
    return ((sizes - KERNEL).div(stride, rounding_mode="floor") + 1).clamp(min=1)
