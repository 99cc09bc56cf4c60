"""What validation measures after each epoch, by which the epoch to keep is chosen."""

from collections.abc import Callable
from dataclasses import dataclass

from lightning.fabric import Fabric
from torch import nn

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
