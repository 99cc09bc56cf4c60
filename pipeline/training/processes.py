"""Where one of a training's processes stands among the others, and what they tell each other."""

from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.precision.amp import MixedPrecision
from lightning_fabric.plugins.precision.precision import Precision as Plain
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, distributed, nn
from typing_extensions import TypedDict

from pipeline.devices import resolve_device
from pipeline.errors import UserError

T = TypeVar("T")
Precision = Literal["32-true", "bf16-mixed"]


class Report(TypedDict):
    """Why a process ended in error: what the user can mend, the loss of another process, or a bug."""

    kind: Literal["user", "lost", "bug"]
    message: str
    traceback: str


@dataclass(frozen=True)
class Place:
    """One process of a training: number ``local`` of the ``processes`` on machine ``node`` of ``nodes``.

    address, port: where the first process of the first machine is met.
    """

    node: int = 0
    local: int = 0
    processes: int = 1
    nodes: int = 1
    address: str = "127.0.0.1"
    port: int = 0

    @property
    def rank(self) -> int:
        """Its number among all processes."""
        return self.node * self.processes + self.local

    @property
    def world(self) -> int:
        """All processes."""
        return self.processes * self.nodes


class _Told(ClusterEnvironment):
    """Tells Fabric the place.

    Left alone, Fabric guesses it from environment variables, and takes every SLURM job for one of its own launching,
    also the job of one task in which Snakemake runs a rule.
    """

    creates_processes_externally = True
    main_address = ""
    main_port = 0

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        self.main_address, self.main_port = place.address, place.port

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self._place.world

    def set_world_size(self, size: int) -> None:
        assert size == self._place.world

    def global_rank(self) -> int:
        return self._place.rank

    def set_global_rank(self, rank: int) -> None:
        assert rank == self._place.rank

    def local_rank(self) -> int:
        return self._place.local

    def node_rank(self) -> int:
        return self._place.node


class _Mixed(MixedPrecision):
    """bfloat16 where autocast finds it right. Batches go in as they are: Fabric cannot rebuild frozen dataclasses."""

    def convert_input(self, data: T) -> T:
        return data


def make_fabric(name: str, place: Place, precision: Precision) -> Fabric:
    """Fabric on the device called ``name``, or, for several processes, on one CUDA device each where it says `cuda`.

    With several processes this returns when all have met. Raises `UserError` for devices this machine does not have.
    """
    device = resolve_device(name)
    numbers = _Mixed(precision, device.type) if precision == "bf16-mixed" else Plain()
    if place.world == 1:
        devices: int | list[int] = 1 if device.index is None else [device.index]
        return Fabric(accelerator=device.type, devices=devices, plugins=[numbers, _Told(place)])
    if device.index is not None:
        raise UserError(f"device: {name!r} is one device, for {place.processes} processes a machine; give cuda")
    if device.type == "cuda" and torch.cuda.device_count() < place.processes:
        raise UserError(
            f"processes: {place.processes} asked for, one for each CUDA device, this machine has "
            f"{torch.cuda.device_count()}; give so many, or device: cpu"
        )
    # A batch, or one process's share of it, may have no pair of the history: its encoder then gets no gradient.
    strategy = DDPStrategy(cluster_environment=_Told(place), find_unused_parameters=True)
    fabric = Fabric(
        accelerator=device.type,
        devices=place.processes,
        num_nodes=place.nodes,
        strategy=strategy,
        plugins=[numbers],
    )
    fabric.launch()
    return fabric


def summed(fabric: Fabric, values: Tensor) -> Tensor:
    """The sum of every process's ``values``; with one process these themselves."""
    if fabric.world_size > 1:
        distributed.all_reduce(values)
    return values


def share_buffers(fabric: Fabric, module: nn.Module) -> None:
    """Give every process the first one's buffers: running moments, which each has found in its own shares."""
    if fabric.world_size > 1:
        for buffer in module.buffers():
            distributed.broadcast(buffer, 0)


def gathered(fabric: Fabric, value: T) -> list[T]:
    """Every process's ``value`` (anything that can be pickled), by rank."""
    if fabric.world_size == 1:
        return [value]
    values: list[T | None] = [None] * fabric.world_size
    distributed.all_gather_object(values, value)
    return values  # type: ignore[return-value]


def leave(fabric: Fabric) -> None:
    """End the connection to the other processes."""
    if fabric.world_size > 1:
        distributed.destroy_process_group()
