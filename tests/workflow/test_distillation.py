"""`snakemake distillation` on a tiny corpus: planned on request alone, made from nothing, and planned again."""

import csv
import json

import pytest

TINY = [
    "corpus={shards: 1, scenes: {counts: {training: 8, validation: 2, trial: 3, official: 1, captions: 2}}}",
    "vocabulary={min_count: 1}",
    "features={frames: {weights: random, input_size: 32}}",
    "networks={captioner: {width: 8, adaptor_hidden: 8}}",
    "scoring={bootstrap: 20}",
    "device=cpu",
]
SECTION = {"features": {"vggish": None}, "training": {"epochs": 1}}


def section(**changes):
    return f"distillation={json.dumps({**SECTION, **changes})}"


def test_it_is_planned_on_request_alone(tmp_path, workflow):
    made = workflow(tmp_path)
    planned = made.planned("distillation")
    assert planned["train"] == planned["answer"] == planned["score"] == 21
    assert planned["decode"] == planned["extract"] == 10 * 2
    assert planned["distillation"] == planned["imagenet_weights"] == 1
    assert not planned.keys() & {"report", "tables", "pretrain", "kinetics_weights"}
    assert not made.planned().keys() & {"distillation", "imagenet_weights"}


def test_what_it_lacks_is_one_clear_line(tmp_path, workflow):
    done = workflow(tmp_path)("distillation", "--dry-run", config=["run=[]"], check=False)
    assert done.returncode != 0 and "Traceback" not in done.text
    assert "error: distillation.test_set: the run has no test set trial" in done.text


@pytest.fixture(scope="module")
def run(tmp_path_factory, workflow):
    """A finished experiment with students at one rate."""
    made = workflow(tmp_path_factory.mktemp("distillation"), "--config", *TINY)
    type(made)(made.folder, *made.options, section(rates=[0.5]))("distillation")
    return made


@pytest.mark.slow
def test_tables_and_page(run):
    results = run.folder / "results"
    with (results / "tables/distillation_scores.csv").open() as file:
        scores = {row["system"]: row for row in csv.DictReader(file) if row["system"]}
    names = {f"distilled_{kind}_50" for kind in ("rep", "adaptor", "rep_ce", "tuned", "control")}
    assert set(scores) == {"distilled_teacher", *names}
    assert all(row["SCORE without SPICE"] and not row["status"] for row in scores.values())
    with (results / "tables/distillation_times.csv").open() as file:
        times = [float(row["seconds a video"]) for row in csv.DictReader(file) if row["system"]]
    assert len(times) == 2 and min(times) > 0
    assert "L_rep + L_CE, k = 0.5" in (results / "distillation.html").read_text()
    assert not (results / "report.html").exists()


@pytest.mark.slow
def test_what_a_change_plans(run):
    def planned(**changes):
        return type(run)(run.folder, *run.options, section(**changes)).planned("distillation")

    assert planned(rates=[0.5]) == {}
    more = planned(rates=[0.5, 0.25])
    assert (more["extract"], more["train"], more["score"], more["distillation"]) == (1, 5, 5, 1)
    assert "scenes" not in more
    again = planned(rates=[0.5], seeds=2)
    assert again["train"] == 6 and "extract" not in again
