"""Descriptions in tables and report: whose they are, what they scored, what they say."""

import csv
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import Config
from pipeline.corpus.dialogs import Dialog, write_dialogs
from pipeline.corpus.references import write_references
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.report.page import write_report
from pipeline.report.results import descriptions
from pipeline.report.tables import write_tables
from pipeline.scoring.names import METRICS
from pipeline.texts import read_json

DESCRIBER: dict[str, Any] = {"label": "Describer", "task": "describe", "network": "attention", "features": ["i3d_rgb"]}


def reader(train: Any, test: Any) -> dict[str, Any]:
    return {"label": "Reader", "network": "attention", "description": {"train": train, "test": test}}


@pytest.fixture
def described(run: Config, configure: Any) -> Config:
    """The made-up run with a describer beside it, scored on the trial set."""
    systems = {name: system.model_dump(exclude={"seeds"}) for name, system in run.systems.items()}
    config: Config = configure(
        run.results,
        run=[*run.run, "describer"],
        systems={**systems, "describer": {**DESCRIBER, "test_sets": ["trial"]}},
    )
    layout = Layout(config.results)
    scores = read_json(layout.scores("plain", "trial"))
    part = {"right": 30, "of": 40, "base_rate": 0.25, "kinds": {}}
    write_json(layout.scores("describer", "trial"), {**scores, "grounded": {"picture": part}})
    videos = {f"trial{number}": f"a figure , number {number} ." for number in range(10)}
    write_json(layout.answers("describer", "trial"), {"type": "video_descriptions", "descriptions": videos})
    write_references(layout.references("trial.summary"), {(video, 0): ["<i>a figure</i>"] for video in videos})
    return config


@pytest.mark.parametrize(
    ("train", "test", "columns"),
    [
        ("summary", {"system": "describer"}, ("man.", "auto")),
        ({"system": "describer", "folds": 2}, {"system": "describer"}, ("auto", "auto")),
        ({"system": "describer", "in_sample": True}, "none", ("auto, in sample", "-")),
    ],
)
def test_whose_descriptions_a_system_reads(
    configure: Any, tmp_path: Path, train: Any, test: Any, columns: tuple[str, str]
) -> None:
    systems = {"describer": DESCRIBER, "reader": reader(train, test)}
    config = configure(tmp_path, run=["reader"], systems=systems, scoring={})
    assert descriptions(config, "reader") == columns


def test_the_table_has_scores_and_true_facts_beside_chance(described: Config) -> None:
    write_tables(described)
    folder = Layout(described.results).tables
    with (folder / "descriptions_trial.csv").open(newline="") as file:
        describer, chance = csv.DictReader(file)
    assert (describer["system"], describer["label"]) == ("describer", "Describer")
    assert float(describer["CIDEr"]) == pytest.approx(2 * 0.45)
    assert (float(describer["picture (%)"]), float(chance["picture (%)"])) == (75.0, 25.0)
    assert "Descriptions of the trial videos" in (folder / "descriptions_trial.md").read_text(encoding="utf-8")
    assert "Table  of" not in (folder / "descriptions_trial.tex").read_text(encoding="utf-8")
    assert not (folder / "descriptions_official.md").exists()
    # It is no row of Tables 2 and 3, and no line of what answers are measured by.
    assert "Describer" not in (folder / "table2.md").read_text(encoding="utf-8")


def test_the_page_shows_sentences_beside_what_people_wrote(described: Config) -> None:
    write_report(described)
    text = Layout(described.results).report.read_text(encoding="utf-8")
    section = text[text.index('<section id="descriptions">') :]
    section = section[: section.index("</section>")]
    assert "&lt;i&gt;a figure&lt;/i&gt;" in section and "<i>a figure" not in section
    assert section.count("<dd>a figure , number") == 5
    assert 'href="#descriptions"' in text


def test_a_run_without_a_describer_has_no_such_section(run: Config) -> None:
    write_report(run)
    assert "descriptions" not in Layout(run.results).report.read_text(encoding="utf-8").split("<main>")[0]


def test_a_corpus_of_captions_has_no_tables_of_the_paper(tmp_path: Path, configure: Any) -> None:
    captioner = {**DESCRIBER, "target": "captions"}
    config = configure(tmp_path, run=["d"], systems={"d": captioner}, corpus={"source": "captions"}, scoring={})
    layout = Layout(tmp_path)
    write_dialogs(layout.dialogs("test"), [Dialog("v1", "", "", (), ("a red star", "one star"))])
    write_json(layout.answers("d", "test"), {"v1": "a star"})
    write_references(layout.references("test.captions"), {("v1", 0): ["a red star", "one star"]})
    signature = {"filter": "none", "filtered": "nothing", "references": "2", "items": 1, "missing": 0}
    metrics = dict.fromkeys(METRICS, 0.25)
    plain = {"metrics": metrics, "intervals": {}, "against": None, "items": {}, "signature": signature}
    write_json(layout.scores("d", "test"), {**plain, "grounded": None, "lengths": {"hypotheses": 2, "references": 2.5}})
    write_tables(config)
    assert sorted(path.name for path in layout.tables.glob("*.md")) == ["descriptions_test.md", "table1.md"]
    write_report(config)
    page = layout.report.read_text(encoding="utf-8")
    assert "one star" in page and "a star" in page and "AVSD baseline" not in page and "has no summary" not in page
