"""The network that a system of the configuration answers with: its own, another's, or all seeds of another together."""

import torch

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.networks.ensemble import Ensemble
from pipeline.systems.system import LoadedSystem, load
from pipeline.vocabulary.words import Vocabulary

SEEN = {"network": "", "feature_dims": {}, "history": False, "question": True, "concepts": False}
"""What members have in common, with what a `system.json` means that does not say it."""


def load_answering(config: Config, name: str, vocabulary: Vocabulary, device: torch.device | str) -> LoadedSystem:
    """The trained network of the system ``name``; of an `ensemble` all members as one.

    Raises `UserError` for what `load` does, and for members that do not see the same.
    """
    layout = Layout(config.results)
    folders = [layout.model(member) for member in config.members(name)]
    loaded = [load(folder, vocabulary, device) for folder in folders]
    if len(loaded) == 1:
        return loaded[0]
    first, *others = (system.info for system in loaded)
    for folder, info in zip(folders[1:], others, strict=True):
        for key, otherwise in SEEN.items():
            own, whole = info.get(key, otherwise), first.get(key, otherwise)
            if own != whole:
                raise UserError(
                    f"{folder}: {key} is {own}, of {folders[0]} {whole}; an ensemble needs members that see the same; "
                    "train them again with the same configuration"
                )
    together = Ensemble([system.generator for system in loaded]).to(device).eval()
    return LoadedSystem(together, first, tuple(others))
