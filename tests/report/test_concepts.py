"""Tables of detected words, and of systems that answer with them and without; the page's words."""

from pathlib import Path

import pytest

from pipeline.config import Config, parse
from pipeline.corpus.references import write_references
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.plan.matching import beside
from pipeline.report.matching import matching_tables, write_matching
from pipeline.scoring.names import METRICS
from pipeline.scoring.request import Request
from pipeline.tasks.registry import TASKS

SEES = {"network": "attention", "features": ["i3d_rgb"], "test_sets": ["trial"]}
CLASSES = {"car": "noun", "man": "noun", "red": "adjective"}


def answered(folder: Path, cider: float, right: int, p: float | None) -> None:
    scores = {
        "metrics": {**dict.fromkeys(METRICS, 0.5), "CIDEr": cider},
        "intervals": {},
        "against": None if p is None else {"metrics": {"CIDEr": {"difference": 0.25, "p": p}}},
        "grounded": {
            "sound": {"right": right, "of": 10, "base_rate": 0.3},
            "motion": {"right": 15, "of": 30, "base_rate": 0.4},
        },
    }
    write_json(folder, scores)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    systems = {
        "detector": {
            "label": "Words", "task": "detect", "network": "temporal", "features": ["i3d_rgb"], "k": 2,
            "test_sets": ["trial"],
        },
        "plain": {"label": "Plain", **SEES},
        "shown": {"label": "Shown <b>", **SEES, "concepts": {"system": "detector", "k": 2, "in_sample": True}},
        "late": {"label": "Late", **SEES},
    }  # fmt: skip
    features = {"i3d_rgb": {"network": "i3d_rgb"}}
    config = parse(
        {"results": str(tmp_path), "features": features, "systems": systems, "matching": {"run": list(systems)}}
    )
    layout = Layout(tmp_path)
    content = {
        "type": "video_concepts",
        "k": 2,
        "tagger": "lists",
        "vocabulary": [{"word": word, "word_class": each} for word, each in CLASSES.items()],
        "concepts": {"a": [["red", 0.9], ["man", 0.4]], "b": [["man", 0.7], ["car", 0.2]]},
    }
    write_json(layout.answers("detector", "trial"), content)
    references, out = layout.references("trial.summary"), layout.scores("detector", "trial")
    write_references(references, {("a", 0): ["a <red> red car"], ("b", 0): ["a man"]})
    TASKS["detect"].score(Request([layout.answers("detector", "trial")], references, "none", None, 10, False, [out]))
    answered(layout.scores("plain", "trial"), 1.0, 5, None)
    answered(layout.scores("shown", "trial"), 1.25, 9, 0.01)
    return beside(config)


def test_the_tables(config: Config) -> None:
    detected, both = matching_tables(config)
    assert (detected.name, both.name) == ("matching_detect_trial", "matching_concepts_trial")
    figures = {row.label: row.run or {} for row in detected.rows}
    # Red of a and man of b, of four written, of three true.
    assert figures["Words"]["precision"] == pytest.approx(2 / 4)
    assert figures["Words"]["recall"] == pytest.approx(2 / 3)
    # Car and man for both: car of a, man of b.
    assert figures["most frequent words"]["precision"] == pytest.approx(2 / 4)
    assert figures["Words"]["F1, adjectives"] == 1 and figures["most frequent words"]["F1, adjectives"] == 0
    assert any("2 words of each of 2 videos, of 3 concept words (classes by lists)" in note for note in detected.notes)

    answers = {row.label: row for row in both.rows}
    assert [row.label for row in both.rows] == ["Plain", "Shown <b>", "Late", "most frequent values"]
    shown, base = answers["Shown <b>"].run, answers["most frequent values"].run
    assert shown is not None and base is not None
    assert shown["CIDEr"] == 1.25
    assert shown["right (%)"] == pytest.approx(100 * 24 / 40)
    assert shown["sound (%)"] == pytest.approx(90)
    assert base["right (%)"] == pytest.approx(100 * (3 + 12) / 40)
    assert (answers["Late"].run, answers["Late"].status) == (None, "not scored")
    assert "Shown <b>: 2 words of detector as a modality." in both.notes
    assert any("+0.250 (p = 0.010)" in note for note in both.notes)


def test_the_page(config: Config) -> None:
    write_matching(config)
    layout = Layout(config.results)
    page = layout.matching.read_text()
    assert "<b>red</b>, man" in page  # in bold what people wrote, of video a
    assert "a &lt;red&gt; red car" in page and "Shown &lt;b&gt;" in page
    for name in ("detect", "concepts"):
        assert (layout.tables / f"matching_{name}_trial.md").is_file()
