"""Starting from another system, and from a pretraining on captions: jobs, files, settings."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import Config, load, merge, parse
from pipeline.config.dependence import trained_entry, training_values
from pipeline.errors import UserError
from pipeline.plan import Plan
from pipeline.plan.settings import Settings
from pipeline.systems.initial import start_folder

ROOT = Path(__file__).resolve().parents[2]


def default(**overlay: Any) -> Config:
    return parse(merge(yaml.safe_load((ROOT / "config.yaml").read_text()), overlay))


def started(start: Any, **overlay: Any) -> Config:
    """The default experiment, `best` starting from ``start``; nothing else is run."""
    return default(**merge({"run": ["best"], "systems": {"best": {"init_from": start}}}, overlay))


def test_another_system_is_trained_first_and_read() -> None:
    plan = Plan(started({"system": "baseline"}))
    assert plan.trained == ["baseline", "best"] and plan.features == ["i3d_rgb", "i3d_flow"]
    assert plan.start_model("best") == Path("results/models/baseline/model.safetensors")
    assert start_folder(plan.config, "best") == Path("results/models/baseline")
    assert plan.training_files("best") == [] and plan.pretrained == []
    by_the_workflow = load([plan.training_settings("best"), plan.machine("best")])
    assert trained_entry(by_the_workflow, "best") == trained_entry(plan.config, "best")
    assert start_folder(by_the_workflow, "best") == Path("results/models/baseline")


def test_what_a_teacher_starts_from_is_trained_too() -> None:
    systems = {"ours_man_man": {"init_from": {"system": "ours_none_none"}}}
    assert Plan(default(run=["st"], systems=systems)).trained == ["ours_none_none", "ours_man_man", "st"]


def test_a_pretraining_is_a_run_of_its_own() -> None:
    plan = Plan(started({"captions": "scenes", "training": {"epochs": 3}, "question": "what ?"}))
    assert plan.trained == ["best"] and plan.pretrained == ["best"]
    assert plan.start_model("best") == Path("results/captions/best/models/best/model.safetensors")
    assert start_folder(plan.config, "best") == Path("results/captions/best/models/best")
    own = plan.pretraining["best"]
    assert own.corpus_files() == {"training": [Path("results/scenes/captions.json")]}
    assert own.trained == ["best"] and own.features == [] and own.test_sets == []
    made = load([own.corpus_settings(), own.machine()])
    assert made.captions == own.config.captions and made.corpus.source == "captions"
    assert (made.captions.question, made.captions.tested, made.captions.marks) == ("what ?", False, True)
    trained = load([own.training_settings("best"), own.machine("best")])
    assert trained.results == Path("results/captions/best")
    assert trained_entry(trained, "best") == trained_entry(own.config, "best")
    # The system's own rate, the pretraining's own number of epochs; its network, no description, no feature.
    assert training_values(trained, "best")["learning_rate"] == 0.003
    assert training_values(trained, "best")["epochs"] == 3
    assert trained.sizes("best") == plan.config.sizes("best")
    assert trained.systems["best"].features == () and not trained.systems["best"].history
    assert trained.systems["best"].description.train == "none"
    assert load([own.vocabulary_settings()]).descriptions() == frozenset()


def test_a_student_is_pretrained_without_its_teacher() -> None:
    plan = Plan(default(run=["jst"], systems={"jst": {"init_from": {"captions": "scenes"}}}))
    (own,) = plan.pretraining.values()
    assert own.trained == ["jst"]
    assert own.config.systems["jst"].loss == "ce" and own.config.systems["jst"].history


def test_features_of_the_captions_videos(tmp_path: Path) -> None:
    (tmp_path / "npy").mkdir()
    (tmp_path / "npy" / "caption0001.npy").touch()
    start = {"captions": "scenes", "npy": {"i3d_rgb": str(tmp_path / "npy")}}
    own = Plan(started(start)).pretraining["best"]
    assert own.gathered == ["i3d_rgb"] and own.computed == []
    (shard,) = own.feature_shards(own.features)
    assert shard.is_relative_to("results/captions/best/features/i3d_rgb")
    assert own.npy_files("i3d_rgb", shard.stem) == [tmp_path / "npy" / "caption0001.npy"]
    assert load([own.training_settings("best"), own.machine("best")]).systems["best"].features == ("i3d_rgb",)


LEARNING = {
    **dict.fromkeys(("baseline", "ours_man_man", "st", "jst", "none_concepts", "describer"), "ce"),
    **dict.fromkeys(("base_san_describer", "describer_s2"), "ce"),
    **dict.fromkeys(("filler", "filler_blind", "base_san_filler"), "blank"),
    **dict.fromkeys(("retriever", "base_san_finder", "chooser", "base_san_chooser"), "ranking"),
}
"""Systems of the default experiment and of CT-SAN's that can learn captions, and the loss they do it by."""
NOT_LEARNING = ("detector", "ct_san_chooser", "ct_san_finder", "ct_san_filler", "ct_san_describer")


def pretrained(name: str) -> Config:
    layers = [yaml.safe_load((ROOT / each).read_text()) for each in ("config.yaml", "configs/ct-san.yaml")]
    features = [] if name == "filler_blind" else ["i3d_rgb"]
    start = {"system": None, "captions": "scenes", "npy": dict.fromkeys(features, "npy")}
    entry = {"init_from": start, **({"seeds": 2} if name.endswith("_s2") else {})}
    return parse(merge(merge(*layers), {"run": [name], "systems": {name.removesuffix("_s2"): entry}}))


@pytest.mark.parametrize("name", LEARNING)
def test_the_jobs_of_a_pretraining_take_its_settings(name: str) -> None:
    plan = Settings(pretrained(name))
    own = plan.pretraining[name]
    trained = load([own.training_settings(name), own.machine(name)])
    assert trained.systems[name].loss == LEARNING[name]
    assert trained_entry(trained, name) == trained_entry(own.config, name)
    # The captions are turns where the system is asked something, else sentences that its words are counted of.
    assert (own.config.captions.question is None) == (not trained.systems[name].asked)
    assert load([own.vocabulary_settings()]).descriptions() == (
        frozenset() if trained.systems[name].asked else {"captions"}
    )
    # What starts from there is trained and tested with settings that say no more of it than that.
    for settings in (plan.training_settings(name), plan.answer_settings(name)):
        read = load([settings, plan.machine(name)])
        assert str(read.systems[name].init_from) == "a pretraining on captions (scenes)"


@pytest.mark.parametrize("name", NOT_LEARNING)
def test_what_cannot_learn_captions_is_refused_when_the_configuration_is_read(name: str) -> None:
    with pytest.raises(UserError, match=rf"systems\.{name}\.init_from\.captions: .* from another system"):
        pretrained(name)


def test_one_that_is_tested_with_the_model_of_another_needs_no_captions() -> None:
    start = {"captions": "scenes"}
    systems = {"ours_none_none": {"init_from": start}, "generator": {"init_from": start}}
    plan = Settings(default(run=["ours_none_none", "generator"], systems=systems))
    assert plan.pretrained == ["ours_none_none"]
    read = load([plan.answer_settings("generator"), plan.machine("generator")])
    assert read.trained("generator")[0] == "ours_none_none"


def test_systems_beside_the_run_are_pretrained_too() -> None:
    systems = {"filler_blind": {"init_from": {"captions": "scenes"}}}
    plan = Plan(started({"captions": "scenes"}, systems=systems, matching={"run": ["filler_blind"]}))
    assert plan.pretrained == ["best"]
    assert {name: own.trained for name, own in plan.pretrainings.items()} == {
        "best": ["best"],
        "filler_blind": ["filler_blind"],
    }


def test_a_file_of_captions_is_an_input(tmp_path: Path) -> None:
    for name in ("text.en", "id"):
        (tmp_path / name).touch()
    both = [tmp_path / "text.en", tmp_path / "id"]
    for start in ({"captions": str(tmp_path)}, {"captions": str(both[0]), "ids": str(both[1])}):
        assert Plan(started(start)).pretraining["best"].corpus_files() == {"training": both}


@pytest.mark.parametrize(
    ("start", "overlay", "message"),
    [
        ({"captions": "gone.json"}, {}, r"gone\.json: no such file or folder \(systems\.best\.init_from\.captions"),
        ({"captions": str(ROOT / "README.md"), "ids": "gone"}, {}, r"gone: no such file \(systems\.best\.init_from"),
        ({"captions": str(ROOT / "docs")}, {}, r"docs: no captions in it"),
        (
            {"captions": "scenes", "npy": {"i3d_rgb": "gone"}},
            {},
            r"systems\.best\.init_from: .*npy: gone: no such folder",
        ),
        ({"captions": "scenes"}, {"corpus": {"scenes": {"counts": {"captions": 0}}}}, "counts.captions is 0"),
        (
            {"captions": "scenes"},
            {"corpus": {"source": "files"}, "dialogs": {"training": str(ROOT / "README.md")}, "videos": str(ROOT)},
            r"no scenes are made \(corpus\.source is files\); give a file of captions",
        ),
    ],
)
def test_missing_files_are_named(start: Any, overlay: dict[str, Any], message: str) -> None:
    features = {} if "npy" in start or "videos" not in overlay else {"systems": {"best": {"features": []}}}
    with pytest.raises(UserError, match=message):
        Plan(started(start, **merge(overlay, features)))


def settings(config: Config) -> dict[str, str]:
    plan = Plan(config)
    own = plan.pretraining["best_how2"]
    return {
        "scenes": plan.scene_settings(),
        "scene captions": plan.scene_captions_settings(),
        "corpus": own.corpus_settings(),
        "vocabulary": own.vocabulary_settings(),
        "pretrain": own.training_settings("best_how2"),
        "train": plan.training_settings("best_how2"),
    }


@pytest.mark.parametrize(
    ("overlay", "changed"),
    [
        ({"systems": {"best_how2": {"init_from": {"training": {"epochs": 9}}}}}, {"pretrain"}),
        ({"systems": {"best_how2": {"init_from": {"question": "why ?"}}}}, {"corpus"}),
        ({"systems": {"best_how2": {"training": {"epochs": 9}}}}, {"train"}),
        ({"systems": {"best_how2": {"training": {"clip": 9}}}}, {"pretrain", "train"}),
        ({"systems": {"best_how2": {"description": {"train": "none"}}}}, {"train"}),
        ({"systems": {"best_how2": {"sizes": {"context": 9}}}}, {"pretrain", "train"}),
        ({"systems": {"best_how2": {"label": "other", "row": None}}}, set()),
        ({"systems": {"best_how2": {"features": []}}}, {"train"}),
        ({"corpus": {"holdout": 0.3}}, {"corpus"}),
        ({"corpus": {"scenes": {"counts": {"captions": 9}}}}, {"scene captions"}),
        ({"corpus": {"scenes": {"counts": {"training": 9}}}}, {"scenes"}),
        ({"corpus": {"scenes": {"seed": 9}}}, {"scenes", "scene captions"}),
        ({"vocabulary": {"min_count": 2}}, {"vocabulary"}),
        ({"vocabulary": {"descriptions": []}, "results": "elsewhere", "device": "cpu"}, set()),
        ({"systems": {"best": {"training": {"epochs": 1}}}}, set()),
    ],
)
def test_settings_change_exactly_where_results_do(overlay: dict[str, Any], changed: set[str]) -> None:
    before, after = settings(default()), settings(default(**overlay))
    assert {name for name in before if before[name] != after[name]} == changed


def test_a_system_that_is_started_from_changes_no_settings_of_the_other() -> None:
    before = Plan(started({"system": "baseline"})).training_settings("best")
    systems = {
        "baseline": {"label": "B", "features": [], "training": {"epochs": 1}, "description": {"train": "summary"}}
    }
    after = Plan(started({"system": "baseline"}, systems=systems)).training_settings("best")
    assert before == after
    assert json.loads(before)["systems"]["best"]["init_from"] == {"system": "baseline"}


def test_a_card_says_what_captions_it_began_with() -> None:
    plan = Plan(default())
    by_the_workflow = load([plan.training_settings("best_how2"), plan.machine("best_how2")])
    assert str(by_the_workflow.systems["best_how2"].init_from) == "a pretraining on captions (scenes)"
