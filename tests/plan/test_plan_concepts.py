"""Systems that see concept words, and the detectors they wait for, in the plan; what sees none is planned as before."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import load, merge, parse
from pipeline.config.dependence import answering_entries, trained_entry, training_values
from pipeline.config.needs import needed
from pipeline.errors import UserError
from pipeline.plan import Plan
from pipeline.plan.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
FOLDS = [f"detector_fold{part}of5" for part in range(1, 6)]
SHOWN = ("none_concepts", "st_concepts", "jst_concepts")


def default(**changes: Any) -> Plan:
    return Plan(parse(merge(yaml.safe_load((ROOT / "config.yaml").read_text()), changes)))


def of(plan: Plan) -> Settings:
    assert plan.matching is not None
    return plan.matching


def settings(plan: Settings) -> dict[str, Any]:
    """All that decides whether a job of a run is run again."""
    return {
        "vocabulary": plan.vocabulary_settings(),
        "features": {name: plan.extract_settings(name) for name in plan.features},
        "train": {name: plan.training_settings(name) for name in plan.trained},
        "answer": {name: plan.answer_settings(name) for name, _ in plan.answered},
        "words": {name: plan.words(name) for name in plan.trained},
        "read": {name: plan.read_in_training(name) for name in plan.trained},
        "written": plan.written,
    }


def test_nothing_of_the_default_run_depends_on_them() -> None:
    plan = default()
    without = default(
        concepts={"count": 7, "texts": ["answers"]},
        systems={"detector": {"k": 30, "training": {"epochs": 1}}, "none_concepts": {"concepts": {"k": 4}}},
    )
    run = settings(plan)
    assert run == settings(without)
    assert "concepts" not in json.dumps(run, default=str)
    assert plan.report_settings() == without.report_settings()
    assert plan.distillation is not None and without.distillation is not None
    assert settings(plan.distillation) == settings(without.distillation)
    assert not {"detector", *FOLDS, *SHOWN} & {*plan.trained, *plan.config.run}
    assert all(plan.words(name) == plan.layout.vocabulary for name in plan.trained)
    # Systems of the run that stand beside them have one model, made with the same settings.
    for name in ("ours_none_none", "ours_man_man", "st", "jst"):
        assert of(plan).training_settings(name) == plan.training_settings(name)
        assert of(plan).answer_settings(name) == plan.answer_settings(name)


def test_the_detectors_come_first_and_each_split_has_its_words() -> None:
    plan = of(default())
    assert plan.words("detector") == plan.words(FOLDS[0]) == plan.layout.concepts
    assert plan.words("none_concepts") == plan.layout.vocabulary
    for name in SHOWN:
        read = plan.read_in_training(name)
        assert [(r.system, r.split) for r in read] == [
            *((fold, "training") for fold in FOLDS), ("detector", "validation"),
        ]  # fmt: skip
        assert set(needed(plan.config, name)) >= {"detector", *FOLDS}
        assert plan.trained.index("detector") < plan.trained.index(name)
        assert [(r.system, r.split) for r in plan.read_at_test(name, "trial")] == [("detector", "trial")]
    assert plan.read_at_test("none_concepts_hidden", "trial") == []
    assert ("detector", "validation") in plan.written and (FOLDS[2], "training") in plan.written
    assert ("detector", "training") not in plan.written
    assert "concepts_trial" in plan.matching_tables and "detect_official" in plan.matching_tables
    assert plan.references("detector", "trial") == "trial.summary"
    told = [plan.scored_with(name, "paraphrases") for name in ("detector", "none_concepts")]
    assert told == [False, True]


def test_the_workflows_settings_are_all_that_is_needed() -> None:
    plan = of(default())
    for name in ("detector", FOLDS[1], *SHOWN):
        read = load([plan.training_settings(name), plan.machine(name)])
        assert trained_entry(read, name) == trained_entry(plan.config, name)
        assert training_values(read, name) == training_values(plan.config, name)
    for name in ("none_concepts", "none_concepts_hidden", "detector"):
        read = load([plan.answer_settings(name), plan.machine(name)])
        assert answering_entries(read, name) == answering_entries(plan.config, name)
    values = json.loads(plan.training_settings("detector"))["training"]
    assert values["lambda_concepts"] == 1 and "margin" not in values
    assert "lambda_concepts" not in json.loads(plan.training_settings("none_concepts"))["training"]


@pytest.mark.parametrize(
    ("changes", "train", "words"),
    [
        ({"concepts": {"count": 99}}, False, True),
        ({"concepts": {"leave_out": ["seen"]}}, False, True),
        ({"systems": {"detector": {"target": "answers"}}}, True, False),
        ({"systems": {"detector": {"training": {"lambda_concepts": 2}}}}, True, False),
        ({"systems": {"detector": {"k": 33}}}, False, False),
        ({"concepts": {"classes": ["adverb", "adjective", "verb", "noun"]}}, False, False),
    ],
)
def test_what_depends_on_what(changes: dict[str, Any], train: bool, words: bool) -> None:
    before, after = of(default()), of(default(**changes))
    assert (before.training_settings("detector") != after.training_settings("detector")) == train
    assert (before.concept_settings() != after.concept_settings()) == words
    assert before.training_settings("none_concepts") == after.training_settings("none_concepts")
    written = before.answer_settings("detector") != after.answer_settings("detector")
    assert written == (changes.get("systems", {}).get("detector", {}).get("k") == 33)


def test_in_sample_words_need_one_detector() -> None:
    plan = of(default(systems={name: {"concepts": {"in_sample": True}} for name in SHOWN}))
    assert not set(FOLDS) & set(plan.trained)
    assert [r.system for r in plan.read_in_training("none_concepts")] == ["detector", "detector"]


def test_a_circle_and_a_description_are_named() -> None:
    with pytest.raises(UserError, match=r"matching\.run: 'describer' describes videos"):
        default(matching={"run": ["describer"]})
    circle = {"concepts": {"system": "sees", "in_sample": True}, "task": "describe", "target": "summary"}
    entry = {"label": "s", "network": "attention", "features": ["i3d_rgb"], **circle}
    with pytest.raises(UserError, match=r"systems\.sees\.concepts\.system: its training would wait for itself"):
        default(systems={"sees": entry})
