import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.report.paper import ROWS
from pipeline.report.results import descriptions, display_names
from pipeline.report.tables import SCENES_NOTE, write_tables
from pipeline.scoring.names import METRICS
from pipeline.texts import read_json

Configure = Callable[..., Config]

GOLDEN_TABLE_3 = """\
**Table 3.** Official test set, six references an answer

| System | desc. train | desc. test |  | BLEU-1 | BLEU-2 | BLEU-3 | BLEU-4 | METEOR | ROUGE-L | CIDEr |
|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|
| AVSD baseline | - | - | this run | 0.270 ±0.020 | 0.270 ±0.020 | 0.270 ±0.020 | 0.270 ±0.020 | 0.270 ±0.020 | 0.270 ±0.020 | 0.540 ±0.020 |
|  |  |  | paper | 0.621 | 0.480 | 0.379 | 0.305 | 0.217 | 0.481 | 0.733 |
|  |  |  | difference | -0.351 | -0.210 | -0.109 | -0.035 | +0.053 | -0.211 | -0.193 |
| AVSD best system | man. | man. | this run | not yet there |  |  |  |  |  |  |
|  |  |  | paper | 0.718 | 0.584 | 0.478 | 0.394 | 0.267 | 0.563 | 1.094 |
| + How2 data | man. | man. | this run | not yet there |  |  |  |  |  |  |
|  |  |  | paper | 0.723 | 0.586 | 0.476 | 0.387 | 0.266 | 0.564 | 1.087 |
| Our system | man. | man. | this run | not run |  |  |  |  |  |  |
|  |  |  | paper | 0.727 | 0.593 | 0.488 | 0.405 | 0.273 | 0.566 | 1.118 |
| Our system | man. | - | this run | not scored |  |  |  |  |  |  |
|  |  |  | paper | - | - | - | - | - | - | - |
| Our system | - | - | this run | not run |  |  |  |  |  |  |
|  |  |  | paper | 0.675 | 0.543 | 0.446 | 0.371 | 0.248 | 0.527 | 0.966 |
| Student-teacher L_ST | man. | - | this run | not run |  |  |  |  |  |  |
|  |  |  | paper | 0.686 | 0.556 | 0.457 | 0.380 | 0.254 | 0.535 | 0.995 |
| Student-teacher L_JST | man. | - | this run | not run |  |  |  |  |  |  |
|  |  |  | paper | 0.686 | 0.557 | 0.458 | 0.382 | 0.254 | 0.537 | 1.005 |
"""  # noqa: E501


@pytest.fixture
def own_files(run: Config, configure: Configure) -> Config:
    """The made-up run on the user's own files, with two systems, one of them not scored on the official set."""
    layout = Layout(run.results)
    layout.scores("blind", "official").unlink()
    return configure(run.results, run=["baseline", "blind"], corpus={"source": "files"})


def test_golden_markdown_with_differences(own_files: Config) -> None:
    write_tables(own_files)
    table, notes = (Layout(own_files.results).tables / "table3.md").read_text(encoding="utf-8").split("\n\nThis run: ")
    assert table + "\n" == GOLDEN_TABLE_3
    assert notes.startswith("filter dstc7 on hypotheses; 6 references an answer; 10 answers.  \n")
    assert "generated scenes" not in notes


def test_on_scenes_the_note_says_so_and_no_difference_is_given(run: Config) -> None:
    write_tables(run)
    for number in (2, 3):
        text = (Layout(run.results).tables / f"table{number}.md").read_text(encoding="utf-8")
        assert SCENES_NOTE in text
        assert "| difference |" not in text
        assert "| paper |" in text


def test_csv_has_every_figure(own_files: Config) -> None:
    write_tables(own_files)
    with (Layout(own_files.results).tables / "table2.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    assert list(rows) == list(ROWS)
    line = rows["baseline"]
    assert [line[name] for name in ("system", "filter", "references", "items")] == ["baseline", "dstc7", "1", "30"]
    cider = [line[f"CIDEr{kind}"] for kind in ("", "_low", "_high", "_paper", "_difference")]
    assert [float(value) for value in cider] == pytest.approx([0.54, 0.53, 0.57, 0.766, -0.226])
    assert (rows["jst"]["status"], rows["jst"]["CIDEr"], rows["jst"]["CIDEr_paper"]) == ("not run", "", "1.148")
    assert rows["best"]["status"] == "not yet there"


def test_what_differs_from_the_system_compared_with_has_a_mark(run: Config) -> None:
    write_tables(run)
    folder = Layout(run.results).tables
    text = (folder / "table2.md").read_text(encoding="utf-8")
    marked = [line for line in text.splitlines() if line.startswith("|") and "*" in line]
    assert len(marked) == 1 and marked[0].startswith("| Student-teacher L_ST |")
    assert marked[0].count("*") == 1 and marked[0].endswith(r"| 1.100\* ±0.020 |")
    assert r"\* differs from Our system (-/-) (p &lt; 0.05; paired approximate randomisation of videos, 1,000" in text
    assert "1.100* $\\pm$0.020" in (folder / "table2.tex").read_text(encoding="utf-8")
    with (folder / "table2.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    assert (rows["st"]["CIDEr_against"], rows["st"]["CIDEr_p"], rows["st"]["METEOR_p"]) == ("0.2", "0.01", "0.4")
    assert (rows["baseline"]["CIDEr_against"], rows["baseline"]["CIDEr_p"]) == ("", "")


def test_latex_is_escaped_and_closed(run: Config) -> None:
    write_tables(run)
    text = (Layout(run.results).tables / "table2.tex").read_text(encoding="utf-8")
    assert "Student-teacher L\\_ST & man. & - & this run & 0.550 $\\pm$0.020" in text
    body = text[text.index("\\midrule") : text.index("\\bottomrule")].splitlines()[1:]
    assert all(line.count(" & ") == 3 + len(METRICS) and line.endswith(" \\\\") for line in body)


def test_corpus_table(run: Config) -> None:
    write_tables(run)
    text = (Layout(run.results).tables / "table1.md").read_text(encoding="utf-8")
    assert "| training | words | 5,000 | 1,450,754 |" in text
    assert "| official | turns | 2,400 | 13,490 |" in text


def test_a_caption_corpus_counts_its_own_quantities(tmp_path: Path, configure: Configure) -> None:
    counts = {"dialogs": 7, "turns": 0, "words": 0, "captions": 140, "caption_words": 1_300}
    write_json(tmp_path / "corpus/statistics.json", {"training": counts, "test": counts})
    write_tables(configure(tmp_path, run=[], corpus={"source": "captions"}))
    lines = (tmp_path / "tables/table1.md").read_text(encoding="utf-8").splitlines()
    assert lines[4:13] == [
        "| training | videos | 7 | - |",
        "| training | captions | 140 | - |",
        "| training | words | 1,300 | - |",
        "| validation | videos | - | - |",
        "| validation | captions | - | - |",
        "| validation | words | - | - |",
        "| test | videos | 7 | - |",
        "| test | captions | 140 | - |",
        "| test | words | 1,300 | - |",
    ]


def test_nothing_there_yet(tmp_path: Path, configure: Configure) -> None:
    write_tables(configure(tmp_path, run=[]))
    text = (tmp_path / "tables" / "table2.md").read_text(encoding="utf-8")
    assert "| AVSD baseline | - | - | this run | not run |" in text
    assert "no statistics yet" in (tmp_path / "tables" / "table1.md").read_text(encoding="utf-8")


def test_unknown_row_is_named(tmp_path: Path, configure: Configure) -> None:
    systems = {"mine": {"label": "Mine", "row": "jts", "network": "attention"}}
    with pytest.raises(UserError, match=r"systems.mine.row: 'jts' is no row .*jst\)"):
        write_tables(configure(tmp_path, run=["mine"], systems=systems, scoring={}))


def test_different_settings_are_stated_for_each_system(own_files: Config) -> None:
    path = Layout(own_files.results).scores("blind", "trial")
    scores = read_json(path)
    scores["signature"] |= {"filter": "none", "filtered": "nothing", "items": 7, "missing": 23}
    write_json(path, scores)
    write_tables(own_files)
    text = (Layout(own_files.results).tables / "table2.md").read_text(encoding="utf-8")
    assert "This run, baseline: filter dstc7 on hypotheses and references; 1 reference an answer; 30 answers." in text
    assert "This run, blind: filter none on nothing; 1 reference an answer; 7 answers, 23 answers missing." in text


def test_a_student_counts_as_trained_with_its_teachers_description(run: Config) -> None:
    assert descriptions(run, "student") == ("man.", "-")
    assert descriptions(run, "blind") == ("man.", "-")
    assert descriptions(run, "plain") == ("-", "-")
    assert display_names(run)["plain"] == "Our system (-/-)"
    assert display_names(run)["student"] == "Student-teacher L_ST"


@pytest.mark.parametrize("test_set", ["trial", "official"])
def test_the_papers_order_of_systems(test_set: str) -> None:
    order = ["ours_man_man", "jst", "st_context", "st", "ours_none_none", "ours_man_none", "baseline"]
    found = [figures["CIDEr"] for name in order if (figures := ROWS[name].figures(test_set)) is not None]
    assert found == sorted(found, reverse=True)
    assert len(found) == (7 if test_set == "trial" else 5)


def test_seeds_of_a_system_are_one_row(run: Config, configure: Configure) -> None:
    layout = Layout(run.results)
    for name, level in (("student_s2", 0.61), ("student_s3", 0.52)):
        found = read_json(layout.scores("student", "trial"))
        found["metrics"] = dict.fromkeys(METRICS, level)
        write_json(layout.scores(name, "trial"), found)
    systems = {name: system.model_dump(exclude_unset=True) for name, system in run.systems.items()}
    systems["student"]["seeds"] = 4
    config = configure(run.results, systems=systems, corpus={"source": "files"})
    write_tables(config)
    with (layout.tables / "table2.csv").open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["row"] == "st"]
    # Seeds of .55, .61 and .52 (CIDEr of the first 1.1); the fourth is not scored yet.
    assert len(lines) == 1 and lines[0]["seeds"] == "3"
    values = [float(lines[0][f"BLEU-1{kind}"]) for kind in ("", "_deviation", "_difference")]
    assert values == pytest.approx([0.56, 0.0458258, 0.56 - 0.313], abs=1e-6)
    assert float(lines[0]["CIDEr"]) == pytest.approx((1.1 + 0.61 + 0.52) / 3, abs=1e-6)
    assert (lines[0]["BLEU-1_low"], lines[0]["CIDEr_p"]) == ("", "")
    text = (layout.tables / "table2.md").read_text(encoding="utf-8")
    assert "| Student-teacher L_ST | man. | - | this run, 3 seeds | 0.560 ±0.046 |" in text
    assert "± is in other rows half the width of the 95 % interval" in text
    assert "Rows of 3 seeds are their mean, ± their standard deviation on these videos." in text
    # A single one that is scored stands for the system, though it is not the first.
    for name in ("student", "student_s2"):
        layout.scores(name, "trial").unlink()
    write_tables(config)
    text = (layout.tables / "table2.md").read_text(encoding="utf-8")
    assert "| Student-teacher L_ST | man. | - | this run | 0.520 ±0.020 |" in text
