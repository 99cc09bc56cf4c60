"""The command, every section at a tiny size: it ends well, and what it prints and writes is whole and consistent."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import commands

run = partial(commands.run, "training", "--device", "cpu")
SECTIONS = ("attention", "losses", "store", "baseline")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    out = tmp_path_factory.mktemp("benchmark") / "figures.json"
    done = run("--json", str(out), "--sections", *SECTIONS, "epoch")
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(out.read_text())


def test_every_section_gives_figures(measured: tuple[str, dict[str, Any]]) -> None:
    rows = measured[1]["rows"]
    assert {row["section"] for row in rows} == set(SECTIONS)
    assert all(row["ours"] > 0 for row in rows)
    for row in rows:
        assert row["reference"] is None or row["ratio"] == pytest.approx(row["ours"] / row["reference"])


def test_gradients_are_equal(measured: tuple[str, dict[str, Any]]) -> None:
    rows = {row["what"]: row for row in measured[1]["rows"]}
    assert 0 < rows["difference of gradients, float64"]["ours"] < 1e-9
    assert rows["difference of gradients, float32"]["met"]


def test_the_table_and_the_goals_are_printed(measured: tuple[str, dict[str, Any]]) -> None:
    text, found = measured
    goals = [row for row in found["rows"] if row["goal"] is not None]
    assert len([line for line in text.splitlines() if line.startswith(("met ", "missed "))]) == len(goals) == 4
    assert all(row["what"] in text for row in found["rows"])
    assert found["machine"]["cores"] >= 1 and found["machine"]["torch"]
    assert "no checkout of the published code was given (--published)" in text
    assert "epoch: not measured" in text
    assert "made dialogs: 12, 120 turns, 3910 words" in text


@pytest.mark.slow
def test_peaks_of_memory_and_a_training(tmp_path: Path) -> None:
    done = run(
        "--sections",
        "memory",
        "epoch",
        "--json",
        str(tmp_path / "out.json"),
        "--dialogs-count",
        "14",
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    memory = [row for row in rows if row["section"] == "memory"]
    assert len(memory) == 2
    assert all(100 < row["ours"] < 4000 and 100 < row["reference"] < 4000 for row in memory)
    epochs = {row["what"]: row for row in rows if row["section"] == "epoch"}
    assert epochs["epoch 2 of 76,590 turns"]["note"] == "estimated from 140 turns"
    assert 0 <= epochs["epoch 2: waiting for data"]["ours"] < 1


def test_wrong_options_are_one_line(tmp_path: Path) -> None:
    missing = run("--dialogs", str(tmp_path / "none.json"))
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr == f"error: {tmp_path / 'none.json'}: no such file\n"
    threads = run("--threads", "999")
    assert threads.returncode == 1
    assert threads.stderr.startswith("error: --threads 999: this process may use") and threads.stderr.count("\n") == 1
    assert run("--repeats", "0").stderr.endswith("--repeats 0: expected 1 or more\n")
