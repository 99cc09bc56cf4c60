"""`avsd find`: the scores of the stages one by one, kept features, and what cannot be searched."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.asking import finding
from pipeline.asking.finding import Request, find
from pipeline.config import Config, merge, parse
from pipeline.corpus.dialogs import read_dialogs
from pipeline.dataset.pairs import Queries
from pipeline.errors import UserError
from pipeline.features import frames, sound
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
    given = dict(more)
    find(world, Request(text, given.pop("folder", world.results.parent / "clips"), **given))
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


def test_a_network_is_loaded_once_for_all_videos(
    world: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it makes of a video does not depend on those it has seen before."""
    loaded: list[str] = []
    for module in (frames, sound):
        load_network = module.load_network

        def counted(feature: Any, *given: Any, load_network: Any = load_network) -> Any:
            loaded.append(feature.network)
            return load_network(feature, *given)

        monkeypatch.setattr(module, "load_network", counted)
    kept = Layout(world.results).found
    shutil.rmtree(kept, ignore_errors=True)
    together = found(world, capsys, "what is there")
    assert len(together) == 3
    assert sorted(loaded) == sorted(feature.network for feature in world.features.values())
    shutil.rmtree(kept)
    compute = finding.video_features
    monkeypatch.setattr(finding, "video_features", lambda path, config, dims, _kept: compute(path, config, dims))
    assert found(world, capsys, "what is there") == together
    assert len(loaded) == 4 * len(world.features)


def test_what_cannot_be_read_is_named_and_left_out(
    world: Config, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    find(world, Request("a ball", world.results.parent / "clips"))
    said = capsys.readouterr().err
    assert "warning: broken.mp4 is left out" in said
    assert "3 videos searched, 1 left out after" in said
    shutil.copy(world.results.parent / "clips" / "broken.mp4", tmp_path / "alone.mp4")
    with pytest.raises(UserError, match=r"alone\.mp4"):
        find(world, Request("a ball", tmp_path))


def test_a_video_that_is_gone_or_not_given_is_left_out(
    world: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that vanishes once the folder is listed, and one that the system does not give, to root neither."""
    clips = world.results.parent / "clips"
    for name in ("loud", "mute", "short"):
        shutil.copy(next(clips.glob(f"{name}.*")), tmp_path / f"{name}.mp4")
    (tmp_path / "kept.mp4").symlink_to("/proc/self/mem")
    listed = finding.find_videos

    def vanishing(*given: Any, **more: Any) -> Any:
        videos = listed(*given, **more)
        (tmp_path / "mute.mp4").unlink()
        return videos

    monkeypatch.setattr(finding, "find_videos", vanishing)
    lines = found(world, capsys, "a ball", folder=tmp_path)
    assert sorted(Path(path).name for _, _, path in lines) == ["loud.mp4", "short.mp4"]
    shutil.copy(next(clips.glob("mute.*")), tmp_path / "mute.mp4")
    find(world, Request("a ball", tmp_path, as_json=True))
    said = capsys.readouterr()
    assert f"warning: kept.mp4 is left out: {tmp_path}/kept.mp4: cannot be read: Input/output error" in said.err
    assert f"warning: mute.mp4 is left out: {tmp_path}/mute.mp4: cannot be read: No such file or directory" in said.err
    assert [Path(each["path"]).name for each in json.loads(said.out)["left_out"]] == ["kept.mp4", "mute.mp4"]


def test_what_no_video_can_help_ends_the_search(
    world: Config, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Weights that were not fetched are no fault of twelve videos: one line, and nothing is decoded before it."""
    seen = world.features["seen"].model_copy(update={"weights": "kinetics"})
    changes = {"features": {**world.features, "seen": seen}, "resources": tmp_path}
    shutil.rmtree(Layout(world.results).found, ignore_errors=True)
    with pytest.raises(UserError, match="the Kinetics weights are not there; run `avsd weights kinetics --out "):
        find(world.model_copy(update=changes), Request("a ball", world.results.parent / "clips"))
    said = capsys.readouterr().err
    assert "left out" not in said and "decoding" not in said


def test_words_nobody_knows_are_named(world: Config, capsys: pytest.CaptureFixture[str]) -> None:
    clips = world.results.parent / "clips"
    find(world, Request("a zebra left", clips, system="finder", count=1))
    assert "not in the vocabulary of finder: zebra" in capsys.readouterr().err
    for text in ("Zebra, giraffe?", "?!"):
        with pytest.raises(UserError, match="nothing of it is in the vocabulary of finder"):
            find(world, Request(text, clips))


def test_as_json(world: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """The same as the lines, with what was left out."""
    lines = found(world, capsys, "A red ball, a zebra?", count=2)
    find(world, Request("A red ball, a zebra?", world.results.parent / "clips", count=2, as_json=True))
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["system"], told["text"]) == ("finder", "a red ball , a zebra ?")
    assert told["unknown_words"] == [",", "zebra"]
    assert [(f"{each['score']:.3f}", each["path"]) for each in told["videos"]] == [(s, path) for s, _, path in lines]
    assert [f"0:{each['seconds']:04.1f}" for each in told["videos"]] == [time for _, time, _ in lines]
    assert [Path(each["path"]).name for each in told["left_out"]] == ["broken.mp4"]
    assert "broken.mp4" in told["left_out"][0]["reason"]


def test_names_do_not_matter(world: Config, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Two files of one name but for the suffix, or in two folders, are two videos, found alike."""
    clip = next(each for each in (world.results.parent / "clips").iterdir() if each.stem == "loud")
    (tmp_path / "in").mkdir()
    places = ["same.mp4", "same.mkv", "in/same.mp4"]
    for place in places:
        shutil.copy(clip, tmp_path / place)
    lines = found(world, capsys, "a ball", folder=tmp_path, recursive=True)
    assert sorted(str(Path(path).relative_to(tmp_path)) for _, _, path in lines) == sorted(places)
    assert len({(score, time) for score, time, _ in lines}) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"folder": Path("/nowhere")}, "no such folder"),
        ({"folder": Path(__file__)}, "a file, expected a folder of videos"),
        ({"folder": Path(__file__).parent}, "no video in this folder; --recursive looks into the folders in it"),
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
