"""The tables and the page of systems that compare sentences with videos."""

from pathlib import Path

import pytest

from pipeline.config import Config, parse
from pipeline.corpus.blanks import Blank, write_blanks
from pipeline.corpus.blanks import reference_name as blanks_name
from pipeline.corpus.candidates import read_candidates, reference_name, write_candidates
from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.corpus.references import write_references
from pipeline.corpus.word_classes import tagger
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.plan.matching import beside
from pipeline.report.formats import figure_markdown
from pipeline.report.matching import matching_tables, write_matching
from pipeline.report.rows import FigureTable
from pipeline.scoring.request import Request
from pipeline.tasks.registry import TASKS

ENTRY = {"network": "jsfusion", "features": ["i3d_rgb"], "test_sets": ["trial"]}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A chooser that is right at three turns of four, another that was not scored, a retriever of two videos, a filler
    that is right at one blank of two, and one of other sentences."""
    systems = {
        "chooser": {**ENTRY, "label": "Chooser <b>", "task": "choose"},
        "late": {**ENTRY, "label": "Late", "task": "choose"},
        "retriever": {**ENTRY, "label": "Retriever", "task": "retrieve"},
        "filler": {**ENTRY, "network": "jsfusion_fill", "label": "Filler <i>", "task": "fill"},
        "blind": {**ENTRY, "network": "jsfusion_fill", "label": "Blind", "task": "fill", "text": "summary"},
    }
    config = parse(
        {
            "results": str(tmp_path),
            "features": {"i3d_rgb": {"network": "i3d_rgb"}},
            "systems": systems,
            "matching": {"run": list(systems)},
        }
    )
    layout = Layout(tmp_path)
    dialogs = [
        Dialog(video, "", f"about {video}", (Turn("what ?", f"{video} one"), Turn("why ?", f"{video} two")))
        for video in ("a", "b")
    ]
    write_dialogs(layout.dialogs("trial"), dialogs)
    truth = {(each.video_id, n): [turn.answer] for each in dialogs for n, turn in enumerate(each.turns)}
    write_references(layout.references("trial"), truth)
    write_references(layout.references("trial.summary"), {(each.video_id, 0): [each.summary] for each in dialogs})
    candidates = layout.references(reference_name("trial"))
    write_candidates(layout.dialogs("trial"), layout.references("trial"), 1, 1, candidates)
    drawn, turns = read_candidates(candidates), []
    for number, (video, turn) in enumerate(truth):
        scores = [float((place == drawn[video, turn].right) != (number == 2)) for place in (0, 1)]
        turns.append({"image_id": video, "turn": turn, "scores": scores})
    written = {"type": "candidate_scores", "turns": turns}
    found = {"type": "video_scores", "videos": ["a", "b"], "scores": {"a": [1.0, 0.0], "b": [0.5, 0.5]}}
    summaries = layout.references("trial.summary")
    blanks = [Blank("a <blank> thing", "red", "adjective"), Blank("a red <blank>", "thing", "noun")]
    keys = [("a", 0), ("b", 1)]
    words = [{"image_id": v, "turn": t, "words": ["red", "<b>"], "scores": [-0.1, -2.0]} for v, t in keys]
    filled = {"type": "filled_blanks", "blanks": words}
    asked = [layout.references(blanks_name("trial", text)) for text in ("answer", "summary")]
    write_blanks(asked[0], dict(zip(keys, blanks, strict=True)), "answer", {"any": "thing", "noun": "thing"})
    write_blanks(asked[1], {keys[1]: blanks[1]}, "summary", {"any": "red", "adjective": "red"})
    for name, content, references in (
        ("chooser", written, candidates),
        ("retriever", found, summaries),
        ("filler", filled, asked[0]),
        ("blind", filled, asked[1]),
    ):
        path, out = layout.answers(name, "trial"), layout.scores(name, "trial")
        write_json(path, content)
        TASKS[config.systems[name].task].score(Request([path], references, "none", None, 20, False, [out]))
    return beside(config)


def test_the_tables(config: Config) -> None:
    chosen, retrieved, _ = matching_tables(config)
    assert (chosen.name, retrieved.name) == ("matching_choose_trial", "matching_retrieve_trial")
    figures = {row.label: row.run for row in chosen.rows}
    assert figures["Chooser <b>"] is not None
    assert figures["Chooser <b>"]["accuracy (%)"] == 75
    assert figures["Chooser <b>"]["mean rank"] == 1.25
    assert figures["Late"] is None
    assert {row.label: row.status for row in chosen.rows}["Late"] == "not scored"
    assert figures["by chance"] is not None
    assert figures["by chance"]["accuracy (%)"] == 50
    ranks = {row.label: row.run for row in retrieved.rows}
    assert ranks["Retriever"] is not None
    assert (ranks["Retriever"]["R@1 (%)"], ranks["Retriever"]["median rank"]) == (50, 1.5)
    assert any("2 texts, 2 to choose from" in note for note in retrieved.notes)


def test_the_table_of_blanks(config: Config) -> None:
    table = matching_tables(config)[2]
    assert table.name == "matching_fill_trial"
    figures = {row.label: row.run for row in table.rows if row.run is not None}
    assert figures["Filler <i>"] == {
        "accuracy (%)": 50, "accuracy of five (%)": 50, "nouns (%)": 0, "adjectives (%)": 100,
    }  # fmt: skip
    # Two kinds of sentences have base rates of their own; without a system that looks, nothing else is there.
    assert figures["most frequent word, blanks (answer)"]["accuracy (%)"] == 50
    assert figures["most frequent word, blanks (summary)"]["accuracy (%)"] == 0
    assert figures["most frequent word of the class, blanks (answer)"]["nouns (%)"] == 100
    assert not any("by chance" in label for label in figures)
    # The paper's column (ECCV 2018), beside which no figure of ours stands.
    paper = {row.label: row.paper for row in table.rows if row.paper is not None}
    assert (len(paper), paper["JSFusion, LSMDC"]) == (17, {"accuracy (%)": 45.52})
    assert paper["Human, LSMDC"] == {"accuracy (%)": 68.7}
    assert any("not comparable" in note for note in table.notes)
    assert any(f"Filler <i>: 2 blanks (answer), word classes by {tagger()}" in note for note in table.notes)


def test_the_papers_rows_stand_below_and_alone(config: Config) -> None:
    """Some figures of the paper's tables (ECCV 2018), of two corpora; a printed row has no line of this run."""
    chosen, retrieved, _ = matching_tables(config)
    papers = [{row.label: row.paper for row in table.rows if row.paper is not None} for table in (chosen, retrieved)]
    assert [len(paper) for paper in papers] == [2 * 16, 2 * 16 - 1]
    assert papers[0]["JSFusion, MSR-VTT"] == {"accuracy (%)": 83.4}
    assert papers[0]["LSTM-fusion, LSMDC"] == {"accuracy (%)": 52.8}
    assert papers[1]["JSFusion, MSR-VTT"] == {"R@1 (%)": 10.2, "R@5 (%)": 31.2, "R@10 (%)": 43.2, "median rank": 13}
    assert papers[1]["Miech et al., LSMDC"]["median rank"] == 52 and "Miech et al., MSR-VTT" not in papers[1]
    for table in (chosen, retrieved):
        assert any("not comparable" in note for note in table.notes)
        assert not any(row.run for row in table.rows if row.paper is not None)
        lines = [line for line in figure_markdown(table).splitlines() if line.startswith("| JSFusion, LSMDC")]
        assert len(lines) == 1 and "| paper |" in lines[0]


# CT-SAN's tables as its paper prints them (CVPR 2017): fill in the blank; choice, then R@1, R@5, R@10, median rank.
BLANKS_PRINTED = """Simple-LSTM 30.9
Simple-BLSTM 31.6
amirmazaheri 34.2
Base-SAN 34.5
SNUVL, single 38.0
SNUVL, ensemble 40.7
CT-SAN, single 41.9
CT-SAN, ensemble 42.7"""
PRINTED = """Aalto 39.7 - - - -
SA-G+SA-FC7 55.1 3.0 8.8 13.2 114
LSTM+SA-FC7 56.3 3.3 10.2 15.6 88
C+LSTM+SA-FC7 58.1 4.3 12.6 18.9 98
Base-SAN 60.1 4.3 13.0 18.2 83
SNUVL, single 63.1 3.8 13.6 18.9 80
EITanque 63.7 4.7 15.9 23.4 64
SNUVL, ensemble 65.7 3.6 14.7 23.9 50
CT-SAN, single 63.8 4.5 14.1 20.9 67
CT-SAN, ensemble 67.0 5.1 16.3 25.2 46"""


def printed(table: FigureTable) -> dict[str, list[str]]:
    """The lines of a table that have a paper's figures, by label."""
    lines = [[cell.strip() for cell in line.split("|")] for line in figure_markdown(table).splitlines()]
    return {cells[1]: cells[3:-1] for cells in lines if len(cells) > 3 and cells[2] == "paper"}


def tables_of(tmp_path: Path, networks: dict[str, str], **size: bool) -> list[FigureTable]:
    """Tables of systems of which nothing is scored, one a task."""
    detector = {"task": "detect", "label": "D", "network": "temporal", "features": ["i3d_rgb"]}
    shown = {"sizes": size} if size else {"concepts": {"system": "words"}}
    systems = {
        task: {**ENTRY, "task": task, "label": task, "network": network, **(shown if "ct_san" in network else {})}
        for task, network in networks.items()
    }
    values = {
        "results": str(tmp_path),
        "features": {"i3d_rgb": {"network": "i3d_rgb"}},
        "systems": {**systems, "words": detector},
        "matching": {"run": list(systems)},
    }
    return matching_tables(beside(parse(values)))


CT_SAN = {"choose": "ct_san_choose", "retrieve": "ct_san_find", "fill": "ct_san_fill"}


@pytest.mark.parametrize("size", [{}, {"semantic": False}])
def test_ct_sans_tables_are_as_printed_where_the_run_has_its_systems(tmp_path: Path, size: dict[str, bool]) -> None:
    chosen, found, filled = tables_of(tmp_path, CT_SAN, **size)
    rows = {" ".join(words[:-5]): words[-5:] for words in map(str.split, PRINTED.splitlines())}
    behind = ", LSMDC (CT-SAN's table)"
    # Accuracy is the first column, R@1 to R@10 and the median rank the first four.
    assert {label: cells[0] for label, cells in printed(chosen).items()} == {
        name + behind: figures[0] for name, figures in rows.items()
    }
    assert {label: cells[:4] for label, cells in printed(found).items()} == {
        name + behind: [*figures[1:4], f"{figures[4]}.0"] for name, figures in rows.items() if figures[1] != "-"
    }
    blanks = dict(line.rsplit(" ", 1) for line in BLANKS_PRINTED.splitlines())
    assert {label: cells[0] for label, cells in printed(filled).items()} == {
        name + behind: figure for name, figure in blanks.items()
    }
    assert all(any("not comparable" in note for note in table.notes) for table in (chosen, found, filled))


def test_a_papers_figures_stand_where_its_networks_do(tmp_path: Path) -> None:
    mixed = tables_of(tmp_path, {**CT_SAN, "retrieve": "jsfusion"})
    assert "CT-SAN, LSMDC" not in printed(mixed[0]) and "CT-SAN, LSMDC" in printed(mixed[1])
    assert not any("CT-SAN's table" in label for label in printed(mixed[1]))
    # What is chosen by a system's own probability is compared with no paper's.
    systems = {
        "answering": {"label": "A", "network": "attention"},
        "own": {"label": "O", "task": "choose", "model": "answering", "test_sets": ["trial"]},
    }
    values = {"results": str(tmp_path), "systems": systems, "matching": {"run": ["own"]}}
    [table] = matching_tables(beside(parse(values)))
    assert not printed(table) and not any("not comparable" in note for note in table.notes)


def test_the_page(config: Config) -> None:
    write_matching(config)
    layout = Layout(config.results)
    page = layout.matching.read_text()
    assert "Chooser &lt;b&gt;" in page and "Chooser <b>" not in page
    assert "Finding the video, trial" in page
    assert "a one (right)" in page
    assert "Filling the blank, trial" in page
    assert "a &lt;blank&gt; thing" in page and "a <blank> thing" not in page
    assert "<dt>red (right)</dt><dd>Filler &lt;i&gt;</dd>" in page
    assert "<dt>red</dt><dd>Filler &lt;i&gt;</dd>" in page
    assert (layout.tables / "matching_choose_trial.md").read_text().count("75.0") >= 1


def test_the_table_of_rescored_answers(tmp_path: Path) -> None:
    systems = {
        "plain": {"network": "attention", "label": "Plain"},
        "chooser": {**ENTRY, "label": "Chooser", "task": "choose"},
        "rescored": {"label": "Rescored", "model": "plain", "rescore": {"system": "chooser"}, "test_sets": ["trial"]},
    }
    config = beside(
        parse(
            {
                "results": str(tmp_path),
                "features": {"i3d_rgb": {"network": "i3d_rgb"}},
                "systems": systems,
                "matching": {"run": ["rescored"]},
            }
        )
    )
    layout = Layout(tmp_path)
    metrics = dict.fromkeys(("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L"), 0.5)
    parts = {"what": {"right": 3, "of": 4, "base_rate": 0.5}, "why": {"right": 0, "of": 2, "base_rate": 0.5}}
    compared = {
        "hypotheses": "plain",
        "randomisations": 1000,
        "metrics": {"CIDEr": {"difference": -0.1, "p": 0.25}, "BLEU-4": {"difference": -0.0001, "p": 1.0}},
    }
    intervals = {"CIDEr": [1.0, 1.5]}
    scores = {"intervals": intervals, "grounded": parts, "against": None}
    write_json(layout.scores("plain", "trial"), {**scores, "metrics": {**metrics, "CIDEr": 1.2}})
    write_json(
        layout.scores("rescored", "trial"), {**scores, "metrics": {**metrics, "CIDEr": 1.1}, "against": compared}
    )
    said = {"weight": 0.5, "spreads": {"found": 1.0, "fits": 2.0}, "metric": "CIDEr", "turns": 7, "own": 1.0}
    curve = [{"weight": 0.5, "CIDEr": 1.25}, {"weight": 1.0, "CIDEr": 1.0}]
    rescored = {**said, "curve": curve, "best_of_list": 3.0, "by": "chooser", "made_of": {}}
    write_json(layout.answers("rescored", "trial"), {"system": {"rescored": rescored}, "dialogs": []})
    tables = {table.name: table for table in matching_tables(config)}
    table = tables["matching_answer_trial"]
    assert [row.label for row in table.rows] == ["Plain", "Rescored"]
    assert [row.run and (row.run["CIDEr"], row.run["right (%)"]) for row in table.rows] == [(1.2, 50), (1.1, 50)]
    assert table.notes == (
        "Plain: 95 % interval of CIDEr by resampling videos: 1.000 to 1.500.",
        "Rescored: 20 answers of a turn by chooser, weight 0.5 of log P; on 7 turns of validation CIDEr 1.250, the "
        "search's own 1.000, of the best answer of each list 3.000.",
        "Rescored: 95 % interval of CIDEr by resampling videos: 1.000 to 1.500.",
        "Rescored: against the answers as they were: CIDEr -0.100 (p = 0.250), BLEU-4 +0.000 (p = 1.000); paired "
        "approximate randomisation of videos, 1,000 trials.",
    )
