"""The command, every section at a tiny size: it ends well, and what it prints and writes is whole and consistent."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import commands

run = partial(commands.run, "extraction", "--device", "cpu")
SECTIONS = ("decode", "i3d", "flow", "vggish", "stride")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    out = tmp_path_factory.mktemp("benchmark") / "figures.json"
    done = run("--json", str(out), "--sections", *SECTIONS)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(out.read_text())


def test_every_section_gives_figures(measured: tuple[str, dict[str, Any]]) -> None:
    rows = measured[1]["rows"]
    assert {row["section"] for row in rows} == {*SECTIONS, "charades"}
    assert all(row["ours"] > 0 for row in rows if "difference" not in row["what"])
    for row in rows:
        assert row["reference"] is None or row["ratio"] == pytest.approx(row["ours"] / row["reference"])


def test_values_agree_with_the_plain_network(measured: tuple[str, dict[str, Any]]) -> None:
    (row,) = [row for row in measured[1]["rows"] if row["what"] == "difference to plain features"]
    assert 0 < row["ours"] < 1e-4


def test_the_table_and_the_goals_are_printed(measured: tuple[str, dict[str, Any]]) -> None:
    text, found = measured
    goals = [row for row in found["rows"] if row["goal"] is not None]
    assert len([line for line in text.splitlines() if line.startswith(("met ", "missed "))]) == len(goals)
    assert all(row["what"] in text for row in found["rows"])
    assert found["machine"]["cores"] >= 1 and found["machine"]["torch"]


def test_sections_can_be_chosen(shared: Path) -> None:
    done = run("--sections", "vggish", "--videos", str(shared / "data" / "videos"))
    assert done.returncode == 0, done.stderr
    assert "vggish" in done.stdout and "stride 4 over" not in done.stdout


@pytest.mark.slow
def test_peaks_of_memory() -> None:
    done = run("--sections", "memory")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("met     memory") == 3


def test_a_folder_without_videos_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    done = run("--videos", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {tmp_path}: no readable video") and done.stderr.count("\n") == 1
