"""What trained weights depend on, as flat named values: a state made with other ones is not taken up."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from pipeline.config import Config
from pipeline.corpus.dialogs import Dialog
from pipeline.layout import Layout
from pipeline.systems.system import WEIGHTS
from pipeline.training.materials import Materials
from pipeline.training.state import Settings
from pipeline.versions import STAGES


def depends(config: Config, name: str, materials: Materials, device: torch.device, precision: str) -> Settings:
    """Settings, sizes, and hashes of vocabulary, dialogs, features and teacher, by the names a user knows them by."""
    system = config.systems[name]
    video_ids = [dialog.video_id for split in materials.dialogs.values() for dialog in split]
    values: dict[str, Any] = {
        "network": system.network,
        "loss": system.loss,
        "teacher": system.teacher,
        "device": device.type,
        "precision": precision,
        "vocabulary": materials.vocabulary.hash,
        "stage version": STAGES["training"],
        **{f"sizes.{key}": value for key, value in config.sizes(name).model_dump().items()},
        **{f"training.{key}": value for key, value in config.training_of(name).model_dump().items()},
    }
    for role, view in materials.views.items():
        values |= {f"{role}.{key}": value for key, value in vars(view).items()}
        if isinstance(view.description, Path):
            values[f"{role}.description"] = _file_hash(view.description)
    for split, dialogs in materials.dialogs.items():
        values[f"{split} dialogs"] = _dialog_hash(dialogs)
    for feature, store in materials.stores.items():
        values[f"feature {feature}"] = store.fingerprint(video_ids)
    if system.teacher is not None:
        values["weights of the teacher"] = _file_hash(Layout(config.results).model(system.teacher) / WEIGHTS)
    if system.init_from is not None:
        values["weights of init_from"] = _file_hash(system.init_from / WEIGHTS)
    return {key: _flat(value) for key, value in values.items()}


def _flat(value: Any) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value)


def _dialog_hash(dialogs: Sequence[Dialog]) -> str:
    digest = hashlib.sha256()
    for dialog in dialogs:
        turns = [[turn.question, turn.answer] for turn in dialog.turns]
        digest.update(json.dumps([dialog.video_id, dialog.caption, dialog.summary, turns]).encode())
    return digest.hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
