"""Concept words of any video, for a system that sees them."""

from collections.abc import Mapping
from dataclasses import replace

import torch

from pipeline.answers.detect import detected
from pipeline.asking.system import Answerer
from pipeline.asking.video import VIDEO, VideoFeature
from pipeline.dataset.features import FeatureReader
from pipeline.errors import UserError
from pipeline.networks.detecting import Detector
from pipeline.progress import log


def with_words(
    reader: Answerer, detectors: Mapping[str, Answerer], features: Mapping[str, VideoFeature], device: torch.device
) -> Answerer:
    """``reader`` with the words that its detector finds in a video with these features; itself where it sees none."""
    shown = reader.view.concepts
    if shown is None or reader.detector is None:
        return reader
    words = words_of(detectors[reader.detector], features, shown.k, device)
    log(f"{reader.detector} finds: {', '.join(words)}")
    return replace(reader, view=replace(reader.view, concepts=replace(shown, source={VIDEO: words})))


def words_of(detector: Answerer, features: Mapping[str, VideoFeature], k: int, device: torch.device) -> tuple[str, ...]:
    """The ``k`` most likely concept words of a video. Raises `UserError` where a probability is no number."""
    network = detector.system.network
    assert isinstance(network, Detector)
    seen = {name: FeatureReader(features[name], 0).batch([VIDEO]) for name in detector.dims}
    (found,) = detected(network, detector.vocabulary, seen, 1, k, device)
    if not all(0 <= p <= 1 for _, p in found):
        raise UserError(f"{detector.name}: a probability is no number; check the weights of model and features")
    return tuple(word for word, _ in found)
