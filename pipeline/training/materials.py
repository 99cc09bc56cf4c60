"""What a training reads: dialogs, vocabulary, features, as the networks are to see them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config import Config, System
from pipeline.config.base import LEARNED_FROM
from pipeline.corpus.dialogs import Dialog, read_dialogs
from pipeline.dataset.sources import Sources
from pipeline.dataset.views import View
from pipeline.errors import UserError
from pipeline.features.store import FeatureStore
from pipeline.layout import Layout
from pipeline.progress import log
from pipeline.systems.system import view_of
from pipeline.tasks.base import Task
from pipeline.tasks.registry import task_of
from pipeline.training.split import Split
from pipeline.vocabulary.concepts import read_words
from pipeline.vocabulary.words import Vocabulary

VALIDATION_CACHE_BYTES = 1 << 28


@dataclass(frozen=True)
class Materials:
    """Everything a training reads but its teacher's weights.

    views: by role, "model" and, with a teacher, "teacher". dialogs: by split. stores: every feature of the views.
    """

    views: Mapping[str, View]
    vocabulary: Vocabulary
    dialogs: Mapping[str, list[Dialog]]
    stores: Mapping[str, FeatureStore]
    training: Split
    validation: Split

    def dims(self, role: str) -> dict[str, int]:
        """Dimensions of the features that the network of ``role`` sees, in its order."""
        return {feature: self.stores[feature].dims for feature in self.views[role].features}


def gather(config: Config, name: str) -> Materials:
    """Open what training the system ``name`` reads."""
    layout, entry = Layout(config.results), config.systems[name]
    task, teacher = task_of(config, name), entry.teacher
    views = {"model": view_of(config, name, "train", LEARNED_FROM)}
    if teacher is not None:
        views["teacher"] = view_of(config, teacher, "train", LEARNED_FROM)
    vocabulary = read_words(task.words(layout))
    dialogs = {split: _read(layout.dialogs(split), task, entry, split) for split in LEARNED_FROM}
    stores = _stores(layout, views)
    training = task.examples(entry, dialogs["training"], Sources(vocabulary, stores, views))
    # Training batches are read in a thread of their own, so validation has its own stores.
    student = {"model": views["model"]}
    apart = Sources(vocabulary, _stores(layout, student), student, VALIDATION_CACHE_BYTES)
    validation = task.examples(entry, dialogs["validation"], apart)
    by, (learned, validated) = config.training_of(name).batch_by, (str(layout.dialogs(split)) for split in LEARNED_FROM)
    return Materials(
        views,
        vocabulary,
        dialogs,
        stores,
        Split.of(training, by, learned),
        Split.of(validation, source=validated),
    )


def _stores(layout: Layout, views: Mapping[str, View]) -> dict[str, FeatureStore]:
    features = dict.fromkeys(feature for view in views.values() for feature in view.features)
    return {feature: FeatureStore(layout.feature(feature)) for feature in features}


def _read(path: Path, task: Task[Any], entry: System, split: str) -> list[Dialog]:
    given = read_dialogs(path, answered=True)
    dialogs = task.learns_from(entry, split, given)
    if not dialogs:
        left = f"; of its {len(given)} none has what a system that {task.does} learns from" if given else ""
        raise UserError(f"{path}: no dialog in it to learn from{left}; training needs at least one")
    if len(dialogs) < len(given):
        log(f"{path}: {len(given) - len(dialogs)} of {len(given)} dialogs have nothing to learn from, or are held out")
    return dialogs
