"""What validation measures after each epoch, by which the epoch to keep is chosen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import nn

from pipeline.halving import Halving
from pipeline.training.processes import summed
from pipeline.training.split import Split


@dataclass(frozen=True)
class Measure:
    """A figure of a network on the validation split.

    name: in curves and logs, "validation NAME". of: the figure, from the processes, the network, the split and how many
    turns a batch may have. higher: whether more of it is better. note: what the log says of it.
    """

    name: str
    of: Callable[[Fabric, nn.Module, Split, int], float]
    higher: bool = False
    note: str = ""

    @property
    def column(self) -> str:
        """Its column in curves.csv, and its key in system.json."""
        return f"validation_{self.name}"


def mean_over(
    fabric: Fabric, split: Split, batch_turns: int, values: Callable[[Any], NDArray[np.floating[Any]]]
) -> float:
    """The mean over a split of the ``values`` that each of its batches has, any number of them.

    Several processes take the batches in turn, and all get the same result; a batch that the memory does not hold is
    halved, and its rows keep what was drawn for them.
    """
    sums = torch.zeros(2, dtype=torch.float64, device=fabric.device)
    halving = Halving("validation", "training.batch_turns")

    def added(whole: Sequence[int], parts: Sequence[Sequence[int]]) -> tuple[float, int]:
        found = [values(split.read(units, whole)) for units in parts]
        return sum(float(each.sum()) for each in found), sum(map(len, found))

    with torch.no_grad(), fabric.autocast():
        for units in split.in_order(batch_turns)[fabric.global_rank :: fabric.world_size]:
            sums += torch.tensor(halving(units, partial(added, units)), dtype=torch.float64, device=fabric.device)
    total, count = summed(fabric, sums).tolist()
    return float(total / max(count, 1))
