"""Feature maps as networks of places read them, out of the flat steps that every network is given.

Legend: B videos, L steps, R rows, C columns, D channels.

>>> import torch
>>> steps = torch.arange(12.0).view(1, 1, 12)
>>> as_maps(steps, (2, 3)).shape
torch.Size([1, 1, 2, 3, 2])
>>> as_maps(steps, (2, 3))[0, 0, 1, 2]
tensor([10., 11.])
"""

from torch import Tensor


def as_maps(values: Tensor, grid: tuple[int, int]) -> Tensor:
    """(B, L, R x C x D), as a `FeatureSequences` has them -> (B, L, R, C, D); likewise single maps (B, R x C x D).

    ``grid`` is (R, C), of the network's sizes. Raises `ValueError` for values that are no maps of so many cells.
    """
    rows, columns = grid
    if values.shape[-1] % (rows * columns):
        raise ValueError(f"{values.shape[-1]} values a step are no map of {rows} x {columns} cells")
    return values.reshape(*values.shape[:-1], rows, columns, values.shape[-1] // (rows * columns))
