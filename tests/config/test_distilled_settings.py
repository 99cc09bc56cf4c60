"""What a distilled captioner's training depends on, and that the settings the workflow passes say all of it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import Config, load, merge, parse
from pipeline.config.dependence import trained_entry, training_values
from pipeline.errors import UserError
from pipeline.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
SEER: dict[str, Any] = {
    "label": "Seer",
    "task": "describe",
    "network": "captioner",
    "features": ["i3d_rgb", "vggish"],
}
STUDENT = {**SEER, "label": "Student", "sizes": {"adaptor": True, "width": 32}, "teacher": "seer", "loss": "rep_ce"}


def config(**student: Any) -> Config:
    base = yaml.safe_load((ROOT / "config.yaml").read_text())
    systems = {"seer": {**SEER, "sizes": {"width": 32}}, "student": {**STUDENT, **student}}
    return parse(merge(base, {"run": ["student"], "systems": systems}))


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({"loss": "rep_ce"}, {"lambda_representation", "label_smoothing"}),
        ({"loss": "rep"}, {"lambda_representation"}),
        ({"loss": "ce", "teacher": None}, {"label_smoothing"}),
    ],
)
def test_the_settings_that_a_loss_reads(changes: dict[str, Any], read: set[str]) -> None:
    asked = {"lambda_representation", "label_smoothing", "lambda_context", "student_from_teacher"}
    assert set(training_values(config(**changes), "student")) & asked == read


def test_frozen_parts_count_in_any_order_and_only_where_there_are_some() -> None:
    frozen = [trained_entry(config(freeze=parts), "student") for parts in (["output", "latent"], ["latent", "output"])]
    assert frozen[0] == frozen[1] == {**trained_entry(config(), "student"), "freeze": ["latent", "output"]}
    assert "freeze" not in trained_entry(config(), "student")


def test_the_workflows_settings_are_all_that_a_training_needs() -> None:
    given = config(freeze=["language"], training={"lambda_representation": 0.25})
    plan = Plan(given)
    assert plan.trained == ["seer", "student"]
    read = load([plan.training_settings("student"), plan.machine("student")])
    assert trained_entry(read, "student") == trained_entry(given, "student")
    assert training_values(read, "student") == training_values(given, "student")
    assert json.loads(plan.training_settings("student"))["training"]["lambda_representation"] == 0.25


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sizes": {"width": 32}}, r"systems\.student\.loss: rep_ce trains an adaptor: give sizes \{adaptor: true\}"),
        ({"teacher": "describer"}, r"systems\.student\.loss: rep_ce goes with network captioner, the teacher's too"),
        ({"teacher": "ours_man_man"}, r"systems\.student\.teacher: 'ours_man_man' has another task"),
        ({"description": {"test": "summary"}}, r"student\.description: no such key of a system with task describe"),
        ({"history": True}, r"student\.history: no such key of a system with task describe"),
    ],
)
def test_what_does_not_go_with_it_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        config(**changes)
