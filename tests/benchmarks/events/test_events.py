"""The probe of what comes first: planted retrievers whose shares are known, and what it says of user mistakes."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.events import probe as probing
from benchmarks.events.__main__ import main
from benchmarks.events.probe import probe, swapped, told
from pipeline.answers.writing import Opened
from pipeline.config import Answers, Config, SceneCounts, Scenes, parse
from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.corpus.scenes.generate import tell
from pipeline.dataset.views import View
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.networks.matching import Matcher
from pipeline.tensors import FeatureSequences, Sequences, TensorGroup
from pipeline.vocabulary.words import Vocabulary, build

EVENTS = ("flashing", "shaking", "pulsing")
FIRST = {"v1": "flashing", "v2": "shaking", "v3": "pulsing", "v4": "shaking", "v5": "flashing"}
THEN = {"v1": "shaking", "v2": "flashing", "v3": "flashing", "v4": "pulsing", "v5": "pulsing"}
ASKED = (Turn("what is it ?", "a star"),)
Score = Callable[[list[int], int], float]
"""Of the places of the events in a text (one that it has not: -1), in the order of `EVENTS`, and what a video shows
first.
"""


class Seen:
    """A feature that is which event a video shows first."""

    dims = 1

    def __contains__(self, video: str) -> bool:
        return video in FIRST

    def read(self, video: str) -> NDArray[np.float32]:
        return np.array([[EVENTS.index(FIRST[video])]], np.float32)


class Planted(Matcher):
    def __init__(self, vocabulary: Vocabulary, score: Score) -> None:
        super().__init__()
        self.words, self.score = vocabulary, score

    def texts(self, sentences: Sequences) -> TensorGroup:
        return sentences

    def videos(
        self, features: Mapping[str, FeatureSequences], count: int | None = None, concepts: Sequences | None = None
    ) -> TensorGroup:
        return features["i3d_rgb"]

    def match(self, texts: TensorGroup, videos: TensorGroup) -> Tensor:
        assert isinstance(texts, Sequences) and isinstance(videos, FeatureSequences)
        scores = []
        for ids, shown in zip(texts.ids.tolist(), videos.values[:, 0, 0].tolist(), strict=True):
            words = self.words.decode([each for each in ids if each]).split()
            scores.append(self.score([words.index(each) if each in words else -1 for each in EVENTS], int(shown)))
        return torch.tensor(scores)

    def looks(self, texts: TensorGroup, videos: TensorGroup) -> Tensor:
        raise NotImplementedError


def knows(places: list[int], shown: int) -> float:
    """Whether what the video shows first stands in front."""
    return float(places[shown] == min(place for place in places if place >= 0))


def prefers(places: list[int], shown: int) -> float:
    """Flashing in front, whatever the video shows."""
    return -places[0]


def counts(places: list[int], shown: int) -> float:
    return float(sum(place >= 0 for place in places))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    dialogs = [
        Dialog(video, "", f"a red star , first {first} , then {THEN[video]} . a bar .", ASKED)
        for video, first in FIRST.items()
    ]
    write_dialogs(Layout(tmp_path).dialogs("trial"), [*dialogs, Dialog("v6", "", "a star . no sound .", ASKED)])
    entry = {"label": "Finder", "task": "retrieve", "network": "jsfusion", "features": ["i3d_rgb"]}
    systems = {"finder": entry, "other": {"label": "Other", "network": "attention"}}
    return parse({"results": str(tmp_path), "features": {"i3d_rgb": {"network": "i3d_rgb"}}, "systems": systems})


@pytest.fixture
def planted(config: Config, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The probe with a network in place of the trained one."""
    words = " ".join([*EVENTS, "a red star , first then . bar"])
    vocabulary = build([Dialog("x", "", words, ())], frozenset({"summary"}), 1)

    def with_score(score: Score, test_sets: tuple[str, ...] = ("trial",)) -> Any:
        network, view = Planted(vocabulary, score), View(("i3d_rgb",), "none", False, False)
        opened = Opened(
            "finder",
            "trial",
            network,
            {},
            vocabulary,
            view,
            {"i3d_rgb": Seen()},
            Answers(),
            torch.device("cpu"),  # type: ignore[dict-item]
        )
        monkeypatch.setattr(probing, "open_system", lambda *_: opened)
        return probe(config, "finder", test_sets, 20_000)

    return with_score


def test_one_that_knows_and_one_that_counts_words(planted: Callable[..., Any]) -> None:
    """The text that tells of no order is left out: five videos. Ties are against the system."""
    known = planted(knows)
    assert (known.right, known.ties, known.of, known.share) == (5, 0, 5, 1)
    assert (known.low, known.high) == (1, 1)
    equal = planted(counts)
    assert (equal.right, equal.ties, equal.of, equal.high) == (0, 5, 5, 0)


def test_one_that_always_says_the_same(planted: Callable[..., Any]) -> None:
    """Flashing is first in two videos, second in two, and in one there is none of it: then nothing is higher.

    Of five videos with two right ones 0 are drawn with probability 0.078 and 4 or more with 0.087, 5 with 0.010.
    """
    found = planted(prefers)
    assert (found.right, found.ties, found.share) == (2, 1, 0.4)
    assert (found.low, found.high) == (0, 0.8)
    twice = planted(prefers, ("trial", "trial"))
    assert (twice.right, twice.ties, twice.of) == (4, 2, 10)


def test_every_summary_of_scenes_tells_of_two_events() -> None:
    """Swapped, the first sentence of two that the generator would have written: the facts say which is true."""
    made = tell(Scenes(counts=SceneCounts(training=60, validation=1, trial=1, official=1)))["training"]
    texts = told([each.dialog for each in made], "summary")
    assert len(texts) == len(made) == 60
    doing = {"flash": "flashing", "shake": "shaking", "pulse": "pulsing"}
    for each in made:
        text, other = texts[each.scene.video_id]
        first, second = doing[each.scene.first], doing[each.scene.second]
        assert f"first {first} , then {second} ." in text and f"first {second} , then {first} ." in other
        assert text.replace(f"first {first} , then {second}", "") == other.replace(f"first {second} , then {first}", "")
        assert swapped(other) == text
    scripts = [each.dialog.caption for each in made]
    assert {bool(swapped(script)) for script in scripts} == {True, False}
    assert all(" then " in script or " later " in script for script in scripts if swapped(script))


def test_mistakes_are_one_line(config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "own.json"
    write_json(path, {"results": str(tmp_path), "matching": {"run": []}})
    given = ["--configfile", str(path)]
    for systems, said in (
        (
            ["--systems", "jst"],
            "error: jst: no system that finds videos; give one of retriever, retriever_without_sound",
        ),
        ([], "error: matching.run: no system that finds videos; name one with --systems"),
    ):
        assert main([*systems, *given]) == 1
        assert capsys.readouterr().err.startswith(said)
    write_dialogs(Layout(tmp_path).dialogs("trial"), [Dialog("v6", "", "a star .", ASKED)])
    assert main(["--systems", "retriever", *given]) == 1
    assert "no summary tells which of two events comes first" in capsys.readouterr().err
