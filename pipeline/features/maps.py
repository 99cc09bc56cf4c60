"""Feature maps: what a network sees where, stored step by step, and how many bytes that takes.

Shapes: N windows (or pictures), R rows, C columns, D channels.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from pipeline.errors import UserError
from pipeline.hdf5 import Attribute
from pipeline.progress import log
from pipeline.sizes import VALUE_BYTES, free_bytes, in_bytes


def as_rows(maps: Tensor, grid: tuple[int, int]) -> Tensor:
    """Maps (N, R, C, D) as rows of a feature, (N, rows x columns x D), flattened in that order.

    Where the ``grid`` (rows, columns) has fewer cells they are averaged: cell i of rows is the mean of the map's rows
    floor(i R / rows) up to ceil((i + 1) R / rows), which share rows where that is not whole. Raises `UserError` for a
    map of fewer cells.
    """
    if tuple(maps.shape[1:3]) != grid:
        if maps.shape[1] < grid[0] or maps.shape[2] < grid[1]:
            raise UserError(
                f"grid: {grid[0]} x {grid[1]}, and the map has {maps.shape[1]} x {maps.shape[2]} cells; give no more, "
                "or larger frames"
            )
        maps = F.adaptive_avg_pool2d(maps.permute(0, 3, 1, 2), grid).permute(0, 2, 3, 1)
    return maps.flatten(1)


def map_attributes(layer: str, grid: tuple[int, int], averaged: bool) -> dict[str, Attribute]:
    """What a shard says of the maps in it. averaged: whether a grid was asked for."""
    return {"pool": "mean to the grid" if averaged else "none", "layer": layer, "grid": json.dumps(list(grid))}


def check_room(name: str, grid: tuple[int, int], dims: int, steps: Sequence[int], dtype: str, folder: Path) -> None:
    """Say how many bytes the maps of a shard will take, before they are computed.

    steps: those of each video. Raises `UserError` where the disk of ``folder`` has less than that free.
    """
    rows, columns = grid
    wanted, free = sum(steps) * dims * VALUE_BYTES[dtype], free_bytes(folder)
    said = (
        f"{len(steps)} videos, {sum(steps)} steps x {rows} x {columns} x {dims // (rows * columns)} {dtype} "
        f"take {in_bytes(wanted)}"
    )
    if wanted > free:
        raise UserError(
            f"{name}: maps of {said}, and {in_bytes(free)} are free for {folder}; make room, or give the feature a "
            "smaller `grid`, a larger `stride`, `reduce` or `dtype: float16`"
        )
    log(f"{name}: maps of {said}; {in_bytes(free)} are free")


class GlobalPools(TorchFunctionMode):
    """Within it, ``map`` is what was pooled last over rows and columns, (N, D, R, C): by adaptive pooling or a mean.

    Networks pool by a module or by a function, and their classifier may see more than the mean, so neither a module's
    name nor the classifier's input tells where the last map is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.map: Tensor | None = None

    def __torch_function__(
        self, func: Callable[..., Any], _types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call ``func``, and look at what it pools."""
        given = kwargs or {}
        if func is F.adaptive_avg_pool2d or (func in (Tensor.mean, torch.mean) and _over_places(args, given)):
            self.map = args[0]
        return func(*args, **given)


def _over_places(args: Any, given: dict[str, Any]) -> bool:
    dims = given.get("dim", args[1] if len(args) > 1 else None)
    return args[0].dim() == 4 and isinstance(dims, list | tuple) and sorted(dim % 4 for dim in dims) == [2, 3]
