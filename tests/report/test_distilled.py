"""The distilled captioner's tables of a run: means over seeds, seconds of all features, gains by hand; the page."""

import csv
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.config import Config, parse
from pipeline.errors import UserError
from pipeline.features.seconds import COLUMNS
from pipeline.files import write_json, write_text
from pipeline.layout import Layout
from pipeline.plan.distillation import experiment
from pipeline.report.distilled import distillation_tables, write_distillation
from pipeline.report.rows import FigureTable

METRICS = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr")
LEVELS = {"teacher": 0.5, "rep_20": 0.3, "adaptor_20": 0.2, "rep_ce_20": 0.48, "tuned_20": 0.46, "control_20": 0.4}
"""All metrics of a system's first seed: SCORE without SPICE is the same number."""
SECOND = {"teacher": 0.6, "rep_20": 0.35, "adaptor_20": 0.2, "rep_ce_20": 0.54, "tuned_20": 0.56, "control_20": 0.4}
SECONDS = {"frames": 8.0, "vggish": 2.0, "frames_20": 2.0, "vggish_20": 0.5}
"""Of a shard of four videos."""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Two seeds, one rate, scored and timed; the second seed of the control is not scored yet."""
    made = experiment(
        parse(
            {
                "results": str(tmp_path),
                "corpus": {"shards": 1},
                "features": {"frames": {"network": "image"}, "vggish": {"network": "vggish"}},
                "networks": {"captioner": {"width": 8}},
                "distillation": {
                    "features": {"frames": "downsample", "vggish": "spectral"},
                    "rates": [0.2],
                    "seeds": 2,
                },
            }
        )
    )
    layout = Layout(tmp_path)
    for end, levels in (("", LEVELS), ("_s2", SECOND)):
        for name, level in levels.items():
            if (name, end) != ("control_20", "_s2"):
                write_json(layout.scores(f"distilled_{name}{end}", "trial"), scores(level))
    for name, seconds in SECONDS.items():
        write_text(layout.extraction_seconds(name, "0000"), "\t".join(COLUMNS) + f"\n4\t{seconds}\tcpu (2 cores)\t1\n")
    return made


def scores(level: float) -> dict[str, object]:
    signature = {"filter": "dstc7", "filtered": "hypotheses", "references": "1", "items": 4}
    return {"metrics": dict.fromkeys(METRICS, level), "grounded": None, "signature": signature}


def of(table: FigureTable, name: str) -> Mapping[str, float | None]:
    found = next(row.run for row in table.rows if row.system == f"distilled_{name}")
    assert found is not None
    return found


def test_scores_are_means_over_seeds_beside_the_papers_rows(config: Config) -> None:
    table, _, _ = distillation_tables(config)
    assert of(table, "teacher")["SCORE without SPICE"] == pytest.approx(0.55)
    assert of(table, "rep_ce_20")["Diff without SPICE"] == pytest.approx((0.55 - 0.51) / 0.55)
    beside = {row.system: row.row for row in table.rows if row.system is not None}
    assert beside == {
        "distilled_teacher": "teacher",
        "distilled_rep_20": "rep_0.2",
        "distilled_adaptor_20": "rep_0.2",
        "distilled_rep_ce_20": "rep_ce_0.2",
        "distilled_tuned_20": None,
        "distilled_control_20": None,
    }
    assert any("trial set, filter dstc7" in note and "4 videos" in note for note in table.notes)


def test_seconds_are_those_of_all_features(config: Config) -> None:
    _, table, _ = distillation_tables(config)
    rows = {row.row: row.run for row in table.rows if row.run is not None}
    assert rows == {
        "teacher": {"seconds a video": 2.5, "saved (%)": 0.0},
        "0.2": {"seconds a video": 0.625, "saved (%)": 75.0},
    }
    assert any("cpu (2 cores), 1 threads a job; mean over 4 videos" in note for note in table.notes)


def test_a_feature_without_times_leaves_its_row_open(config: Config) -> None:
    Layout(config.results).extraction_seconds("vggish", "0000").unlink()
    _, table, _ = distillation_tables(config)
    assert {row.row: row.status for row in table.rows}["teacher"] == "not timed"


def test_gains_are_of_the_same_seed(config: Config) -> None:
    _, _, table = distillation_tables(config)
    found = of(table, "rep_ce_20")
    assert found["SCORE"] == pytest.approx(0.51)
    assert found["± SCORE"] == pytest.approx(0.0424264)  # Of 0.48 and 0.54: 0.03 sqrt 2.
    assert found["Diff (%)"] == pytest.approx((4 + 10) / 2)  # 0.02 of 0.5 and 0.06 of 0.6.
    assert found["± Diff (%)"] == pytest.approx(4.242641)
    assert found["less L_CE alone from the teacher's weights"] == pytest.approx(0.0)  # 0.02 and -0.02.
    assert (found["less L_CE alone"], found["± less L_CE alone"]) == (pytest.approx(0.08), None)
    assert "less L_CE alone" not in of(table, "control_20")
    assert of(table, "teacher")["Diff (%)"] == 0
    assert table.title == "What distillation gains, by SCORE without SPICE"
    assert table.notes[0].startswith("Seeds: 1, 2.")


def test_a_seed_that_is_not_scored_does_not_shift_the_others(config: Config) -> None:
    Layout(config.results).scores("distilled_teacher", "trial").unlink()
    found = of(distillation_tables(config)[2], "rep_ce_20")
    assert (found["Diff (%)"], found["± Diff (%)"]) == (pytest.approx(10), None)


def test_files_and_the_page(config: Config) -> None:
    write_distillation(config)
    layout = Layout(config.results)
    names = {f"distillation_{name}.{end}" for name in ("scores", "times", "gains") for end in ("md", "csv", "tex")}
    assert {path.name for path in layout.tables.iterdir()} == names
    with (layout.tables / "distillation_gains.csv").open() as file:
        assert next(csv.DictReader(file))["system"] == "distilled_teacher"
    page = layout.distillation.read_text()
    assert all(
        text in page for text in ("L_rep + L_CE, k = 0.2", "Table II.", "paper 13.28", "What distillation gains")
    )


def test_before_anything_is_scored(config: Config) -> None:
    for path in (config.results / "scores").rglob("*.json"):
        path.unlink()
    assert {row.status for row in distillation_tables(config)[2].rows} == {"not scored"}


def test_without_the_section_it_says_so() -> None:
    with pytest.raises(UserError, match="distillation: not in the configuration"):
        experiment(parse({}))


def test_rates_that_the_paper_does_not_have_stand_behind_its_rows(config: Config) -> None:
    other = experiment(parse({**config.model_dump(include={"results", "corpus", "features"}), "distillation": {
        "features": {"frames": "downsample", "vggish": "spectral"}, "rates": [0.5],
    }}))  # fmt: skip
    for name in LEVELS:
        write_json(Layout(config.results).scores(f"distilled_{name.replace('20', '50')}", "trial"), scores(0.5))
    table, times, _ = distillation_tables(other)
    assert next(row.system for row in table.rows if row.row is None) == "distilled_rep_50"
    assert [(row.row, row.system) for row in times.rows if row.system] == [
        ("teacher", "distilled_teacher"), (None, "distilled_rep_50"),
    ]  # fmt: skip
