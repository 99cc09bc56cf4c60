import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.config import Config
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.report import facts
from pipeline.report.page import write_report
from pipeline.texts import read_json

Configure = Callable[..., Config]
VOID = {"meta", "link", "input", "br", "hr", "img"}


class Page(HTMLParser):
    """Text by section, links, open tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text: dict[str, str] = {"": ""}
        self.links: list[str] = []
        self.open: list[str] = []
        self.svgs = 0
        self._section = ""
        self.feed(text)
        self.text = {section: " ".join(words.split()) for section, words in self.text.items()}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.links += [values[key] or "" for key in ("href", "src", "action", "data") if key in values]
        self.svgs += values.get("class") == "chart"
        if tag == "section":
            self._section = values["id"] or ""
            self.text[self._section] = ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "section":
            self._section = ""

    def handle_data(self, data: str) -> None:
        self.text[self._section] += data


def page_of(config: Config) -> Page:
    write_report(config)
    return Page(Layout(config.results).report.read_text(encoding="utf-8"))


def test_sections_say_what_was_run(run: Config) -> None:
    page = page_of(run)
    assert page.open == []
    assert list(page.text) == ["", "tables", "curves", "accuracy", "lengths", "attention", "dialogs", "run"]
    assert "Feature vggish was computed with random weights (random (seed 1))." in page.text[""]
    assert "2 videos could not be read for some feature: dialogs about them go without it" in page.text[""]
    assert "generated scenes" in page.text[""]
    assert "0.270 ±0.020" in page.text["tables"]
    assert "paper 1.148" in page.text["tables"]
    assert "validation perplexity" in page.text["curves"]
    assert "without vggish" in page.text["accuracy"]
    assert "3 of 30" in page.text["lengths"]
    assert "Trial videos were taken out of validation" in page.text["run"]
    assert "40 videos of the trial test set were taken out of validation." in page.text["run"]
    assert "2 videos could not be read for some feature videofeaturesstagereason" in page.text["run"]
    assert "broken7vggishsoundstuck" in page.text["run"]
    assert "broken8i3d_rgb,vggishprobenot a readable media filemoov not found" in page.text["run"]
    assert "label: AVSD baseline" in page.text["run"]
    # Four charts of curves (one loss term only the student has); five categories on each of two test sets.
    assert page.svgs == 4 + 2 * 5


def test_seeds_of_a_system_are_one_row_with_their_deviation(run: Config, configure: Configure) -> None:
    layout = Layout(run.results)
    for name, level in (("student_s2", 0.61), ("student_s3", 0.52)):
        found = read_json(layout.scores("student", "trial"))
        found["metrics"] = dict.fromkeys(found["metrics"], level)
        write_json(layout.scores(name, "trial"), found)
    systems = {name: system.model_dump(exclude_unset=True) for name, system in run.systems.items()}
    systems["student"]["seeds"] = 3
    tables = page_of(configure(run.results, systems=systems)).text["tables"]
    # Seeds of .55, .61 and .52, CIDEr of the first 1.1: mean and standard deviation of statistics.stdev's formula.
    assert re.search(r"Student-teacher L_ST ?man\. / - ?3 seeds ?0\.560 ?±0\.046 ?paper", tables)
    assert "0.743 ±0.312" in tables
    assert "Rows of 3 seeds are their mean, ± their standard deviation" in tables
    # A row of one seed says nothing of seeds, and has the half of its interval.
    assert re.search(r"AVSD baseline ?- / - ?0\.270\*? ?±0\.020", tables)


def test_what_is_lost_without_an_input(run: Config) -> None:
    # 13 of 40 right without the sound, 18 of 40 with it.
    assert re.search(r"without vggish ?Our system \(-/-\) 32\.5 %−12\.5", page_of(run).text["accuracy"])


def test_nothing_is_loaded_from_outside(run: Config) -> None:
    page = page_of(run)
    assert all(link.startswith("#") or link == "data:," for link in page.links)
    text = Layout(run.results).report.read_text(encoding="utf-8")
    assert not re.search(r"https?://|//[a-z]+\.|url\(|@import|fetch\(|XMLHttpRequest", text)


def test_dialogs_show_every_system_and_are_escaped(run: Config) -> None:
    dialogs = page_of(run).text["dialogs"]
    for system in run.run:
        assert f"{system} says turn" in dialogs
    assert dialogs.count("a summary of trial") == 5
    assert dialogs.count("a summary of official") == 3
    assert "it is <b>red</b> & round ." in dialogs
    assert "__UNDISCLOSED__" not in dialogs
    assert "<b>red</b>" not in Layout(run.results).report.read_text(encoding="utf-8")


def test_same_dialogs_every_time(run: Config) -> None:
    assert page_of(run).text["dialogs"] == page_of(run).text["dialogs"]


@pytest.mark.parametrize("systems", [[], ["baseline", "student", "deaf"]])
def test_an_empty_results_folder_is_plain_sentences(tmp_path: Path, systems: list[str], configure: Configure) -> None:
    page = page_of(configure(tmp_path, run=systems))
    assert "No learning curves" in page.text["curves"]
    assert "No accuracy" in page.text["accuracy"]
    assert "No lengths" in page.text["lengths"]
    assert "No dialogs" in page.text["dialogs"]
    assert "No feature has been computed yet." in page.text["run"]
    assert "No video is in quarantine." in page.text["run"]
    assert ("computes features only" in page.text["run"]) == (not systems)
    assert page.open == []


def test_one_test_set_text_only_and_no_truth(run: Config, configure: Configure) -> None:
    layout = Layout(run.results)
    for name in run.run:
        layout.scores(name, "trial").unlink()
        layout.answers(name, "trial").unlink()
        path = layout.scores(name, "official")
        if path.is_file():
            write_json(path, read_json(path) | {"grounded": None, "intervals": {}})
    layout.dialogs("trial").unlink()
    layout.feature_shard("vggish", "0000").unlink()
    systems = {"plain": {"label": "Text", "row": "ours_none_none", "network": "attention"}}
    config = configure(run.results, run=["plain"], systems=systems, features={}, corpus={"source": "files"})
    page = page_of(config)
    assert "the systems of this run see text only" in page.text["run"]
    assert "text only, history" in page.text["run"]
    assert "No accuracy: only generated scenes" in page.text["accuracy"]
    assert page.text["dialogs"].count("a summary of official") == 8
    assert "not scored" in page.text["tables"]
    assert "±" not in page.text["tables"]
    assert "generated scenes" not in page.text["tables"]


def test_kept_trial_videos_are_a_warning(run: Config, configure: Configure) -> None:
    config = configure(run.results, corpus={"keep_trial_in_validation": True})
    assert "Trial videos were kept in validation" in page_of(config).text[""]


def test_an_ensemble_is_said_to_be_of_all_its_members(run: Config, configure: Configure) -> None:
    systems = run.model_dump(mode="json", exclude_unset=True)["systems"]
    systems["plain"]["seeds"] = 2
    systems["both"] = {"label": "Both", "model": "plain", "ensemble": True}
    config, layout = configure(run.results, run=["plain", "blind", "both"], systems=systems), Layout(run.results)
    for name, count in {"plain": 700, "plain_s2": 650, "teacher": 40}.items():
        parts = {"decoder": count - 9, "other": 9, "total": count}
        write_json(layout.model(name) / "system.json", {"parameters": parts})
    found = {line["key"]: (line["models"], line["parameters"]) for line in facts.systems(config)}
    assert found == {
        "plain": ([], 700),
        "plain_s2": ([], 650),
        "blind": (["teacher"], 40),
        "both": (["plain", "plain_s2"], 1350),
    }
    (layout.model("plain_s2") / "system.json").unlink()
    assert facts.systems(config)[-1]["parameters"] is None
    text = page_of(config).text["run"]
    assert "attentionthe models of plain, plain_s2" in text and "attentionthe model of teacher" in text
