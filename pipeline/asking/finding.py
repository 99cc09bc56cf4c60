"""`avsd find`: the videos of a folder that a text fits best, by a trained matcher."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.asking.cache import Cache, content_of
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
from pipeline.features.extract import Extractors
from pipeline.inert import shown
from pipeline.layout import Layout
from pipeline.media.faults import UnusableVideoError
from pipeline.names import listed
from pipeline.networks.matching import Matcher
from pipeline.progress import log, progress

KEPT_BYTES = 1000 * 2**20
"""What is kept of videos that were searched."""
Features = dict[str, VideoFeature]


@dataclass(frozen=True)
class Request:
    """What is searched for, and where. system: which finds; None: the best one trained. count: videos that are told.

    as_json: the whole answer as one JSON object instead of a line a video.
    """

    text: str
    folder: Path
    recursive: bool = False
    system: str | None = None
    count: int = 5
    as_json: bool = False


@dataclass(frozen=True)
class Found:
    """A video, how well the text fits, and the seconds of its step that the score comes from most."""

    path: Path
    score: float
    seconds: float


@dataclass(frozen=True)
class LeftOut:
    """A video that could not be read, and why."""

    path: Path
    reason: str


def find(config: Config, request: Request) -> None:
    """Print the best videos of a folder for a text: score, time and file of each, the best first.

    Raises `UserError` where no video can be read or no word is known, and for anything missing or that does not fit.
    """
    began = time.monotonic()
    device = resolve_device(config.device)
    videos = find_videos(request.folder, request.recursive, by_path=True)
    if videos.note is not None:
        log(videos.note)
    if not videos.files:
        hint = "" if request.recursive else "; --recursive looks into the folders in it"
        raise UserError(f"{request.folder}: no video in this folder{hint}")
    finder = open_finder(config, request.system, device)
    detector = None if finder.detector is None else open_detector(config, finder.detector, device)
    check_features(config, _dims(finder, detector))
    wanted = as_in_corpus(request.text, finder.vocabulary)
    unknown = _unknown(finder, wanted)
    if config.corpus.source == "scenes":
        log(f"{finder.name} has learned from generated scenes: of other videos it knows next to nothing")
    search = Search(config, finder, wanted, device, detector)
    found = sorted(search.scored(list(videos.files.values())), key=lambda each: (-each.score, each.path))
    lost = f", {len(search.left_out)} left out" if search.left_out else ""
    log(f"{request.folder}: {len(found)} videos searched{lost} after {time.monotonic() - began:.1f} s")
    told = found[: request.count]
    if request.as_json:
        # ASCII alone: whatever a file is called, it steers no terminal.
        print(json.dumps(_told(finder.name, wanted, unknown, told, search.left_out)), flush=True)
        return
    for each in told:
        minutes, seconds = divmod(round(each.seconds, 1), 60)
        print(f"{each.score:.3f}\t{int(minutes)}:{seconds:04.1f}\t{shown(str(each.path))}", flush=True)


def _unknown(finder: Answerer, wanted: str) -> list[str]:
    """The words that the finder does not know, which are logged. Raises `UserError` where it knows none."""
    if not wanted:
        raise UserError("no text: say what the video is to show")
    unknown = unknown_words(wanted, finder.vocabulary)
    words = [word for word in wanted.split() if any(map(str.isalnum, word))]
    if set(words) <= set(unknown):
        raise UserError(
            f"{listed(words) or wanted}: nothing of it is in the vocabulary of {finder.name}, so any order would be as "
            "good; use words of its corpus"
        )
    if unknown:
        log(f"not in the vocabulary of {finder.name}: {', '.join(unknown)}")
    return unknown


def _told(
    system: str, text: str, unknown: Sequence[str], found: Sequence[Found], left_out: Sequence[LeftOut]
) -> dict[str, object]:
    """What is printed as JSON."""
    return {
        "system": system,
        "text": text,
        "unknown_words": list(unknown),
        "videos": [
            {"path": str(each.path), "score": round(each.score, 6), "seconds": round(each.seconds, 3)} for each in found
        ],
        "left_out": [{"path": str(each.path), "reason": each.reason} for each in left_out],
    }


def _dims(finder: Answerer, detector: Answerer | None) -> dict[str, int]:
    """The features that both see, with their dimensions."""
    return {**({} if detector is None else detector.dims), **finder.dims}


class Search:
    """A text and a finder; videos pass one by one, so that what is held does not grow with the folder.

    detector: of whose concept words the finder sees some. left_out: the videos that could not be read, as far as the
    search has come.
    """

    def __init__(
        self, config: Config, finder: Answerer, text: str, device: torch.device, detector: Answerer | None = None
    ) -> None:
        network = finder.system.network
        assert isinstance(network, Matcher)
        self._config, self._finder, self._text, self._device, self._network = config, finder, text, device, network
        self._detectors = {} if detector is None else {detector.name: detector}
        self._dims = _dims(finder, detector)
        self._cache = Cache(Layout(config.results).found, config, KEPT_BYTES)
        self._extractors: Extractors = {}
        self.left_out: list[LeftOut] = []

    def scored(self, paths: Sequence[Path]) -> Iterator[Found]:
        """Each video that can be read with its score; others are logged and left out.

        Raises `UserError` where none can be, or a score is not a finite number.
        """
        for path in progress(paths, len(paths), "search", "videos"):
            try:
                features = self._features(path)
            except UnusableVideoError as error:
                log(f"warning: {path.name} is left out: {error}")
                self.left_out.append(LeftOut(path, str(error)))
                if len(self.left_out) == len(paths):
                    raise
                continue
            yield self._score(path, features)

    def _features(self, path: Path) -> Features:
        """What the network sees of a video: kept from before, or computed now and kept."""
        content = content_of(path)
        kept = {name: self._cache.feature(content, name) for name in self._dims}
        lacking = {name: dims for name, dims in self._dims.items() if kept[name] is None}
        made = video_features(path, self._config, lacking, self._extractors) if lacking else {}
        for name, feature in made.items():
            self._cache.keep_feature(content, name, feature)
        return made | {name: feature for name, feature in kept.items() if feature is not None}

    @torch.no_grad()
    def _score(self, path: Path, features: Features) -> Found:
        finder, text = with_words(self._finder, self._detectors, features, self._device), self._text
        dialog, view = Dialog(VIDEO, "", "", ()), finder.view
        queries = Queries(
            [dialog],
            finder.vocabulary,
            features,
            view.features,
            2,
            max_missing=1,
            texts=[[text]],
            concepts=view.concepts,
        )
        words = queries.concepts([VIDEO])
        texts = self._network.texts(queries.encoded([text]).to(self._device))
        seen = {name: each.to(self._device) for name, each in queries.features([VIDEO]).items()}
        encoded = self._network.videos(seen, 1, None if words is None else words.to(self._device))
        score = float(self._network.match(texts, encoded)[0])
        if not np.isfinite(score):
            raise UserError(f"{path}: its score is not a finite number; check the weights of model and features")
        return Found(path, score, _seconds(features, self._network.looks(texts, encoded)[0]))


def _seconds(features: Features, shares: Tensor) -> float:
    """The time of the step with the largest share: steps stand evenly in the time of the longest feature."""
    times = max((each.times for each in features.values()), key=len)
    if not len(times):
        return 0.0
    place = (int(shares.argmax()) + 0.5) / len(shares) * len(times) - 0.5
    return float(np.interp(place, np.arange(len(times)), times))
