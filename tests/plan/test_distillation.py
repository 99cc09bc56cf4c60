"""The distilled captioner's experiment is planned beside the default run, and changes nothing of it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import load, merge, parse
from pipeline.config.dependence import trained_entry, training_values
from pipeline.errors import UserError
from pipeline.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
OTHERS = ("chooser", "generator", "retriever", "filler", "detector")
"""How systems of the other experiment are called."""


def default(**changes: Any) -> Plan:
    return Plan(parse(merge(yaml.safe_load((ROOT / "config.yaml").read_text()), changes)))


def test_the_default_run_has_none_of_it() -> None:
    plan = default()
    assert not set(plan.config.distilled) & {*plan.trained, *plan.config.run}
    assert plan.features == ["i3d_rgb", "i3d_flow", "vggish"]
    without = default(distillation=None)
    assert plan.report_settings() == without.report_settings()
    assert plan.vocabulary_settings() == without.vocabulary_settings()
    assert without.distillation is None and without.runs == [without, without.matching]


def test_the_experiment_has_nothing_but_it() -> None:
    plan = default(distillation={"rates": [0.2]})
    made = plan.distillation
    assert made is not None
    assert made.trained == [
        "distilled_teacher",
        "distilled_adaptor_20",
        "distilled_rep_20",
        "distilled_rep_ce_20",
        "distilled_tuned_20",
        "distilled_control_20",
    ]
    assert made.features == ["frames", "vggish", "frames_20", "vggish_20"]
    assert made.answered == [(name, "trial") for name in plan.config.distilled]
    assert {path.parent.name for path in made.seconds} == set(made.features)
    assert made.vocabulary_settings() == plan.vocabulary_settings()


def test_the_workflows_settings_are_all_that_its_trainings_need() -> None:
    """By the plan of the default run, which the rules ask."""
    plan = default(distillation={"seeds": 2})
    for name in plan.config.distilled:
        read = load([plan.training_settings(name), plan.machine(name)])
        assert trained_entry(read, name) == trained_entry(plan.config, name)
        assert training_values(read, name) == training_values(plan.config, name)


def test_its_own_settings_read_as_the_experiment() -> None:
    made = default(distillation={"seeds": 2}).distillation
    assert made is not None
    read = load([made.report_settings(), made.machine()])
    # All but those of the other experiment, as far as the default run has them not.
    others = ["rescored"]
    others += [name for name in made.config.systems if name.startswith(OTHERS)]
    others += [name for name in made.config.matching.run if "concepts" in name]
    systems = {name: entry for name, entry in made.config.systems.items() if name not in others}
    assert (read.distillation, read.run, read.systems) == (made.config.distillation, made.config.run, systems)


def test_a_system_of_it_may_be_run_with_the_others() -> None:
    plan = default(run=["ours_none_none", "distilled_rep_20"])
    assert plan.trained == ["ours_none_none", "distilled_teacher", "distilled_adaptor_20", "distilled_rep_20"]
    values = json.loads(plan.report_settings())
    assert {name for name in values["systems"] if name.startswith("distilled")} == set(plan.trained[1:])
    assert load([plan.report_settings()]).run == plan.config.run


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run": []}, r"distillation\.test_set: the run has no test set trial \(none; `run` names no system\)"),
        ({"distillation": {"test_set": "test"}}, r"no test set test \(trial, official\)"),
        ({"distillation": {"target": "caption"}}, r"words of caption are not counted; add it to vocabulary\.descr"),
        (
            {"features": {"frames": {"architecture": "resnet18", "weights": "none.pth"}}},
            r"none\.pth: no such weights file \(features\.frames in the configuration\)",
        ),
    ],
)
def test_what_is_missing_is_said_when_it_is_asked_for(changes: dict[str, Any], message: str) -> None:
    plan = default(**changes)
    with pytest.raises(UserError, match=message):
        plan.checked_distillation()
