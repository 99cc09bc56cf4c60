"""The command, every section at a tiny size: it ends well, and what it prints and writes is whole and consistent."""

import json
from functools import partial
from pathlib import Path

from tests.benchmarks import commands

run = partial(commands.run, "answering", "--device", "cpu")
SECTIONS = {"baseline", "attention", "hierarchical", "official"}


def test_every_section_gives_figures(tmp_path: Path) -> None:
    done = run("--dialogs-count", "1", "--json", str(tmp_path / "out.json"))
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out.json").read_text())
    assert {row["section"] for row in found["rows"]} == SECTIONS
    assert found["settings"]["dialogs_count"] == 1 and found["machine"]["torch"]
    equal = [row for row in found["rows"] if row["unit"] == "of turns"]
    assert len(equal) == 4 and all(row["ours"] == 1 and row["met"] for row in equal)
    goals = [row for row in found["rows"] if row["goal"] is not None]
    lines = [line for line in done.stdout.splitlines() if line.startswith(("met ", "missed "))]
    assert len(lines) == len(goals) == 5
    assert "made dialogs: 10 turns answered, 120 to learn from, 3910 words" in done.stdout
    assert all(row["what"] in done.stdout for row in found["rows"])


def test_wrong_options_are_one_line(tmp_path: Path) -> None:
    missing = run("--dialogs", str(tmp_path / "none.json"))
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr == f"error: {tmp_path / 'none.json'}: no such file\n"
    assert run("--threads", "999").stderr.startswith("error: --threads 999: this process may use")
    assert run("--steps", "0").stderr.endswith("--steps 0: expected 1 or more\n")
    nowhere = run("--sections", "baseline", "--published", str(tmp_path / "nowhere"))
    assert nowhere.stderr.splitlines()[-1] == (
        f"error: {tmp_path / 'nowhere'}: no such folder; give --published a checkout of "
        "dialogtekgeek/AudioVisualSceneAwareDialog"
    )
