"""`avsd find`: the scores of the stages one by one, kept features, and what cannot be searched."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.asking import finding
from pipeline.asking.finding import find
from pipeline.config import Config, merge, parse
from pipeline.corpus.dialogs import read_dialogs
from pipeline.dataset.pairs import Queries
from pipeline.errors import UserError
from pipeline.features.store import FeatureStore
from pipeline.layout import Layout
from pipeline.systems.pairs import score_queries
from pipeline.systems.system import load
from pipeline.vocabulary.words import Vocabulary
from tests.asking.world import make_world, save_untrained

SIZES = {"embedding": 6, "hidden": 5, "joint": 6, "tensor": 6, "channels": 4, "readout": [5, 5, 4], "standardise": True}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """With a retriever that nobody trained, and a file that is no video."""
    made = make_world(tmp_path_factory.mktemp("world"))
    entry = {
        "label": "Finder",
        "task": "retrieve",
        "network": "jsfusion",
        "sizes": SIZES,
        "features": ["seen", "heard"],
    }
    values = made.model_dump(mode="json")
    config = parse(merge(values, {"corpus": {"source": "files"}, "systems": {"finder": entry}}))
    layout = Layout(config.results)
    dims = {name: FeatureStore(layout.feature(name)).dims for name in config.features}
    save_untrained(config, "finder", Vocabulary.read(layout.vocabulary), dims, 5.0)
    (config.results.parent / "clips" / "broken.mp4").write_bytes(b"no video")
    return config


def found(world: Config, capsys: pytest.CaptureFixture[str], text: str, **more: Any) -> list[list[str]]:
    capsys.readouterr()
    given: dict[str, Any] = {"recursive": False, "system": None, "count": 5, **more}
    find(world, text, given.pop("folder", world.results.parent / "clips"), **given)
    return [line.split("\t") for line in capsys.readouterr().out.splitlines()]


def test_videos_stand_in_the_order_of_the_stages_scores(world: Config, capsys: pytest.CaptureFixture[str]) -> None:
    lines = found(world, capsys, "A red ball?")
    layout = Layout(world.results)
    vocabulary = Vocabulary.read(layout.vocabulary)
    stores = {name: FeatureStore(layout.feature(name)) for name in world.features}
    dialogs = read_dialogs(layout.dialogs("trial"))
    queries = Queries(dialogs, vocabulary, stores, ("seen", "heard"), 2, texts=[["a red ball ?"]] * len(dialogs))
    network: Any = load(layout.model("finder"), vocabulary, "cpu").network
    scores = score_queries(network, queries, torch.device("cpu"), "test")[0]
    expected = sorted(zip(scores.tolist(), (each.video_id for each in dialogs), strict=True), reverse=True)
    assert [Path(path).stem for _, _, path in lines] == [name for _, name in expected]
    assert [float(score) for score, _, _ in lines] == pytest.approx([score for score, _ in expected], abs=2e-3)
    # A time inside of the clip: the longest has 3.4 s.
    for _, time, _ in lines:
        minutes, seconds = time.split(":")
        assert int(minutes) == 0 and 0 <= float(seconds) <= 3.4
    assert found(world, capsys, "a red ball ?", count=1) == lines[:1]


def test_a_second_text_decodes_nothing(
    world: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = found(world, capsys, "what is there")
    # The file that is no video is looked at again; no other is.
    compute = finding.video_features

    def never(path: Path, *given: Any) -> Any:
        assert path.name == "broken.mp4"
        return compute(path, *given)

    monkeypatch.setattr(finding, "video_features", never)
    assert found(world, capsys, "what is there") == first


def test_what_cannot_be_read_is_named_and_left_out(
    world: Config, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    find(world, "a ball", world.results.parent / "clips", False, None, 5)
    said = capsys.readouterr().err
    assert "warning: broken.mp4 is left out" in said
    shutil.copy(world.results.parent / "clips" / "broken.mp4", tmp_path / "alone.mp4")
    with pytest.raises(UserError, match=r"alone\.mp4"):
        find(world, "a ball", tmp_path, False, None, 5)


def test_words_nobody_knows_are_named(world: Config, capsys: pytest.CaptureFixture[str]) -> None:
    find(world, "a zebra left", world.results.parent / "clips", False, "finder", 1)
    assert "not in the vocabulary of finder: zebra" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"folder": Path("/nowhere")}, "no such folder"),
        ({"system": "whole"}, "--system whole: it finds no videos; name one with task: retrieve"),
        ({"system": "nobody"}, "'nobody' is not in the configuration"),
        ({"text": "  "}, "no text"),
    ],
)
def test_what_does_not_fit_is_one_line(
    world: Config, capsys: pytest.CaptureFixture[str], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        found(world, capsys, **{"text": "a ball", **given})


def test_without_a_system_that_finds_it_says_what_is_trained(world: Config, capsys: pytest.CaptureFixture[str]) -> None:
    other = world.model_copy(update={"systems": {k: v for k, v in world.systems.items() if k != "finder"}})
    with pytest.raises(UserError, match="no system that finds videos; trained: whole"):
        found(other, capsys, "a ball")
