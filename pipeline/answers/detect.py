"""`avsd answer` of a system that detects: the most likely concept words of each video of a split."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import torch
from torch import Tensor

from pipeline.answers.writing import open_system, walked
from pipeline.config import SPLITS, Config
from pipeline.config.folds import Fold
from pipeline.corpus.detected import TYPE, Found
from pipeline.corpus.dialogs import read_dialogs
from pipeline.corpus.folds import inside
from pipeline.dataset.features import FeatureReader, missing
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.networks.detecting import Detector
from pipeline.tensors import FeatureSequences, full_precision
from pipeline.vocabulary.concepts import Concepts
from pipeline.vocabulary.words import Vocabulary

TOGETHER = 64
"""Videos that are looked at at once."""
MOST_MISSING = 0.05
"""Share of the videos that may lack a feature."""


def detect(config: Config, name: str, split: str, k: int, fold: Fold | None) -> None:
    """Write the ``k`` most likely concept words of each video of ``split``, by the system ``name``.

    With a ``fold`` of the training videos, of that part alone. Words stand under `concepts`, {video id: [[word,
    probability], ...]}, the most likely first; beside them `vocabulary`, the concept words that there are, the most
    frequent first, and `system`: what made them. Raises `UserError` for anything missing.
    """
    if split not in SPLITS:
        raise UserError(f"{split!r} is no split; give one of {', '.join(SPLITS)}")
    layout, opened = Layout(config.results), open_system(config, name, split)
    dialogs = inside(read_dialogs(layout.dialogs(split)), fold if split == "training" else None)
    videos = [dialog.video_id for dialog in dialogs]
    readers = {}
    for feature, store in opened.stores.items():
        missing(feature, store, videos, MOST_MISSING)
        readers[feature] = FeatureReader(store, 0)
    network = opened.network.eval()
    assert isinstance(network, Detector)
    assert isinstance(opened.vocabulary, Concepts)

    def shown(part: Sequence[str]) -> dict[str, list[Found]]:
        features = {feature: reader.batch(part) for feature, reader in readers.items()}
        words = detected(network, opened.vocabulary, features, len(part), k, opened.device)
        return dict(zip(part, words, strict=True))

    batches = [videos[begin : begin + TOGETHER] for begin in range(0, len(videos), TOGETHER)]
    found = walked(f"{name}: {split} videos with concept words", "the number of videos", batches, shown)
    for video, words in found.items():
        _check(name, video, words)
    content = {
        "type": TYPE,
        "version": "0.1",
        "system": opened.made_by(config),
        "tagger": opened.vocabulary.tagger,
        "k": k,
        "vocabulary": [asdict(each) for each in opened.vocabulary.concepts],
        "concepts": {video: [[word, round(p, 6)] for word, p in found[video]] for video in videos},
    }
    write_json(layout.answers(name, split), content)


@torch.no_grad()
def detected(
    network: Detector,
    concepts: Vocabulary,
    features: Mapping[str, FeatureSequences],
    count: int,
    k: int,
    device: torch.device,
) -> list[list[Found]]:
    """The ``k`` most likely of ``concepts`` in each of ``count`` videos with these features, with probabilities."""
    scores = network.detect({name: each.to(device) for name, each in features.items()}, count)
    values, places = most_likely(full_precision(scores), k)
    return [
        [(concepts.words[place], value) for place, value in zip(*row, strict=True)]
        for row in zip(places.tolist(), values.sigmoid().tolist(), strict=True)
    ]


def most_likely(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The ``k`` highest of each row of scores (B, C), or all, best first, and their places; of equal ones the first.

    `torch.topk` says nothing of the order of equal scores.
    """
    values, places = scores.sort(dim=1, descending=True, stable=True)
    return values[:, :k], places[:, :k]


def _check(name: str, video: str, words: Sequence[Found]) -> None:
    if not all(0 <= p <= 1 for _, p in words):
        raise UserError(f"{name}: video {video}: a probability is no number; check the features of the videos")
