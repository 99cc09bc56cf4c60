"""The network that a system of the configuration answers with: its own, another's, or all seeds of another together."""

from collections.abc import Mapping
from typing import Any

import torch

from pipeline.config import Config, network_sizes
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.networks.ensemble import Ensemble
from pipeline.systems.system import LoadedSystem, load
from pipeline.vocabulary.words import Vocabulary

SEEN = {"network": "", "feature_dims": {}, "history": False, "question": True, "concepts": False}
"""What members have in common, with what a `system.json` means that does not say it."""

LEARNING = ("dropout", "adaptor_dropout", "kaiming_normal")
"""Sizes that training alone reads."""


def load_answering(config: Config, name: str, vocabulary: Vocabulary, device: torch.device | str) -> LoadedSystem:
    """The trained network of the system ``name``; of an `ensemble` all members as one.

    Raises `UserError` for what `load` does, and for members that do not see the same, or have other sizes.
    """
    layout = Layout(config.results)
    folders = [layout.model(member) for member in config.members(name)]
    loaded = [load(folder, vocabulary, device) for folder in folders]
    if len(loaded) == 1:
        return loaded[0]
    first, *others = (system.info for system in loaded)
    for folder, info in zip(folders[1:], others, strict=True):
        own, whole = _alike(info), _alike(first)
        other = next((key for key in {**own, **whole} if own.get(key) != whole.get(key)), None)
        if other is not None:
            raise UserError(
                f"{folder}: {other} is {own.get(other)}, of {folders[0]} {whole.get(other)}; an ensemble needs members "
                "that see the same and have the same sizes; train them again with the same configuration"
            )
    together = Ensemble([system.generator for system in loaded]).to(device).eval()
    return LoadedSystem(together, first, tuple(others))


def _alike(info: Mapping[str, Any]) -> dict[str, Any]:
    """What a member has in common with all others, by name: an ensemble divides its context vectors evenly."""
    sizes = network_sizes(info["network"], info["sizes"]).model_dump(exclude=set(LEARNING))
    seen = {key: info.get(key, otherwise) for key, otherwise in SEEN.items()}
    return {**seen, **{f"sizes.{name}": size for name, size in sizes.items()}}
