"""Tables I and II of the distilled captioner: figures by hand, the paper's beside them, and in every format."""

import csv
import doctest
import io
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.report import distillation_paper, rows
from pipeline.report.distillation import Scored, Timed, score_table, time_table
from pipeline.report.distillation_paper import RATES, TIMES, TRIALS, student
from pipeline.report.experiment import section, write_figure_tables
from pipeline.report.rows import FigureTable

BLEU = {"BLEU-1": 0.8, "BLEU-2": 0.6, "BLEU-3": 0.4, "BLEU-4": 0.2}
TEACHER = {**BLEU, "METEOR": 0.3, "ROUGE-L": 0.6, "CIDEr": 1.0, "SPICE": 0.1}
STUDENT = {**BLEU, "METEOR": 0.25, "ROUGE-L": 0.55, "CIDEr": 0.8, "SPICE": 0.05}


def without_spice(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name != "SPICE"}


def scores(taught: dict[str, float] = TEACHER, learned: dict[str, float] = STUDENT) -> FigureTable:
    return score_table(
        [
            Scored("few", "Student_few & more", learned, "rep_ce_0.4"),
            Scored("seer", "Teacher", taught, "teacher"),
            Scored("lone", "Reduced, L_CE alone", learned),
            Scored("late", "L_rep", None, "rep_0.8"),
        ],
        ["Test set of scenes."],
    )


def times() -> FigureTable:
    return time_table([
        Timed("seer", "Teacher", 0.5, "teacher"), Timed("few", "k = 0.4", 0.2, "0.4"), Timed("half", "k = 0.5", 0.26),
    ])  # fmt: skip


def of(table: FigureTable, system: str) -> rows.FigureRow:
    return next(row for row in table.rows if row.system == system)


@pytest.mark.parametrize("module", [distillation_paper, rows])
def test_the_examples(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert (result.failed, result.attempted > 0) == (0, True)


def test_every_student_of_the_paper_has_a_row() -> None:
    assert list(TRIALS) == [*(student(loss, rate) for loss in ("rep", "rep_ce") for rate in RATES), "teacher"]
    assert list(TIMES) == [*(f"{rate:g}" for rate in RATES), "teacher"]


def test_score_and_diff_by_hand() -> None:
    table = scores()
    taught, few = of(table, "seer").run, of(table, "few").run
    assert taught is not None and few is not None
    assert taught["SCORE"] == pytest.approx((0.5 + 1.0 + 0.3 + 0.6 + 0.1) / 5)
    assert few["SCORE"] == pytest.approx((0.5 + 0.8 + 0.25 + 0.55 + 0.05) / 5)
    assert few["Diff"] == pytest.approx((0.5 - 0.43) / 0.5)
    assert few["SCORE without SPICE"] == pytest.approx((0.5 + 0.8 + 0.25 + 0.55) / 4)
    assert few["Diff without SPICE"] == pytest.approx((0.6 - 0.525) / 0.6)
    assert (taught["Diff"], taught["Diff without SPICE"]) == (0, 0)
    assert of(table, "lone").run == few


def test_the_papers_figures_are_as_printed() -> None:
    row = next(row for row in scores().rows if row.row == "rep_0.4")
    assert row.paper is not None
    assert (row.status, row.label) == ("not run", "L_rep, k = 0.4")
    assert (row.paper["SCORE"], row.paper["Diff"], row.paper["SPICE"]) == (0.306, 0.168, 0.043)
    own = (0.715 + 0.546 + 0.411 + 0.294) / 4 + 0.223 + 0.234 + 0.539
    taught = (0.760 + 0.612 + 0.473 + 0.352) / 4 + 0.397 + 0.254 + 0.583
    assert row.paper["SCORE without SPICE"] == pytest.approx(own / 4)
    assert row.paper["Diff without SPICE"] == pytest.approx((taught - own) / taught)


def test_without_spice_only_what_can_be_compared_is_there() -> None:
    table = scores(without_spice(TEACHER), without_spice(STUDENT))
    few = of(table, "few").run
    assert few is not None
    assert (few["SPICE"], few.get("SCORE"), few.get("Diff")) == (None, None, None)
    assert few["Diff without SPICE"] == pytest.approx((0.6 - 0.525) / 0.6)
    assert any("SPICE was not measured" in note for note in table.notes)
    assert not any("SPICE was not measured" in note for note in scores().notes)
    mixed = of(scores(without_spice(TEACHER)), "few").run
    assert mixed is not None
    assert mixed["SCORE"] == pytest.approx(0.43)
    assert mixed.get("Diff") is None


def test_rows_stand_in_the_papers_order_and_further_ones_behind() -> None:
    table = scores()
    assert [row.row for row in table.rows] == [*TRIALS, None]
    assert [(row.system, row.status) for row in table.rows if row.system is not None] == [
        ("late", "not scored"), ("few", ""), ("seer", ""), ("lone", ""),
    ]  # fmt: skip
    assert [row.system for row in time_table([Timed("a", "a", 1.0, "0.4"), Timed("b", "b", 2.0, "0.4")]).rows] == [
        None, "a", "b", None, None, None,
    ]  # fmt: skip


def test_without_a_teacher_there_is_no_diff() -> None:
    few = of(score_table([Scored("few", "few", STUDENT, "rep_0.2")]), "few").run
    assert few is not None
    assert (few.get("Diff"), few.get("Diff without SPICE")) == (None, None)
    timed = of(time_table([Timed("few", "few", 0.2, "0.2")]), "few").run
    assert timed == {"seconds a video": 0.2, "saved (%)": None}


def test_times_by_hand() -> None:
    table = times()
    found = {row.system: row.run for row in table.rows if row.system}
    assert found["few"] == {"seconds a video": 0.2, "saved (%)": pytest.approx(60)}
    assert found["half"] == {"seconds a video": 0.26, "saved (%)": pytest.approx(48)}
    assert [row.paper["seconds a video"] for row in table.rows if row.paper] == [2.77, 5.65, 8.31, 11.03, 13.28]


def test_a_row_that_the_paper_does_not_have_is_named() -> None:
    with pytest.raises(ValueError, match=r"^few: 'rep_0\.5' is no row of the distilled captioner's table \(rep_0\.2, "):
        score_table([Scored("few", "few", STUDENT, "rep_0.5")])


GOLDEN_TIMES = """\
**Table II.** Time of feature extraction, mean over videos

| System |  | seconds a video | saved (%) |
|---|---|---:|---:|
| Student, k = 0.2 | this run | not run |  |
|  | paper | 2.77 | 79.1 |
| k = 0.4 | this run | 0.2 | 60.0 |
|  | paper | 5.65 | 57.4 |
| Student, k = 0.6 | this run | not run |  |
|  | paper | 8.31 | 37.4 |
| Student, k = 0.8 | this run | not run |  |
|  | paper | 11.03 | 16.9 |
| Teacher | this run | 0.5 | 0.0 |
|  | paper | 13.28 | 0.0 |
| k = 0.5 | this run | 0.26 | 48.0 |

The paper does not name its device.  
"""  # noqa: W291


def test_files_of_every_format(tmp_path: Path) -> None:
    write_figure_tables(tmp_path, [scores(), times()], "distillation_")
    kinds = [f"distillation_{name}.{suffix}" for name in ("scores", "times") for suffix in ("csv", "md", "tex")]
    assert sorted(path.name for path in tmp_path.iterdir()) == kinds
    assert (tmp_path / "distillation_times.md").read_text() == GOLDEN_TIMES
    text = (tmp_path / "distillation_scores.md").read_text()
    assert "| Student_few &amp; more | this run | 0.800 | 0.600 | 0.400 | 0.200 | 0.800 | 0.250 | 0.550 |" in text
    assert "| Reduced, L_CE alone | this run | 0.800 |" in text
    assert text.count("| paper |") == len(TRIALS)
    assert "MSR-VTT" in text and "Test set of scenes." in text
    lines = list(csv.DictReader(io.StringIO((tmp_path / "distillation_scores.csv").read_text())))
    few = next(line for line in lines if line["system"] == "few")
    assert (few["row"], few["SCORE"], few["Diff"], few["Diff_paper"]) == ("rep_ce_0.4", "0.43", "0.14", "0.019")
    late = next(line for line in lines if line["system"] == "late")
    assert (late["status"], late["SCORE"], late["SCORE_paper"]) == ("not scored", "", "0.315")
    latex = (tmp_path / "distillation_scores.tex").read_text()
    assert "Student\\_few \\& more & this run & 0.800" in latex
    body = latex[latex.index("\\midrule") : latex.index("\\bottomrule")].splitlines()[1:]
    assert all(line.replace("\\&", "").count("&") == 13 and line.endswith(" \\\\") for line in body)
    assert "Table I of the paper" in latex
    assert "saved (\\%)" in (tmp_path / "distillation_times.tex").read_text()


class Cells(HTMLParser):
    """Rows of cells, their text joined; and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and {"th", "td"} & set(self.open):
            self.rows[-1][-1] = " ".join(f"{self.rows[-1][-1]} {data}".split())


def test_a_section_of_the_page() -> None:
    text = section([scores(), times()])
    cells = Cells(text)
    assert cells.open == []
    named = {row[0]: row for row in cells.rows}
    assert named["Student_few & more"][9] == "0.430 paper 0.361"
    assert named["L_rep not scored"][1] == "paper 0.719"
    assert named["Reduced, L_CE alone"][1] == "0.800"
    assert named["k = 0.4"] == ["k = 0.4", "0.2 paper 5.65", "60.0 paper 57.4"]
    assert "Table II. Time of feature extraction" in text
    assert "Student_few &amp; more" in text
