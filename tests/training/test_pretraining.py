"""A pretraining on captions and the training that starts from it, by the settings and commands of the workflow."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.cli import app
from pipeline.config import Config, load
from pipeline.features.store import write_shard
from pipeline.layout import Layout
from pipeline.plan.settings import Settings

Project = Callable[..., Config]
SMALL = {"embedding": 6, "hidden": 5, "joint": 6, "tensor": 6, "channels": 5, "readout": [5, 5], "dropout": 0.0}
COLOURS = ("red", "green", "blue", "white", "black", "grey") * 4
SEES = {"features": ["i3d_rgb", "vggish"], "training": {"epochs": 1, "batch_turns": 5}}


def avsd(*arguments: object) -> None:
    app([str(each) for each in arguments], standalone_mode=False)


@pytest.mark.parametrize(
    ("entry", "learned"),
    [
        ({"task": "fill", "network": "jsfusion_fill", **SEES}, {"text": "captions", "history": False, "loss": "blank"}),
        (
            {"task": "fill", "network": "jsfusion_fill", "features": [], "text": "answer", "history": True},
            {"text": "captions", "history": False, "loss": "blank"},
        ),
        ({"task": "retrieve", "network": "jsfusion", "choices": 3, **SEES}, {"query": "captions", "loss": "ranking"}),
        (
            {"task": "choose", "network": "jsfusion", "choices": 3, "history": True, **SEES},
            {"history": False, "loss": "ranking"},
        ),
        ({"task": "describe", "network": "attention", **SEES}, {"target": "captions", "loss": "ce"}),
        ({"network": "attention", "history": False, **SEES}, {"loss": "ce"}),
    ],
    ids=["fill", "fill by the text alone", "retrieve", "choose", "describe", "answer"],
)
def test_a_system_learns_captions_and_then_its_own_task(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str], entry: dict[str, Any], learned: dict[str, Any]
) -> None:
    captions = tmp_path / "captions.json"
    told = {f"c{place}": [f"a {colour} zebra is there .", f"it is {colour} ."] for place, colour in enumerate(COLOURS)}
    captions.write_text(json.dumps(told))
    start: dict[str, Any] = {"captions": str(captions), "training": {"epochs": 1}}
    if entry["features"]:
        start["npy"] = {"i3d_rgb": str(tmp_path)}
    networks = {"jsfusion": {**SMALL, "readout": [5, 5, 5]}, "jsfusion_fill": SMALL}
    system = {"label": "One", **entry, "init_from": start}
    config = project(changes={"networks": networks, "systems": {"one": system}, "run": ["one"]})
    plan = Settings(config)
    (own,) = plan.pretraining.values()
    layout = Layout(own.config.results)
    avsd("corpus", "import", "-c", own.corpus_settings(), "-c", own.machine(), "--out", layout.corpus)
    training = layout.dialogs("training")
    avsd("vocabulary", "--training", training, "-c", own.vocabulary_settings(), "--out", layout.vocabulary)
    for feature in own.features:
        generator = np.random.default_rng(1)
        items = [(f"c{n}", generator.normal(size=(3, 5)), np.arange(3.0)) for n in range(len(told))]
        write_shard(layout.feature_shard(feature, "0000"), items, {"made": "up"}, 5, "float32")
    avsd("train", "one", "-c", own.training_settings("one"), "-c", own.machine("one"))
    as_trained = load([own.training_settings("one"), own.machine("one")]).systems["one"]
    assert {key: getattr(as_trained, key) for key in learned} == learned
    assert as_trained.features == (("i3d_rgb",) if entry["features"] else ())
    # A word that the captions alone have.
    assert "zebra" in json.loads((layout.model("one") / "vocabulary.json").read_text())["words"]
    capsys.readouterr()
    avsd("train", "one", "-c", plan.training_settings("one"), "-c", plan.machine("one"))
    assert f"taken over from {layout.model('one')}" in capsys.readouterr().err
    model = Layout(config.results).model("one")
    assert "a pretraining on captions" in (model / "README.md").read_text()
