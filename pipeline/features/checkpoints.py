"""Files of weights: read without running code from them, checked name by name before they are used."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from pipeline import tensorfiles
from pipeline.errors import UserError
from pipeline.inert import shown

Network = TypeVar("Network", bound=nn.Module)
WRAPPERS = ("state_dict", "model_state", "model")
COUNTER = "num_batches_tracked"
RANDOM_SEED = 0
WHAT = "a file of weights"


@dataclass(frozen=True)
class Loaded(Generic[Network]):
    """A network with weights, what to call the weights, and the SHA-256 of their file (empty for random ones).

    said: what else a shard should say of the weights, as attributes: where fetched ones come from, and their licence.
    """

    network: Network
    label: str
    sha256: str
    said: Mapping[str, str] = field(default_factory=dict)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_metadata(path: Path) -> dict[str, str]:
    """What a `.safetensors` file says of itself."""
    return tensorfiles.read_metadata(path, WHAT)


def read_state(path: Path) -> dict[str, Tensor]:
    """Parameters by name from a `.safetensors` file or a PyTorch checkpoint, on the CPU.

    Checkpoints that hold the parameters under one of `WRAPPERS`, and names that start with `module.`, are
    understood. Raises `UserError` when the file is missing or is neither.
    """
    if path.suffix == ".safetensors":
        return tensorfiles.read_safetensors(path, WHAT)
    state = tensorfiles.read_torch(path, WHAT)
    for key in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path}: expected a mapping of parameter names to tensors (a state dict)")
    return {str(name).removeprefix("module."): value for name, value in state.items()}


def rows_of(state: Mapping[str, Tensor], name: str, default: int) -> int:
    """Length of a vector of ``state``, as the classes of a bias; ``default`` where it has no such vector."""
    found = state.get(name)
    return default if found is None or found.dim() != 1 or not len(found) else len(found)


def fill(network: nn.Module, state: Mapping[str, Tensor], path: Path, kind: str) -> None:
    """Put ``state``, read from ``path``, into ``network``; every name and shape must agree.

    Raises `UserError` naming the first parameter that is missing, unknown or of another shape; ``kind`` says in the
    message what was expected. Batch norm's counters, absent from older files and unused, need not be there.
    """
    wanted = network.state_dict()
    counters = {name for name in wanted if name.endswith(COUNTER)}
    given = {name: value for name, value in state.items() if not name.endswith(COUNTER)}
    problems = [f"no parameter {name}" for name in wanted if name not in given and name not in counters]
    problems += [f"unknown parameter {shown(name)[:100]}" for name in given if name not in wanted]
    problems += [f"{name} is of {value.dtype}" for name, value in given.items() if not value.is_floating_point()]
    problems += [
        f"{name} is {tuple(given[name].shape)}, expected {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in given and given[name].shape != value.shape
    ]
    if problems:
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise UserError(f"{path}: not the weights of {kind}: {problems[0]}{more}; give a file in the published format")
    made = {name: value.float() for name, value in given.items()} | {name: torch.tensor(0) for name in counters}
    network.load_state_dict(made, assign=True)
