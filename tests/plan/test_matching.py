"""Systems that compare sentences with videos are planned beside the default run, and change nothing of it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import load, merge, parse
from pipeline.config.dependence import answering_entries, trained_entry, training_values
from pipeline.config.starts import Start
from pipeline.errors import UserError
from pipeline.plan import Plan
from pipeline.report.matching_paper import CHOICE, RETRIEVAL

ROOT = Path(__file__).resolve().parents[2]


def default(*files: str, **changes: Any) -> Plan:
    layers = [yaml.safe_load((ROOT / name).read_text()) for name in ("config.yaml", *files)]
    config: dict[str, Any] = {}
    for layer in (*layers, changes):
        config = merge(config, layer)
    return Plan(parse(config))


def test_the_default_run_has_none_of_it() -> None:
    plan, without = default(), default(matching={"distractors": 99}, systems={"chooser": {"choices": 3}})
    own = {*plan.config.matching.run} - {"ours_none_none", "st", "jst", "ours_man_man"}
    assert not own & {*plan.trained, *plan.config.run}
    assert "rescored" not in plan.report_settings()
    assert plan.report_settings() == without.report_settings()
    assert plan.vocabulary_settings() == without.vocabulary_settings()
    assert plan.tables == without.tables
    assert default(matching={"run": []}).matching is None
    assert plan.distillation is not None and without.distillation is not None
    # The other experiment's page does not depend on it either.
    assert plan.distillation.report_settings() == without.distillation.report_settings()


def test_it_has_nothing_but_its_systems() -> None:
    compared = ["chooser", "chooser_blind", "retriever", "retriever_without_sound", "filler", "filler_blind"]
    plan = default(matching={"run": [*compared, "rescored"]})
    made = plan.matching
    assert made is not None
    # The chooser starts from the retriever; the last one's answers are rescored.
    assert made.trained == ["retriever", "chooser", "filler", "filler_blind", "ours_none_none"]
    assert made.features == ["i3d_rgb", "i3d_flow", "vggish"]
    tasks = ("choose", "retrieve", "fill")
    tables = {f"{task}_{test_set}" for test_set in ("trial", "official") for task in tasks}
    assert set(made.matching_tables) == {*tables, "answer_trial"}
    layout = plan.layout
    assert made.references_read("chooser", "trial") == [layout.references("trial.candidates")]
    assert made.references_read("retriever", "trial") == []
    assert made.references_read("filler", "trial") == [layout.references("trial.blanks.answer")]
    assert made.system_features("filler_blind") == []
    assert plan.references("retriever", "trial") == "trial.summary"
    names = ("filler", "retriever", "jst", "describer")
    assert [made.scored_with(name, "paraphrases") for name in names] == [False, False, True, True]
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


def test_ct_sans_heads_read_the_detectors_words_and_their_control_none() -> None:
    plan = default("configs/ct-san.yaml")
    made = plan.matching
    assert made is not None and made.trained[0] == "detector"
    for head in ("chooser", "finder", "filler"):
        entries = [made.config.systems[f"{kind}_{head}"] for kind in ("ct_san", "base_san")]
        assert [entry.shown() is not None for entry in entries] == [True, False]
        assert entries[0].network == entries[1].network
        read = {reading.system for reading in made.read_in_training(f"ct_san_{head}")}
        assert "detector" in read and {f"detector_fold{n}of5" for n in range(1, 6)} < read
    described = default("configs/ct-san.yaml", run=["ct_san_describer", "base_san_describer"])
    assert described.trained[-2:] == ["ct_san_describer", "base_san_describer"]


MAPS = {"network": "i3d_rgb", "pool": "none", "grid": [4, 4]}
TRACED = {"network": "tracing", "features": ["maps"], "sizes": {"grid": [4, 4]}}


@pytest.mark.parametrize(
    ("files", "changes"),
    [
        ([], {}),
        (["configs/ct-san.yaml"], {}),
        (["configs/jsfusion.yaml"], {}),
        (["configs/matching.yaml"], {}),
        # A detector of maps of other cells than the paper's, and one that starts from a network without words.
        ([], {"features": {"maps": MAPS}, "systems": {"detector": TRACED}}),
        (["configs/ct-san.yaml"], {"systems": {"base_san_filler": {"init_from": {"system": "base_san_chooser"}}}}),
    ],
    ids=["default", "ct-san", "jsfusion", "paper", "maps", "started"],
)
def test_what_a_stage_is_given_is_a_configuration_of_its_own(files: list[str], changes: dict[str, Any]) -> None:
    made = default(*files, **changes).matching
    assert made is not None
    for name in made.trained:
        alone = load([made.training_settings(name), made.machine(name)])
        assert trained_entry(alone, name) == trained_entry(made.config, name)
    for name in made.config.run:
        alone = load([made.answer_settings(name), made.machine(name)])
        assert answering_entries(alone, name) == answering_entries(made.config, name)


def test_jsfusions_ablations_are_it_but_for_one_thing() -> None:
    """Labels are those of the paper's rows; trainings, which no file can take from another, are config.yaml's."""
    changed: dict[str, dict[str, Any]] = {
        "LSTM-fusion": {"sizes": {"fusion": "states"}},
        "noBLSTM-JSFusion": {"sizes": {"encoder": "dense"}},
        "LSTM-JSFusion": {"sizes": {"encoder": "lstm"}},
        "JSTmax": {"sizes": {"pooling": "max"}},
        "JSTmean": {"sizes": {"pooling": "mean"}},
        "JSFusion-noattention": {"sizes": {"gates": False}},
        "JSFusion-noaudio": {"features": ("i3d_rgb", "i3d_flow")},
        "JSFusion": {},
    }
    made = default("configs/jsfusion.yaml").matching
    assert made is not None
    entries = made.config.systems
    for task, full in (("retrieve", "retriever"), ("choose", "chooser")):
        rows = {entries[name].label: name for name in made.config.run if entries[name].task == task}
        assert list(rows) == list(changed) and rows["JSFusion"] == full
        assert {*rows} <= {*RETRIEVAL} & {*CHOICE}
        for label, name in rows.items():
            own = {"label": label, **changed[label]}
            own["sizes"] = {**entries[full].sizes, **own.get("sizes", {})}
            if task == "choose" and label != "JSFusion":
                own["init_from"] = Start(system=name.removesuffix("chooser") + "retriever")
                assert made.trained.index(own["init_from"].system) < made.trained.index(name)
            assert entries[name] == entries[full].model_copy(update=own)
            assert made.config.training_of(name) == made.config.training_of(full)
            assert made.config.sizes(name) == made.config.sizes(full).model_copy(update=own["sizes"])
    assert len(made.config.run) == 2 * len(changed) == len(made.trained)
    compared = {f"{task}_{test_set}" for task in ("retrieve", "choose") for test_set in ("trial", "official")}
    assert set(made.matching_tables) == {*compared, *(f"parts_{name}" for name in compared)}


def test_words_that_are_not_counted_are_named() -> None:
    plan = default(systems={"retriever": {"query": "caption"}})
    with pytest.raises(UserError, match=r"matching\.run: words of caption are not counted"):
        plan.checked_matching()
    default(systems={"retriever": {"query": "dialog"}}).checked_matching()


def test_an_entry_that_needs_one_left_out_is_left_out_of_the_reports_settings() -> None:
    """One that nobody runs, but that is rescored by the chooser, which only the other run has."""
    other = {"label": "other", "model": "jst", "rescore": {"system": "chooser_blind"}}
    plan = default(systems={"other": other})
    systems = load([plan.report_settings(), plan.machine()]).systems
    assert "jst" in systems and not systems.keys() & {"other", "chooser", "chooser_blind", "rescored"}
    assert plan.report_settings() == default().report_settings()


def test_what_a_system_beside_the_run_loses_its_model_need_not_have() -> None:
    """As where a configuration of text alone is laid over the default one; what is no input at all is still named."""
    text = {"ours_none_none": {"features": []}}
    plan = default(run=["ours_none_none"], systems=text)
    assert plan.features == []
    with pytest.raises(UserError, match=r"generator_blind\.without: 'smell' is not an input of the model"):
        default(run=["ours_none_none"], systems={**text, "generator_blind": {"without": ["smell"]}})
    with pytest.raises(UserError, match=r"without_vggish\.without: 'vggish' is not an input of the model"):
        default(run=["without_vggish"], systems=text)
