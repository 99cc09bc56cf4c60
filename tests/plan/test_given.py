"""Candidates and blanks that others give: planned in place of those drawn, checked before anything runs."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import merge, parse
from pipeline.corpus.blanks import Blank, read_blanks, write_blanks
from pipeline.corpus.candidates import read_candidates, write_candidates
from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.corpus.published.writing import write_published
from pipeline.corpus.references import write_references
from pipeline.errors import UserError
from pipeline.plan import Plan

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A folder of blanks of answers and of summaries, candidates, and published questions, blanks, and texts."""
    blank = {("v1", 0): Blank("it is <blank> .", "red", "adjective")}
    write_blanks(tmp_path / "answers.json", blank, "answer", {"any": "red"})
    write_blanks(tmp_path / "summaries.json", blank, "summary", {})
    dialogs = [Dialog(video, "", "", (Turn("what ?", f"about {video}"),)) for video in ("v1", "v2", "v3")]
    write_dialogs(tmp_path / "dialogs.json", dialogs)
    write_references(tmp_path / "true.json", {(each.video_id, 0): [each.turns[0].answer] for each in dialogs})
    write_candidates(tmp_path / "dialogs.json", tmp_path / "true.json", 2, 1, tmp_path / "candidates.json")
    line = "clip1\t" + "0.0\t" * 4
    (tmp_path / "questions.csv").write_text(f"{line}a b\tc\td\te\tf\t2\n")
    (tmp_path / "gaps.csv").write_text(f"{line}he opens a door\the _____ a door\topens\n")
    (tmp_path / "texts.csv").write_text(f"{line}he opens a door\n")
    (tmp_path / "broken.json").write_text('{"type": "sentence_blanks", "text": "answer"}')
    (tmp_path / "cut.json").write_text('{"type": "sentence_blanks", "text": "answer", "blanks": [')
    return tmp_path


def plan(**matching: Any) -> Plan:
    values = yaml.safe_load((ROOT / "config.yaml").read_text())
    return Plan(parse(merge(values, {"matching": {"run": ["chooser", "filler"], **matching}})))


def captions(given: Path, **matching: Any) -> Plan:
    """Of a corpus of captions with published questions."""
    (given / "v1.mp4").write_bytes(b"")
    values = {
        "corpus": {"source": "captions"},
        "captions": {"training": str(given / "texts.csv"), "choices": str(given / "questions.csv")},
        "videos": str(given),
        "run": ["retriever"],
        "systems": {"retriever": {"query": "captions"}, "filler": {"text": "captions"}},
        "matching": matching,
        "vocabulary": {"descriptions": ["captions"]},
    }
    return Plan(parse(merge(yaml.safe_load((ROOT / "config.yaml").read_text()), values)))


def test_what_is_given_is_not_drawn(given: Path) -> None:
    made = plan(blanks={"trial": str(given / "answers.json")}, candidates={"official": str(given / "candidates.json")})
    assert made.checked_matching() is made.matching
    assert made.drawn("blanks") == ["official", "test"]
    assert made.drawn("candidates") == ["trial", "test"]
    assert made.given_references == {
        "official.candidates": given / "candidates.json",
        **{f"trial.blanks.{text}": given / "answers.json" for text in ("answer", "summary", "captions")},
    }
    none = plan()
    assert none.given_references == {}
    # Nothing of the default run depends on it.
    assert none.report_settings() == made.report_settings()
    assert none.answer_settings("filler") == made.answer_settings("filler")


def test_published_ones_are_taken_too(given: Path) -> None:
    plan(candidates={"trial": str(given / "questions.csv")}).checked_matching()
    made = captions(given, run=["filler"], blanks={"test": str(given / "gaps.csv")}).checked_matching()
    assert made.references_read("filler", "test") == [made.layout.references("test.blanks.captions")]
    assert made.given_references["test.blanks.captions"] == given / "gaps.csv"
    assert made.drawn("blanks") == ["trial", "official"]


@pytest.mark.parametrize(
    ("key", "test_set", "file", "message"),
    [
        ("blanks", "trial", "none.json", r"none\.json: no such file \(matching\.blanks\.trial in the configuration\)"),
        ("blanks", "trial", "", r"no such file \(matching\.blanks\.trial"),
        ("blanks", "trial", "candidates.json", r"sentences to choose from, expected sentences with a blank \(matching"),
        ("candidates", "trial", "answers.json", "sentences with a blank, expected sentences to choose from"),
        ("candidates", "trial", "texts.csv", "texts to find videos by, expected sentences to choose from"),
        ("candidates", "trial", "dialogs.json", "no published test that is known"),
        ("blanks", "trial", "summaries.json", r"blanks of text: summary, and systems\.filler fills those of trial\.b"),
        (
            "blanks",
            "trial",
            "gaps.csv",
            r"blanks of text: captions, and systems\.filler fills those of trial\.blanks\.a",
        ),
        ("blanks", "test", "answers.json", r"^matching\.blanks\.test: the corpus has no such test set"),
        ("blanks", "trial", "broken.json", r"tagger: Field required"),
        ("blanks", "trial", "cut.json", r"cut\.json: .*JSON"),
    ],
)
def test_what_does_not_fit_is_one_line(given: Path, key: str, test_set: str, file: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        plan(**{key: {test_set: str(given / file)}}).checked_matching()
    assert "\n" not in str(caught.value)


def test_no_other_run_waits_for_the_files(given: Path) -> None:
    """They are looked at when `snakemake matching` is asked for."""
    assert plan(blanks={"trial": str(given / "none.json")}).config.run


def test_captions_have_one_key_for_their_choices(given: Path) -> None:
    made = captions(given, run=["chooser"], candidates={"test": str(given / "questions.csv")})
    with pytest.raises(UserError, match=r"^matching\.candidates\.test: captions\.choices is a file of them, too"):
        made.checked_matching()


def test_files_of_ours_are_taken_over_as_they_are(given: Path) -> None:
    out = given / "corpus"
    write_published(given / "answers.json", out, "trial")
    write_published(given / "candidates.json", out, "official")
    blanks, drawn = out / "references/trial.blanks.answer.json", out / "references/official.candidates.json"
    assert json.loads(blanks.read_text()) == json.loads((given / "answers.json").read_text())
    assert read_blanks(blanks) == read_blanks(given / "answers.json")
    assert read_candidates(drawn) == read_candidates(given / "candidates.json")
    # They still belong to turns of dialogs, which published ones do not.
    assert {each.question for each in read_candidates(drawn).values()} == {None}
    with pytest.raises(UserError, match="tagger: Field required"):
        write_published(given / "broken.json", out, "trial")
    for said in (["answer_candidates"], {}, None, 1):
        (given / "other.json").write_text(json.dumps({"type": said}))
        with pytest.raises(UserError, match="no published test that is known"):
            write_published(given / "other.json", out, "trial")
