"""The network that a system of the configuration answers with: its own, another's, or all seeds of another together."""

import torch

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.networks.ensemble import Ensemble
from pipeline.systems.system import LoadedSystem, load
from pipeline.vocabulary.words import Vocabulary


def load_answering(config: Config, name: str, vocabulary: Vocabulary, device: torch.device | str) -> LoadedSystem:
    """The trained network of the system ``name``; of an `ensemble` all members as one, described by the first's card.

    Raises `UserError` for what `load` does, and for members that do not see the same.
    """
    layout = Layout(config.results)
    folders = [layout.model(member) for member in config.members(name)]
    loaded = [load(folder, vocabulary, device) for folder in folders]
    if len(loaded) == 1:
        return loaded[0]
    first = loaded[0].info
    for folder, system in zip(folders, loaded, strict=True):
        for key in ("network", "feature_dims", "history"):
            if system.info[key] != first[key]:
                raise UserError(
                    f"{folder}: {key} is {system.info[key]}, of {folders[0]} {first[key]}; an ensemble needs members "
                    "that see the same; train them again with the same configuration"
                )
    return LoadedSystem(Ensemble([system.generator for system in loaded]).to(device).eval(), first)
