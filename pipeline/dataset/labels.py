"""Videos with a label for every concept word, as batches for a detector.

Legend: B videos, C concept words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.config.concepts import About
from pipeline.corpus.dialogs import Dialog
from pipeline.dataset.features import FeatureReader, Store, missing
from pipeline.tensors import FeatureSequences, TensorGroup
from pipeline.vocabulary.concepts import texts
from pipeline.vocabulary.words import Vocabulary


@dataclass(frozen=True)
class Labelled(TensorGroup):
    """B videos. features: by name, (B, steps, dims). labels: (B, C) float32, p*. keys: (video id, 0) of each."""

    features: dict[str, FeatureSequences]
    labels: Tensor
    keys: tuple[tuple[str, int], ...]


class LabelledVideos:
    """Dialogs' videos, a row each (`dataset.dialogs.Examples`).

    concepts: the words that labels are of. target: the texts about a video in which a word must stand for its label to
    be 1. Features are read when a batch needs them, and ``cache_bytes`` of them kept; more than ``max_missing`` of the
    videos without one is a `UserError`.
    """

    def __init__(
        self,
        dialogs: Sequence[Dialog],
        concepts: Vocabulary,
        stores: Mapping[str, Store],
        features: Sequence[str],
        target: About,
        max_missing: float = 0.05,
        cache_bytes: int = 1 << 30,
    ) -> None:
        self.dialogs, self._concepts, self._target = dialogs, concepts, target
        video_ids = [dialog.video_id for dialog in dialogs]
        for name in features:
            missing(name, stores[name], video_ids, max_missing)
        self._readers = {name: FeatureReader(stores[name], cache_bytes // len(features)) for name in features}

    def lengths(self, dialog: int) -> Sequence[int]:  # noqa: ARG002, each has one
        """A video is one thing to learn."""
        return [0]

    def batch(self, picks: Sequence[tuple[int, Sequence[int] | None]], with_targets: bool = True) -> Labelled:
        """The videos of ``picks``. with_targets: without, every label is 0."""
        chosen = [self.dialogs[dialog] for dialog, _ in picks]
        video_ids = [dialog.video_id for dialog in chosen]
        labels = torch.zeros(len(chosen), len(self._concepts))
        for row, dialog in enumerate(chosen if with_targets else ()):
            labels[row, self._concepts.encode(" ".join(texts(dialog, self._target)))] = 1
        features = {name: reader.batch(video_ids) for name, reader in self._readers.items()}
        return Labelled(features, labels, tuple((video_id, 0) for video_id in video_ids))
