"""What each part of JSFusion is worth: differences by hand, exchanges by enumeration, drops by the printed tables."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import Config, parse
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.plan.ablations import ABLATIONS, Ablated, ablated
from pipeline.plan.jobs import Jobs
from pipeline.plan.matching import beside
from pipeline.report.formats import figure_csv, figure_markdown
from pipeline.report.matching import matching_tables, write_matching
from pipeline.report.matching_parts import drops
from pipeline.report.results import display_names
from pipeline.scoring.names import CHOSEN, FILLED, RETRIEVED

ENTRY = {"network": "jsfusion", "features": ["i3d_rgb"], "test_sets": ["trial"]}
LABELS = {"whole": "JSFusion", "most": "JSTmax", "mean": "JSTmean", "late": "LSTM-fusion", "other": "My network"}
RANKS = {
    "whole": {"a_0": 1, "b_0": 1, "c_0": 1, "d_0": 6},
    "most": {"a_0": 2, "b_0": 7, "c_0": 5, "d_0": 11},
    "mean": {"a_0": 1, "b_0": 1, "c_0": 1, "d_0": 6},
    "other": {"a_0": 9, "b_0": 9, "c_0": 9, "d_0": 9},
}


def configured(results: Path, task: str, **changes: Any) -> Config:
    systems = {name: {**ENTRY, "label": label, "task": task} for name, label in LABELS.items()}
    systems["blind"] = {"label": "JSFusion-noaudio", "task": task, "model": "whole", "without": ["i3d_rgb"]}
    values = {
        "results": str(results),
        "features": {"i3d_rgb": {"network": "i3d_rgb"}},
        "systems": systems,
        "matching": {"run": list(systems)},
        **changes,
    }
    return beside(parse(values))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Retrievers of four videos; JSTmean ranks as JSFusion does, LSTM-fusion was not scored."""
    made = configured(tmp_path, "retrieve", scoring={"randomisations": 4000})
    for name, ranks in RANKS.items():
        written(made, name, {key: {"rank": rank} for key, rank in ranks.items()})
    return made


def written(config: Config, name: str, items: dict[str, dict[str, int]]) -> None:
    content = {
        "hypotheses": f"answers/{name}.json",
        "metrics": dict.fromkeys(RETRIEVED, 0.5),
        "intervals": {},
        "chance": dict.fromkeys(RETRIEVED, 0.25),
        "signature": {"items": len(items), "of": "texts", "candidates": [4]},
        "items": items,
    }
    write_json(Layout(config.results).scores(name, "trial"), content)


def exchanged(differences: list[int]) -> float:
    """How often a sum of these, each with either sign, is as far from 0 as theirs."""
    sums = [abs(sum(s * d for s, d in zip(signs, differences, strict=True))) for signs in product((1, -1), repeat=4)]
    return sum(each >= abs(sum(differences)) for each in sums) / len(sums)


def test_differences_of_this_run(config: Config) -> None:
    table = next(each for each in matching_tables(config) if each.name == "matching_parts_retrieve_trial")
    rows = {row.label: row for row in table.rows if row.paper is None}
    assert list(rows) == ["JSTmax", "JSTmean", "LSTM-fusion"] and rows["LSTM-fusion"].status == "not scored"
    most, mean = (dict(rows[label].run or {}) for label in ("JSTmax", "JSTmean"))
    # First of 4: none, and 3. Among five: 2, and 3. Among ten: 3, and 4.
    assert [most[f"{metric} (points)"] for metric in ("R@1", "R@5", "R@10")] == [-75, -25, -25]
    assert [mean[f"{metric} (points)"] for metric in ("R@1", "R@5", "R@10")] == [0, 0, 0]
    wanted = [exchanged([1, 1, 1, 0]), exchanged([0, 1, 0, 0]), exchanged([0, 0, 0, 1])]
    assert wanted == [0.25, 1, 1]
    assert [most[f"p, {metric}"] for metric in ("R@1", "R@5", "R@10")] == pytest.approx(wanted, abs=0.03)
    assert [mean[f"p, {metric}"] for metric in ("R@1", "R@5", "R@10")] == [1, 1, 1]
    assert table.notes[0] == (
        "Each line of this run: the system less JSFusion, in points, negative where the part is of use; p: paired "
        "approximate randomisation of videos, 4,000 trials, each comparison by itself."
    )
    assert any("not comparable" in note for note in table.notes)


def test_the_papers_lines_stand_below(config: Config) -> None:
    write_matching(config)
    table = next(each for each in matching_tables(config) if each.name == "matching_parts_retrieve_trial")
    lines = figure_markdown(table).splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("| JSTmax |"))
    assert lines[place].startswith("| JSTmax | this run | -75.0 | ")
    assert lines[place + 1] == "| JSTmax, LSMDC | paper | -2.4 | - | - | - | -6.9 | - |"
    assert lines[place + 2] == "| JSTmax, MSR-VTT | paper | -1.4 | - | -1.4 | - | -2.2 | - |"
    assert "+0.0" in lines[place + 3]
    assert any(line.startswith(",most,JSTmax,,-75.0,0.2") for line in figure_csv(table).splitlines())
    layout = Layout(config.results)
    assert (layout.tables / "matching_parts_retrieve_trial.csv").is_file()
    assert "What each part of JSFusion is worth: finding the video, trial" in layout.matching.read_text()


def test_several_seeds_are_one_line(tmp_path: Path) -> None:
    entries = {name: {**ENTRY, "label": LABELS[name], "task": "choose", "seeds": 2} for name in ("whole", "most")}
    run = ["whole", "whole_s2", "most", "most_s2"]
    made = configured(tmp_path, "choose", systems=entries, matching={"run": run}, scoring={"randomisations": 0})
    for name, ranks in zip(run, ((1, 1), (1, 2), (2, 1), (2, 2)), strict=True):
        written(made, name, {f"a_{turn}": {"rank": rank} for turn, rank in enumerate(ranks)})
    table = next(each for each in matching_tables(made) if each.name == "matching_parts_choose_trial")
    assert [column.name for column in table.columns] == ["accuracy (points)"]
    # Of two turns and two seeds one is right, and three.
    assert [row.run for row in table.rows if row.run is not None] == [{"accuracy (points)": -50}]
    assert "means of up to 2 seeds" in table.notes[0] and "p:" not in table.notes[0]


def test_other_items_are_named(config: Config) -> None:
    written(config, "most", {"a_0": {"rank": 1}})
    with pytest.raises(UserError, match=r"answers/most\.json and answers/whole\.json: scored on other items"):
        matching_tables(config)


def test_who_is_an_ablation(tmp_path: Path) -> None:
    config = configured(tmp_path, "choose")
    # One that is shown less at test has learned with it, and is none.
    assert ablated(config, "choose", "trial") == Ablated("whole", ("most", "mean", "late"))
    assert ablated(config, "choose", "official") is None and ablated(config, "retrieve", "trial") is None
    assert Jobs(config).matching_tables == ["choose_trial", "choose_official", "parts_choose_trial"]
    alone = configured(tmp_path, "choose", matching={"run": ["most", "mean"]})
    assert ablated(alone, "choose", "trial") is None
    assert Jobs(alone).matching_tables == ["choose_trial"]


def test_labels_of_several_tasks(tmp_path: Path) -> None:
    """In a table, which is of one task, the label is the name; where there are others of it, the task stands beside."""
    systems = {
        "finds": {**ENTRY, "label": "JSTmax", "task": "retrieve"},
        "chooses": {**ENTRY, "label": "JSTmax", "task": "choose"},
        "again": {**ENTRY, "label": "JSTmax", "task": "choose"},
    }
    config = configured(tmp_path, "retrieve", systems=systems, matching={"run": ["finds", "chooses"]})
    assert display_names(config) == {"finds": "JSTmax (retrieve)", "chooses": "JSTmax (choose)"}
    assert [row.label for row in matching_tables(config)[0].rows if row.system] == ["JSTmax"]
    several = configured(tmp_path, "retrieve", systems=systems, matching={"run": [*systems]})
    assert display_names(several) == {
        "finds": "JSTmax (retrieve)", "chooses": "JSTmax (-/-) [chooses]", "again": "JSTmax (-/-) [again]",
    }  # fmt: skip


def test_the_papers_drops() -> None:
    """By hand from the tables as printed (ECCV 2018): each ablation less JSFusion, LSMDC and MSR-VTT."""
    accuracy = [(-20.7, -45.1), (-8.8, -14.7), (-1.4, -3.7), (-5.2, -9.0), (-3.3, -3.4), (-4.1, -4.2), (-1.0, -0.5)]
    first = [(-6.1, -7.2), (-4.4, -5.1), (-1.5, -1.0), (-2.4, -1.4), (-1.6, -1.2), (-2.7, -1.5), (-0.1, -1.0)]
    five = [-21.6, -10.1, -3.0, -1.4, -4.0, -3.8, -2.9]
    ten = [(-18.2, -26.1), (-8.9, -14.1), (-7.0, -2.1), (-6.9, -2.2), (-5.9, -2.3), (-5.7, -3.7), (-2.0, -1.9)]
    blanks = [None, -2.62, -1.82, -4.22, -1.32, None, -0.26]
    for place, label in enumerate(ABLATIONS):
        lsmdc, vtt = f"{label}, LSMDC", f"{label}, MSR-VTT"
        chosen, found, filled = (dict(drops(metrics, label)) for metrics in (CHOSEN, RETRIEVED, FILLED))
        assert [chosen[corpus]["accuracy"] for corpus in (lsmdc, vtt)] == pytest.approx(accuracy[place])
        for metric, wanted in (("R@1", first), ("R@10", ten)):
            assert [found[corpus][metric] for corpus in (lsmdc, vtt)] == pytest.approx(wanted[place])
        assert "R@5" not in found[lsmdc] and found[vtt]["R@5"] == pytest.approx(five[place])
        wanted_blank = blanks[place]
        assert ({} if wanted_blank is None else {lsmdc: {"accuracy": pytest.approx(wanted_blank)}}) == filled
    assert dict(drops(CHOSEN, "My network")) == {}
