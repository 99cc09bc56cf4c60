"""Feature maps brought to the size that is read.

Legend: R maps, D values of a map in all features, rows x columns cells, C channels.

>>> import torch
>>> reduction = Reduction({"resnet": 7 * 7 * 8}, (7, 7), width=5, pool=True)
>>> reduction(torch.ones(3, 7 * 7 * 8)).shape
torch.Size([3, 5, 4, 4])
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.networks.parts.maps import as_maps


class Reduction(nn.Module):
    """2 x 2 cells by their maximum, with stride 2, then a 3 x 3 convolution padded to as many cells.

    An odd last row or column is pooled by itself: 7 x 7 become 4 x 4. Without ``pool`` the convolution alone. Features
    with the same grid stand on one another, channel by channel.
    """

    def __init__(self, feature_dims: Mapping[str, int], grid: tuple[int, int], width: int, pool: bool) -> None:
        super().__init__()
        self.grid, self.pool = grid, pool
        self.channels = [dims // (grid[0] * grid[1]) for dims in feature_dims.values()]
        self.convolution = nn.Conv2d(sum(self.channels), width, 3, padding=1)

    def forward(self, values: Tensor) -> Tensor:
        """(R, C, rows, columns) of flattened maps (R, D), the features side by side."""
        sizes = [channels * self.grid[0] * self.grid[1] for channels in self.channels]
        maps = torch.cat([as_maps(part, self.grid).permute(0, 3, 1, 2) for part in torch.split(values, sizes, 1)], 1)
        if self.pool:
            maps = functional.max_pool2d(maps, 2, ceil_mode=True)
        reduced: Tensor = self.convolution(maps)
        return reduced
