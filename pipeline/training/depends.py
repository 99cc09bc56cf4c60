"""What trained weights depend on, as flat named values: a state made with other ones is not taken up."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from pipeline.config import Config
from pipeline.config.dependence import taught_entry, trained_entry, training_values
from pipeline.corpus import detected
from pipeline.corpus.descriptions import read_all
from pipeline.corpus.dialogs import Dialog
from pipeline.dataset.views import Shown, View
from pipeline.layout import Layout
from pipeline.systems.initial import start_folder
from pipeline.systems.system import WORDS, weights_hash
from pipeline.tasks.registry import task_of
from pipeline.training.materials import Materials
from pipeline.training.state import Settings
from pipeline.versions import STAGES
from pipeline.vocabulary.concepts import read_words

PLACE = ("device", "precision")
"""Where a state was made: it goes on in the like place only, while a finished model is good anywhere."""
_OTHERWISE = ("label", "network", "loss", "teacher", "init_from", "sizes", "freeze")
"""Keys of an entry that have a name of their own among the values, or are in no result's way."""


def depends(config: Config, name: str, materials: Materials, device: torch.device, precision: str) -> Settings:
    """Settings, sizes, and hashes of vocabulary, dialogs, features and teacher, by the names a user knows them by."""
    entry, teacher = trained_entry(config, name), config.systems[name].teacher
    video_ids = [dialog.video_id for split in materials.dialogs.values() for dialog in split]
    values: dict[str, Any] = {
        "network": entry["network"],
        "loss": entry["loss"],
        "device": device.type,
        "precision": precision,
        "vocabulary": materials.vocabulary.hash,
        "stage version": STAGES["training"],
        **_named("sizes", entry["sizes"]),
        **_named("training", training_values(config, name)),
        **_seen("model", entry, materials.views["model"], video_ids),
        **({"frozen parts": entry["freeze"]} if "freeze" in entry else {}),
        **task_of(config, name).made_by(),
    }
    for split, dialogs in materials.dialogs.items():
        values[f"{split} dialogs"] = _dialog_hash(dialogs)
    for feature, store in materials.stores.items():
        values[f"feature {feature}"] = store.fingerprint(video_ids)
    if teacher is not None:
        taught = taught_entry(config, teacher)
        values |= {
            **_seen("teacher", taught, materials.views["teacher"], video_ids),
            **_named("teacher.sizes", taught["sizes"]),
        }
        values["weights of the teacher"] = weights_hash(Layout(config.results).model(teacher))
    if (start := start_folder(config, name)) is not None:
        values["weights of init_from"] = weights_hash(start)
        values["words of init_from"] = read_words(start / WORDS).hash
    return {key: _flat(value) for key, value in values.items()}


def elsewhere(values: Settings) -> Settings:
    """``values`` less the place a training ran in."""
    return {key: value for key, value in values.items() if key not in PLACE}


def _named(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{section}.{key}": value for key, value in values.items()}


def _seen(role: str, entry: Mapping[str, Any], view: View, video_ids: Sequence[str]) -> dict[str, Any]:
    """What a network sees; a file of descriptions counts by its content, what others wrote by its sentences, words."""
    values = {key: value for key, value in entry.items() if key not in _OTHERWISE}
    if "description" in values:
        told = values["description"]["train"]
        if not isinstance(told, str):
            told = _sentences_hash(view.description, video_ids)
        values["description"] = _file_hash(Path(told)) if told.endswith(".json") else told
    if view.concepts is not None:
        values["concepts"] = [view.concepts.place, view.concepts.k, _words_hash(view.concepts, video_ids)]
    return {f"{role}.{key}": value for key, value in values.items()}


def _flat(value: Any) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value)


def _dialog_hash(dialogs: Sequence[Dialog]) -> str:
    digest = hashlib.sha256()
    for dialog in dialogs:
        turns = [[turn.question, turn.answer] for turn in dialog.turns]
        captions = [dialog.captions] if dialog.captions else []
        digest.update(json.dumps([dialog.video_id, dialog.caption, dialog.summary, turns, *captions]).encode())
    return digest.hexdigest()


def _sentences_hash(described: str | tuple[Path, ...], video_ids: Sequence[str]) -> str:
    assert not isinstance(described, str)
    sentences = read_all(described)
    told = [[video_id, sentences.get(video_id, "")] for video_id in sorted(set(video_ids))]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _words_hash(shown: Shown, video_ids: Sequence[str]) -> str:
    assert not isinstance(shown.source, Mapping)
    words = detected.read_all(shown.source, shown.k)
    found = [[video_id, list(words.get(video_id, ()))] for video_id in sorted(set(video_ids))]
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
