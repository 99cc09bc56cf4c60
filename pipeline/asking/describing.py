"""`avsd describe`: a sentence about any video file, written by a trained system."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from pipeline.answers.search import search
from pipeline.asking.detecting import with_words
from pipeline.asking.system import Answerer, open_describer, open_detector
from pipeline.asking.video import (
    VIDEO,
    VideoFeature,
    check_features,
    check_video,
    video_features,
    warn_of_other_settings,
)
from pipeline.config import Answers, Config
from pipeline.corpus.dialogs import Dialog, Turn
from pipeline.dataset.dialogs import DialogDataset
from pipeline.devices import resolve_device
from pipeline.errors import UserError
from pipeline.inert import shown
from pipeline.progress import log


@dataclass(frozen=True)
class Sentence:
    """A description of a video, and its score: log P + bonus."""

    text: str
    score: float


def describe(config: Config, video: Path, system: str | None, count: int) -> None:
    """Print the ``count`` best descriptions of ``video``, each a line on the standard output, the best first.

    system: which describes; None: the best one trained. Raises `UserError` for anything missing or that does not fit.
    """
    began = time.monotonic()
    device = resolve_device(config.device)
    check_video(video)
    describer = open_describer(config, system, device)
    detector = None if describer.detector is None else open_detector(config, describer.detector, device)
    dims = {**({} if detector is None else detector.dims), **describer.dims}
    check_features(config, dims)
    features = video_features(video, config, dims)
    warn_of_other_settings(config, features)
    if detector is not None:
        describer = with_words(describer, {detector.name: detector}, features, device)
    settings = config.answers_of(describer.name)
    own = {name: features[name] for name in describer.dims}
    found = sentences(describer, own, settings.model_copy(update={"n_best": max(count, 1)}), device)
    log(f"{video.name}: described after {time.monotonic() - began:.1f} s")
    for sentence in found[:count]:
        print(f"{sentence.score:.3f}\t" if count > 1 else "", shown(sentence.text), sep="", flush=True)


@torch.no_grad()
def sentences(
    describer: Answerer, features: Mapping[str, VideoFeature], settings: Answers, device: torch.device
) -> list[Sentence]:
    """What ``describer`` says of a video with these features, best first.

    Raises `UserError` when the network's scores are not finite numbers.
    """
    blank = Dialog(VIDEO, "", "", (Turn("", ""),))
    dataset = DialogDataset([blank], describer.vocabulary, features, {"model": describer.view})
    inputs = dataset.batch([(0, [0])], with_targets=False).to(device).views["model"]
    network = describer.system.generator
    try:
        found = search(network, network.encode(inputs), settings)[0]
    except ArithmeticError as error:
        raise UserError(f"{describer.name}: {error}; check the weights of model and features") from None
    return [Sentence(describer.vocabulary.decode(each.ids), each.score) for each in found]
