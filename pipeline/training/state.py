"""Resumable training state: one file, replaced atomically, apart from the finished model.

A training that is killed at any moment and started again goes on from the last state and ends, on a CPU of the same
machine, with the same weights bit for bit: the state holds the networks, Adam's moments, the generators of random
numbers, the place inside the epoch and everything counted so far.
"""

import json
import pickle
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.errors import UserError
from pipeline.files import atomic_path
from pipeline.leftovers import remove_leftovers
from pipeline.progress import log
from pipeline.training.schedule import Schedule

STATE, REFUSED, CURVES = "state.pt", "state.refused.pt", "curves.csv"
_HASH = re.compile(r'"[0-9a-f]{32,}"')
Settings = dict[str, str | int | float | bool | None]
"""Everything the trained weights depend on, by name."""


@dataclass
class Position:
    """Where training is: epochs done, batches done in the next one, and what these have added up to.

    sums: each loss term times its words. seconds: spent on this epoch's batches, waited: those of them that passed
    before the next batch was there.
    """

    epoch: int = 0
    batch: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    words: int = 0
    turns: int = 0
    seconds: float = 0.0
    waited: float = 0.0


@dataclass
class State:
    """All of a training: ``settings`` it was made with, and what `loop.Loop` needs to go on.

    networks, best: weights of what is trained, and of the network at its best epoch (empty before the first).
    generators: for each process, states of its random number generators by device type. average: see `average.Average`.
    """

    settings: Settings
    position: dict[str, Any]
    schedule: dict[str, Any]
    rows: list[dict[str, float]]
    networks: dict[str, Tensor]
    optimizer: dict[str, Any]
    generators: list[dict[str, Tensor]]
    best: dict[str, Tensor]
    average: dict[str, Any]

    def write(self, path: Path) -> None:
        """Write atomically: a reader finds this state or the one before."""
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            try:
                torch.save({item.name: getattr(self, item.name) for item in fields(self)}, file)
            except RuntimeError as error:
                # What the disk has said stands behind what PyTorch makes of it.
                raise error.__context__ if isinstance(error.__context__, OSError) else error from None


def take_up(folder: Path, settings: Settings, name: str) -> State | None:
    """The state to go on from; None when there is none, or one made with other settings: that is set aside, and said.

    What killed trainings left half-written is removed. Raises `UserError` for a file that is no training state.
    """
    path = folder / STATE
    if folder.is_dir():
        remove_leftovers(folder)
    if not path.is_file():
        return None
    state = read(path)
    others = differing(state.settings, settings)
    if not others:
        return state
    aside = path.with_name(REFUSED)
    path.replace(aside)
    changes = "; ".join(f"{key} was {_short(state.settings, key)}, is {_short(settings, key)}" for key in others)
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
    try:
        state = State(**torch.load(path, map_location="cpu", weights_only=True))
        Schedule.of(state.schedule)
        return state
    except (RuntimeError, TypeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).split("\n", 1)[0]
        raise UserError(f"{path}: not a training state ({reason}); delete it to train from the start") from None


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
