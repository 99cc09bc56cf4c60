"""Resumable training state: one file, replaced atomically, apart from the finished model.

A training that is killed at any moment and started again goes on from the last state and ends, on a CPU of the same
machine, with the same weights bit for bit: the state holds the networks, Adam's moments, the generators of random
numbers, the place inside the epoch and everything counted so far.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from torch import Tensor

from pipeline.errors import UserError
from pipeline.files import atomic_path
from pipeline.inert import shown
from pipeline.leftovers import remove_leftovers
from pipeline.progress import log
from pipeline.tensorfiles import read_torch
from pipeline.training.schedule import Schedule
from pipeline.versions import STAGES

WHAT, MEND = "a training state", "delete it to train from the start"
STATE, REFUSED, CURVES = "state.pt", "state.refused.pt", "curves.csv"
_HASH = re.compile(r'"[0-9a-f]{32,}"')
Settings = dict[str, str | int | float | bool | None]
"""Everything the trained weights depend on, by name."""


Count = Annotated[int, Field(ge=0, strict=True)]
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]


@dataclass
class Position:
    """Where training is: epochs done, batches done in the next one, and what these have added up to.

    sums: each loss term times its words. seconds: spent on this epoch's batches, waited: those of them that passed
    before the next batch was there.
    """

    epoch: Count = 0
    batch: Count = 0
    sums: dict[str, Finite] = field(default_factory=dict)
    words: Count = 0
    turns: Count = 0
    seconds: Finite = 0.0
    waited: Finite = 0.0


@dataclass
class State:
    """All of a training: ``settings`` it was made with, and what `loop.Loop` needs to go on.

    networks, best: weights of what is trained, and of the network at its best epoch (empty before the first).
    generators: for each process, states of its random number generators by device type. average: see `average.Average`.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    settings: Settings
    position: Position
    schedule: Schedule
    rows: list[dict[str, float]]
    networks: dict[str, Tensor]
    optimizer: dict[str, Any]
    generators: Annotated[list[dict[str, Tensor]], Field(min_length=1)]
    best: dict[str, Tensor]
    average: dict[str, Any]

    def write(self, path: Path) -> None:
        """Write atomically: a reader finds this state or the one before."""
        plain = {"position": asdict(self.position), "schedule": self.schedule.state()}
        content = {item.name: getattr(self, item.name) for item in fields(self)} | plain
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            try:
                torch.save(content, file)
            except RuntimeError as error:
                # What the disk has said stands behind what PyTorch makes of it.
                raise error.__context__ if isinstance(error.__context__, OSError) else error from None


_KINDS = TypeAdapter(State)
_SETTINGS = TypeAdapter(Settings)


def take_up(folder: Path, settings: Settings, name: str) -> State | None:
    """The state to go on from; None when there is none, or one made with other settings: that is set aside, and said.

    So is one of an older version, whatever it holds. What killed trainings left half-written is removed. Raises
    `UserError` for a file that is no training state, and for one of a later version.
    """
    path = folder / STATE
    if folder.is_dir():
        remove_leftovers(folder)
    if not path.is_file():
        return None
    content = read_torch(path, WHAT, MEND)
    made_with = _of_older_version(content, path)
    if made_with is None:
        state = _checked(content, path)
        made_with = state.settings
        if not differing(made_with, settings):
            return state
    aside = path.with_name(REFUSED)
    path.replace(aside)
    others = differing(made_with, settings)
    changes = "; ".join(f"{key} was {_short(made_with, key)}, is {_short(settings, key)}" for key in others)
    log(
        f"{name}: {path} was made with other settings ({changes}); training starts from the beginning, {aside} keeps it"
    )
    return None


def forget(folder: Path) -> None:
    """Remove the state, and the curves so far, of a training that is done."""
    for name in (STATE, CURVES):
        (folder / name).unlink(missing_ok=True)


def read(path: Path) -> State:
    """What `State.write` wrote. Raises `UserError` for anything else."""
    return _checked(read_torch(path, WHAT, MEND), path)


def _of_older_version(content: Any, path: Path) -> Settings | None:
    """The settings of a state that an older version made, which may have kept other things; of any other file None."""
    made_with = content.get("settings") if isinstance(content, dict) else None
    stage, here = made_with.get("stage version") if isinstance(made_with, dict) else None, STAGES["training"]
    if not isinstance(stage, int) or stage == here:
        return None
    if stage > here:
        raise UserError(f"{path}: made by a later version (stage version {stage}, here {here}); update this one")
    try:
        return _SETTINGS.validate_python(made_with)
    except ValidationError:
        return None


def _checked(content: Any, path: Path) -> State:
    try:
        return _KINDS.validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _no_state(path, f"{shown(where)[:100]}: {first['msg']}") from None


def _no_state(path: Path, reason: str) -> UserError:
    return UserError(f"{path}: not {WHAT} ({reason}); {MEND}")


@contextmanager
def taken_up(path: Path) -> Iterator[None]:
    """A block that goes on from the state in ``path``: what does not fit there is a `UserError`."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        reason = shown(" ".join(str(error).split()))[:200]
        raise _no_state(path, f"it does not fit the system: {reason}") from None


def check_alike(expected: Mapping[str, Tensor], found: Mapping[str, Any], where: str) -> None:
    """Raise `ValueError` unless ``found`` has the tensors ``expected`` in names and shapes."""
    shapes = {name: tuple(tensor.shape) for name, tensor in expected.items()}
    there = {name: tuple(tensor.shape) if isinstance(tensor, Tensor) else None for name, tensor in found.items()}
    for name in sorted(shapes.keys() | there.keys()):
        if shapes.get(name) != there.get(name):
            raise ValueError(f"{where}: {name} is {there.get(name)}, expected {shapes.get(name)}")


def _short(settings: Settings, key: str) -> str:
    """A setting's value for the log, hashes as their first digits."""
    if key not in settings:
        return "not set"
    text = json.dumps(settings[key])
    return text[1:13] if _HASH.fullmatch(text) else text


def differing(old: Settings, new: Settings) -> list[str]:
    """Names of the settings that differ, sorted."""
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def generators(device: torch.device) -> dict[str, Tensor]:
    """States of the generators dropout draws from."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_generators(states: dict[str, Tensor], device: torch.device) -> None:
    """Put the generators back to ``states``."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
