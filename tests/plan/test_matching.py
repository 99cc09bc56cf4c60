"""Systems that compare sentences with videos are planned beside the default run, and change nothing of it."""

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


def default(*files: str, **changes: Any) -> Plan:
    layers = [yaml.safe_load((ROOT / name).read_text()) for name in ("config.yaml", *files)]
    config: dict[str, Any] = {}
    for layer in (*layers, changes):
        config = merge(config, layer)
    return Plan(parse(config))


def test_the_default_run_has_none_of_it() -> None:
    plan, without = default(), default(matching={"distractors": 99}, systems={"chooser": {"choices": 3}})
    assert not {"chooser", "chooser_blind", "retriever", "retriever_without_sound"} & {*plan.trained, *plan.config.run}
    assert plan.report_settings() == without.report_settings()
    assert plan.vocabulary_settings() == without.vocabulary_settings()
    assert plan.tables == without.tables
    assert default(matching={"run": []}).matching is None
    assert plan.distillation is not None and without.distillation is not None
    # The other experiment's page does not depend on it either.
    assert plan.distillation.report_settings() == without.distillation.report_settings()


def test_it_has_nothing_but_its_systems() -> None:
    run = ["chooser", "chooser_blind", "retriever", "retriever_without_sound", "filler", "filler_blind"]
    plan = default(matching={"run": run})
    made = plan.matching
    assert made is not None
    assert made.trained == ["retriever", "chooser", "filler", "filler_blind"]  # the chooser starts from the retriever
    assert made.features == ["i3d_rgb", "i3d_flow", "vggish"]
    tasks = ("choose", "retrieve", "fill")
    assert made.matching_tables == [f"{task}_{test_set}" for test_set in ("trial", "official") for task in tasks]
    layout = plan.layout
    assert made.references_read("chooser", "trial") == [layout.references("trial.candidates")]
    assert made.references_read("retriever", "trial") == []
    assert made.references_read("filler", "trial") == [layout.references("trial.blanks.answer")]
    assert made.system_features("filler_blind") == []
    assert plan.references("retriever", "trial") == "trial.summary"
    assert [made.says(name) for name in ("filler", "retriever", "jst", "describer")] == [False, False, True, True]
    assert json.loads(made.report_settings())["matching"]["distractors"] == 4
    assert "distilled_teacher" not in json.loads(made.report_settings())["systems"]


def test_the_workflows_settings_are_all_that_its_trainings_need() -> None:
    for plan in (default(), default("configs/matching.yaml")):
        for name in ("retriever", "chooser", "filler", "filler_blind"):
            read = load([plan.training_settings(name), plan.machine(name)])
            assert trained_entry(read, name) == trained_entry(plan.config, name)
            assert training_values(read, name) == training_values(plan.config, name)


def test_the_papers_sizes_are_the_networks_defaults() -> None:
    from pipeline.networks.sizes import JSFusionFillSizes, JSFusionSizes

    plan = default("configs/matching.yaml")
    found, paper = plan.config.sizes("retriever"), JSFusionSizes(standardise=True)
    assert found == paper
    assert plan.config.sizes("filler") == JSFusionFillSizes(standardise=True)
    filling = plan.config.training_of("filler")
    assert (filling.batch_by, filling.batch_turns, filling.l2) == ("turn", 32, 0.0005)
    settings = plan.config.training_of("retriever")
    assert (settings.margin, settings.l2, plan.config.systems["retriever"].choices) == (10, 0.0005, 10)  # type: ignore[attr-defined]


def test_words_that_are_not_counted_are_named() -> None:
    plan = default(systems={"retriever": {"query": "caption"}})
    with pytest.raises(UserError, match=r"matching\.run: words of caption are not counted"):
        plan.checked_matching()
    default(systems={"retriever": {"query": "dialog"}}).checked_matching()
