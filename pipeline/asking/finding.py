"""`avsd find`: the videos of a folder that a text fits best, by a trained matcher."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pipeline.asking.cache import Cache
from pipeline.asking.detecting import with_words
from pipeline.asking.system import Answerer, open_detector, open_finder
from pipeline.asking.video import VIDEO, VideoFeature, check_features, video_features
from pipeline.asking.words import as_in_corpus, unknown_words
from pipeline.config import Config
from pipeline.corpus.dialogs import Dialog
from pipeline.corpus.videos import find_videos
from pipeline.dataset.pairs import Queries
from pipeline.devices import resolve_device
from pipeline.errors import UserError
from pipeline.features.checkpoints import file_sha256
from pipeline.inert import shown
from pipeline.layout import Layout
from pipeline.networks.matching import Matcher
from pipeline.progress import log, progress

KEPT_BYTES = 1000 * 2**20
"""What is kept of videos that were searched."""
Features = dict[str, VideoFeature]


@dataclass(frozen=True)
class Found:
    """A video, how well the text fits, and the seconds of its step that the score comes from most."""

    path: Path
    score: float
    seconds: float


def find(config: Config, text: str, folder: Path, recursive: bool, system: str | None, count: int) -> None:
    """Print the ``count`` best videos of ``folder`` for ``text``: score, time and file of each, the best first.

    system: which finds; None: the best one trained. Raises `UserError` where no video can be read, and for anything
    missing or that does not fit.
    """
    began = time.monotonic()
    device = resolve_device(config.device)
    videos = find_videos(folder, recursive)
    if videos.note is not None:
        log(videos.note)
    if not videos.files:
        raise UserError(f"{folder}: no video in this folder")
    finder = open_finder(config, system, device)
    detector = None if finder.detector is None else open_detector(config, finder.detector, device)
    dims = {**({} if detector is None else detector.dims), **finder.dims}
    check_features(config, dims)
    wanted = as_in_corpus(text, finder.vocabulary)
    if not wanted:
        raise UserError("no text: say what the video is to show")
    if unknown := unknown_words(wanted, finder.vocabulary):
        log(f"not in the vocabulary of {finder.name}: {', '.join(unknown)}")
    if config.corpus.source == "scenes":
        log(f"{finder.name} has learned from generated scenes: of other videos it knows next to nothing")
    features = _features(config, dims, list(videos.files.values()))
    found = best(finder, wanted, features, device, detector)
    log(f"{folder}: {len(found)} videos searched after {time.monotonic() - began:.1f} s")
    for each in found[:count]:
        minutes, seconds = divmod(each.seconds, 60)
        print(f"{each.score:.3f}\t{int(minutes)}:{seconds:04.1f}\t{shown(str(each.path))}", flush=True)


@torch.no_grad()
def best(
    finder: Answerer,
    text: str,
    videos: dict[Path, Features],
    device: torch.device,
    detector: Answerer | None = None,
) -> list[Found]:
    """All ``videos``, the best first. Raises `UserError` when a score is not a finite number.

    detector: of whose concept words the finder sees some.
    """
    network, found = finder.system.network, []
    assert isinstance(network, Matcher)
    for path, features in videos.items():
        dialog = Dialog(VIDEO, "", "", ())
        shown = finder if detector is None else with_words(finder, {detector.name: detector}, features, device)
        queries = Queries(
            [dialog],
            finder.vocabulary,
            features,
            finder.view.features,
            2,
            max_missing=1,
            texts=[[text]],
            concepts=shown.view.concepts,
        )
        concepts = queries.concepts([VIDEO])
        texts = network.texts(queries.encoded([text]).to(device))
        seen = {name: each.to(device) for name, each in queries.features([VIDEO]).items()}
        encoded = network.videos(seen, 1, None if concepts is None else concepts.to(device))
        score = float(network.match(texts, encoded)[0])
        if not np.isfinite(score):
            raise UserError(f"{path}: its score is not a finite number; check the weights of model and features")
        found.append(Found(path, score, _seconds(features, network.looks(texts, encoded)[0].cpu().numpy())))
    return sorted(found, key=lambda each: (-each.score, each.path))


def _seconds(features: Features, shares: np.ndarray) -> float:
    """The time of the step with the largest share: steps stand evenly in the time of the longest feature."""
    times = max((each.times for each in features.values()), key=len)
    if not len(times):
        return 0.0
    place = (int(shares.argmax()) + 0.5) / len(shares) * len(times) - 0.5
    return float(np.interp(place, np.arange(len(times)), times))


def _features(config: Config, dims: Mapping[str, int], paths: Sequence[Path]) -> dict[Path, Features]:
    """Of each video that can be read, what the network sees of it: kept from before, or computed now and kept."""
    cache, found = Cache(Layout(config.results).found, config, KEPT_BYTES), dict[Path, Features]()
    refused: UserError | None = None
    for path in progress(paths, len(paths), "features", "videos"):
        try:
            content = file_sha256(path)
            kept = {name: cache.feature(content, name) for name in dims}
            lacking = {name: size for name, size in dims.items() if kept[name] is None}
            made = video_features(path, config, lacking) if lacking else {}
        except UserError as error:
            log(f"warning: {path.name} is left out: {error}")
            refused = error
            continue
        for name, feature in made.items():
            cache.keep_feature(content, name, feature)
        found[path] = made | {name: feature for name, feature in kept.items() if feature is not None}
    if not found and refused is not None:
        raise refused
    return found
