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
    asked = {"question": "what ?", **captions}
    base = {"corpus": {"source": "captions"}, "captions": asked, "run": ["baseline"], "systems": SYSTEMS}
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
        ({"captions": {"question": "why ?"}}, True),
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


DESCRIBER = {"label": "D", "task": "describe", "network": "attention", "features": ["vggish"], "target": "captions"}
"""Of gathered features, so that no video is needed."""


def describing(captions: Path, folder: Path, **changes: Any) -> Config:
    (folder / "npy").mkdir(exist_ok=True)
    (folder / "npy" / "v.npy").touch()
    features = {"vggish": {"npy": str(folder / "npy")}}
    systems = {"describer": {**DESCRIBER, **changes}}
    return config({"training": str(captions), "question": None}, run=["describer"], systems=systems, features=features)


def test_a_describer_is_scored_against_the_captions(captions: Path, tmp_path: Path) -> None:
    plan = Plan(describing(captions, tmp_path))
    assert plan.answered == [("describer", "test")]
    assert plan.layout.references(plan.references("describer", "test")) in plan.reference_files
    assert plan.config.descriptions() == {"captions", "summary"}  # config.yaml counts summaries in any case


def test_what_the_corpus_does_not_have_is_refused(captions: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"systems\.describer: corpus\.source captions has no summary to read"):
        Plan(describing(captions, tmp_path, target="summary"))
    with pytest.raises(UserError, match=r"systems\.baseline: it answers, and captions\.question is not set"):
        Plan(config({"training": str(captions), "question": None}))
    scenes = merge(yaml.safe_load((ROOT / "config.yaml").read_text()), {"run": ["d"], "systems": {"d": DESCRIBER}})
    with pytest.raises(UserError, match=r"systems\.d: corpus\.source scenes has no captions to read"):
        Plan(parse(scenes))


def test_a_describer_is_pretrained_on_features(captions: Path, tmp_path: Path) -> None:
    start = {"captions": str(captions), "npy": {"vggish": str(tmp_path / "npy")}}
    plan = Plan(describing(captions, tmp_path, init_from=start))
    (own,) = plan.pretraining.values()
    assert own.config.captions.question is None
    trained = load([own.training_settings("describer"), own.machine("describer")])
    assert trained.systems["describer"].learned_from() == {"target": "captions"}
    assert load([own.vocabulary_settings()]).descriptions() == {"captions"}
    with pytest.raises(UserError, match=r"init_from\.npy: without features it learns nothing"):
        describing(captions, tmp_path, init_from={"captions": str(captions)})


def test_the_configuration_for_captions_of_ones_own_is_planned(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "v.mp4").touch()
    (tmp_path / "captions.json").touch()
    own = {"videos": str(tmp_path / "videos"), "captions": {"training": str(tmp_path / "captions.json")}}
    plan = Plan(load([str(ROOT / "config.yaml"), str(ROOT / "configs/captions.yaml"), json.dumps(own)]))
    assert plan.trained == ["captioner"] and plan.answered == [("captioner", "test")]
    assert plan.config.descriptions() == {"captions"}
