"""The benchmark of the scorer: its work is what it says, and the command gives whole and consistent figures."""

import json
from pathlib import Path

import pytest

from benchmarks.scoring import scored_answers
from pipeline.corpus.references import read_references
from pipeline.scoring.matching import match, read_answers
from tests.benchmarks.commands import run


def test_made_answers_are_like_the_official_ones() -> None:
    work = scored_answers.make(items=200, systems=3, seed=1)
    assert work.made == len(work.systems) == 3
    assert {len(group) for group in work.references} == {6}
    words = [len(text.split()) for group in work.references for text in group]
    assert 9.5 < sum(words) / len(words) < 11.5
    for first in range(3):
        for second in range(first):
            pairs = zip(work.systems[first], work.systems[second], strict=True)
            assert 0.05 < sum(one == other for one, other in pairs) / 200 < 0.6


def test_the_users_files_come_first_and_are_filled_up(tmp_path: Path) -> None:
    made = scored_answers.make(items=12, systems=2, seed=3)
    paths, references = made.write(tmp_path)
    work = scored_answers.read(paths, references, systems=4, seed=5)
    assert work.systems[:2] == made.systems
    assert (len(work.systems), work.made, work.references) == (4, 2, made.references)
    # What is written is what `avsd score` reads, whole.
    known = read_references(references)
    for path, answers in zip(paths, made.systems, strict=True):
        assert match(path, read_answers(path), known, partial=False).hypotheses == answers


def test_every_section_gives_figures(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = run("scoring", "--systems", "2", "--json", str(out))
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    rows = {row["what"]: row for row in found["rows"]}
    whole = rows["2 systems over one"]
    assert whole["reference"] == rows["one system"]["ours"]
    assert whole["met"] == (whole["ours"] <= 2 * whole["reference"])
    # The whole has at least METEOR's loading in it.
    assert rows["METEOR, loading"]["ours"] > 0.5
    assert all(row["ours"] > 0 for row in rows.values())
    assert found["settings"]["items"] == 40
    assert done.stdout.count("\nmet ") + done.stdout.count("\nmissed ") == 1


def test_one_of_the_two_kinds_of_files_is_not_enough() -> None:
    done = run("scoring", "--references", "x.json")
    assert done.returncode == 2
    assert "--hypotheses and --references go together" in done.stderr


@pytest.mark.parametrize("count", [0, 2])
def test_variants_keep_some_answers_and_change_most(count: int) -> None:
    answers = [f"answer {number} in words that are {number} too" for number in range(400)]
    made = scored_answers.variants(answers, count, seed=1)
    assert len(made) == count
    for variant in made:
        kept = sum(one == other for one, other in zip(answers, variant, strict=True))
        assert 0.2 < kept / 400 < 0.4
