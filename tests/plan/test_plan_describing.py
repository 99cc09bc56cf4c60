"""Descriptions that one system writes and another reads: what is trained, written and read, and in which order."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import merge
from pipeline.errors import UserError
from pipeline.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
READER: dict[str, Any] = {
    "label": "Reader",
    "network": "attention",
    "features": ["i3d_rgb"],
    "description": {"train": {"system": "describer", "folds": 3}, "test": {"system": "describer"}},
}
FOLDS = [f"describer_fold{number}of3" for number in (1, 2, 3)]


def plan(*overlays: dict[str, Any]) -> Plan:
    values = yaml.safe_load((ROOT / "config.yaml").read_text())
    for overlay in overlays:
        values = merge(values, overlay)
    return Plan.of(values)


def test_a_variant_that_is_told_by_the_describer_waits_for_its_sentences() -> None:
    made = plan({"run": ["ours_man_auto"]})
    assert made.trained == ["describer", "ours_man_man"]
    assert made.read_at_test("ours_man_auto", "trial") == [("describer", "trial")]
    assert made.written == [
        ("ours_man_auto", "trial"),
        ("ours_man_auto", "official"),
        ("describer", "trial"),
        ("describer", "official"),
    ]
    # The describer is not in `run`: it is trained and read, not scored.
    assert made.answered == [("ours_man_auto", "trial"), ("ours_man_auto", "official")]


def test_training_on_descriptions_plans_every_fold_before_it() -> None:
    made = plan({"run": ["reader"], "systems": {"reader": READER}})
    assert made.trained[:4] == ["describer", *FOLDS] and made.trained[-1] == "reader"
    assert made.read_in_training("reader") == [*((fold, "training") for fold in FOLDS), ("describer", "validation")]
    assert {("describer", "trial"), ("describer", "official")} <= set(made.written)


def test_a_student_waits_for_what_its_teacher_reads() -> None:
    student = {"label": "s", "network": "attention", "loss": "st", "teacher": "reader"}
    made = plan({"run": ["student"], "systems": {"reader": READER, "student": student}})
    assert set(FOLDS) < set(made.trained)
    assert made.trained.index("reader") < made.trained.index("student")
    assert made.read_in_training("student") == made.read_in_training("reader")


def test_only_what_is_scored_against_the_same_is_compared() -> None:
    made = plan()
    assert made.compared_with("ours_man_auto", "trial") and not made.compared_with("describer", "trial")
    assert made.references("describer", "trial") == "trial.summary"
    assert made.score_options("describer") == "--task describe" and made.score_options("st") == ""
    assert set(made.tables) == {"table1", "table2", "table3", "descriptions_trial", "descriptions_official"}


@pytest.mark.parametrize("system", ["describer", "ours_man_auto"])
def test_text_alone_cannot_be_described(system: str, tmp_path: Path) -> None:
    for key in ("training", "trial"):
        (tmp_path / f"{key}.json").write_text("{}")
    dialogs = {key: str(tmp_path / f"{key}.json") for key in ("training", "trial")}
    overlay = yaml.safe_load((ROOT / "configs" / "avsd-text.yaml").read_text())
    overlay["dialogs"] = dialogs
    with pytest.raises(UserError, match=r"videos: not set; .*\(describer is about videos, and text alone is none\)"):
        plan(overlay, {"run": [system]})
