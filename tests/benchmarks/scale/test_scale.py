"""The workflow with empty jobs, and the table of jobs that is read from what Snakemake prints."""

import json

import pytest

from benchmarks.scale import corpora
from benchmarks.scale.__main__ import main
from benchmarks.scale.workflow import Ran, checkout

PRINTED = """Building DAG of jobs...
Job stats:
job        count
-------  -------
decode        12
extract        3
total         15

Reasons:
    (check individual jobs above for details)
"""


def test_jobs_are_those_of_the_table():
    assert Ran(1, 1, 1, PRINTED).jobs == {"decode": 12, "extract": 3, "total": 15}
    assert Ran(1, 1, 1, "Nothing to be done (all requested files are present and up to date).").jobs == {}


def test_no_command_is_left(tmp_path):
    rules = "".join(path.read_text() for path in checkout(tmp_path / "made").parent.glob("rules/*.smk"))
    assert rules.count("shell:\n") == rules.count("do echo $EPOCHREALTIME") > 15
    assert "avsd corpus" not in rules and "avsd --gpus" not in rules


def test_a_corpus_has_each_video_in_one_split(tmp_path):
    corpora.make(tmp_path, 50)
    told = [
        d["image_id"] for name in corpora.SHARES for d in json.loads((tmp_path / f"{name}.json").read_text())["dialogs"]
    ]
    assert sorted(told) == sorted(path.stem for path in (tmp_path / "videos").iterdir()) and len(told) == 50


@pytest.mark.slow
def test_growth_is_measured(tmp_path, capsys):
    assert main(["--quick", "--sections", "growth", "--json", str(tmp_path / "found.json")]) == 0
    rows = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert [row["what"] for row in rows if row["unit"] == "s"] == [f"plan of {n} shards" for n in (4, 8, 16)]
    assert "31 jobs" in rows[0]["note"] and rows[0]["ours"] > 0
