"""Systems that describe videos, in tables and on the page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import Config
from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.corpus.references import write_references
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.report.measures import accuracy_sections, lengths_section
from pipeline.report.page import write_report
from pipeline.report.tables import write_tables

Configure = Callable[..., Config]
DESCRIBER = {"label": "Describer", "task": "describe", "network": "attention", "features": ["i3d_rgb"]}
METRICS = dict.fromkeys(("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr"), 0.25)


def scores(**changes: Any) -> dict[str, Any]:
    signature = {"filter": "dstc7", "filtered": "both", "references": "1", "items": 2, "missing": 0}
    plain = {"metrics": METRICS, "intervals": {}, "against": None, "items": {}, "signature": signature}
    return {**plain, "grounded": None, "lengths": {"hypotheses": 4.0, "references": 6.0}, **changes}


@pytest.fixture
def described(tmp_path: Path, configure: Configure) -> Config:
    """A describer that was scored on the trial set of scenes, and another one that was not."""
    systems = {"d": DESCRIBER, "e": {**DESCRIBER, "label": "Other", "test_sets": ["trial"]}}
    config = configure(tmp_path, run=["d", "e"], systems=systems, scoring={}, report={"explain": None})
    layout = Layout(tmp_path)
    write_dialogs(layout.dialogs("trial"), [Dialog("v1", "", "a red star .", (Turn("what ?", "a star"),))])
    sentences = {"v1": "one red star .", "v2": "a square ."}
    write_json(layout.answers("d", "trial"), {"type": "video_descriptions", "descriptions": sentences})
    grounded = {"picture": {"right": 6, "of": 8, "base_rate": 0.3}, "sound": {"right": 1, "of": 4, "base_rate": 0.4}}
    write_json(layout.scores("d", "trial"), scores(grounded=grounded))
    return config


def test_a_row_a_system_and_the_base_rates(described: Config) -> None:
    write_tables(described)
    lines = (Layout(described.results).tables / "descriptions_trial.md").read_text(encoding="utf-8").splitlines()
    figures = " | ".join(["0.250"] * 7)
    assert lines[4] == f"| Describer | this run | {figures} | 75.0 | 25.0 |"
    assert lines[5].startswith("| Other | this run | not scored |")
    assert lines[6] == "| most frequent values | this run | " + "- | " * 7 + "30.0 | 40.0 |"


def test_facts_that_are_stated_are_no_answers_to_questions(described: Config) -> None:
    assert accuracy_sections(described) == [] and lengths_section(described) == []


def test_a_corpus_of_captions_has_no_tables_of_the_paper(tmp_path: Path, configure: Configure) -> None:
    captioner = {**DESCRIBER, "target": "captions"}
    config = configure(
        tmp_path,
        run=["d"],
        systems={"d": captioner},
        corpus={"source": "captions"},
        scoring={},
        report={"explain": None},
    )
    layout = Layout(tmp_path)
    write_dialogs(layout.dialogs("test"), [Dialog("v1", "", "", (), ("a red star", "one star"))])
    write_json(layout.answers("d", "test"), {"v1": "a star"})
    write_references(layout.references("test.captions"), {("v1", 0): ["a red star", "one star"]})
    write_json(layout.scores("d", "test"), scores())
    write_tables(config)
    assert sorted(path.name for path in layout.tables.glob("*.md")) == ["descriptions_test.md", "table1.md"]
    write_report(config)
    page = layout.report.read_text(encoding="utf-8")
    assert "one star" in page and "a star" in page and "AVSD baseline" not in page and "has no summary" not in page
