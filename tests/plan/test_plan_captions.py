"""What a caption corpus plans."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import Config, load, merge, parse
from pipeline.errors import UserError
from pipeline.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
SYSTEMS = {"baseline": {"features": []}}


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    path = tmp_path / "captions.json"
    path.touch()
    return path


def config(captions: Mapping[str, Any], **overlay: Any) -> Config:
    base = {"corpus": {"source": "captions"}, "captions": captions, "run": ["baseline"], "systems": SYSTEMS}
    return parse(merge(merge(yaml.safe_load((ROOT / "config.yaml").read_text()), base), overlay))


def test_there_is_one_test_set_or_none(captions: Path) -> None:
    plan = Plan(config({"training": str(captions)}))
    assert plan.test_sets == ["test"] and plan.splits == ["training", "validation", "test"]
    assert plan.answered == [("baseline", "test")]
    assert plan.corpus_files() == {"training": [captions]} and plan.dialog_files() == {}
    assert Plan(config({"training": str(captions), "tested": False})).test_sets == []


def test_files_of_how2_are_inputs(tmp_path: Path) -> None:
    for name in ("id", "text.en"):
        (tmp_path / name).touch()
    both = [tmp_path / "text.en", tmp_path / "id"]
    assert Plan(config({"training": str(tmp_path)})).corpus_files() == {"training": both}
    apart = {"training": str(tmp_path / "text.en"), "ids": str(tmp_path / "id"), "test": str(tmp_path / "id")}
    assert Plan(config(apart)).corpus_files() == {"training": both, "test": [tmp_path / "id"]}


def test_settings_reach_the_import(captions: Path) -> None:
    plan = Plan(config({"training": str(captions), "question": "what ?", "marks": True}))
    by_the_workflow = load([plan.corpus_settings(), plan.machine()])
    assert by_the_workflow.captions == plan.config.captions
    assert by_the_workflow.corpus.source == "captions" and by_the_workflow.corpus.holdout == 0.1


@pytest.mark.parametrize(
    ("overlay", "changed"),
    [
        ({"corpus": {"holdout": 0.2}}, True),
        ({"corpus": {"shards": 9, "keep_trial_in_validation": True, "scenes": {"seed": 9}}}, False),
        ({"captions": {"question": "what ?"}}, True),
        ({"captions": {"marks": True}}, True),
        ({"captions": {"marks": "false"}}, False),
    ],
)
def test_settings_change_where_the_corpus_does(captions: Path, overlay: dict[str, Any], changed: bool) -> None:
    given = {"training": str(captions)}
    others = {key: value for key, value in overlay.items() if key != "captions"}
    before = Plan(config(given)).corpus_settings()
    after = Plan(config({**given, **overlay.get("captions", {})}, **others)).corpus_settings()
    assert (before != after) is changed
    assert str(captions) not in after


def test_a_held_out_share_matters_only_where_one_is(captions: Path) -> None:
    given = dict.fromkeys(("training", "validation", "test"), str(captions))
    assert "holdout" not in json.loads(Plan(config(given)).corpus_settings())["corpus"]


@pytest.mark.parametrize(
    ("captions", "message"),
    [
        ({}, r"captions\.training: not set"),
        ({"training": "gone.json"}, r"gone\.json: no such file or folder \(captions\.training in"),
        ({"training": str(ROOT / "docs")}, r"docs: no captions in it; expected How2's id and text\.en"),
    ],
)
def test_missing_files_are_named(captions: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Plan(config(captions)).corpus_files()


def test_features_need_videos(captions: Path) -> None:
    systems = {"baseline": {"features": ["i3d_rgb"]}}
    with pytest.raises(UserError, match="videos: not set"):
        Plan(config({"training": str(captions)}, systems=systems))
