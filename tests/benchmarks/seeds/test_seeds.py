"""Mean and spread over seeds, by hand; whose difference is told."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.seeds import spread
from benchmarks.seeds.__main__ import command, keep, main
from benchmarks.seeds.pairs import pairs
from pipeline.config import load
from pipeline.plan.matching import beside

ROOT = Path(__file__).resolve().parents[3]
SEES = {"network": "jsfusion", "features": ["i3d_rgb"], "test_sets": ["trial"]}
ANSWERS = {"network": "attention", "test_sets": ["trial"], "features": ["i3d_rgb"]}
# Of names that config.yaml does not have, since keys of its entries would stay.
SYSTEMS: dict[str, dict[str, Any]] = {
    "my_chooser": {**SEES, "task": "choose"},
    "my_unseeing": {"task": "choose", "model": "my_chooser", "without": ["i3d_rgb"], "test_sets": ["trial"]},
    "my_finder": {**SEES, "task": "retrieve"},
    "my_filler": {**SEES, "network": "jsfusion_fill", "task": "fill"},
    "my_reader": {"network": "jsfusion_fill", "task": "fill", "test_sets": ["trial"]},
    "my_words": {**SEES, "network": "temporal", "task": "detect"},
    "my_plain": ANSWERS,
    "my_large": {**ANSWERS, "sizes": {"attention": 9}},
    "my_told": {**ANSWERS, "description": {"train": "summary", "test": "summary"}},
    "my_shown": {**ANSWERS, "concepts": {"system": "my_words"}},
    "my_again": {"model": "my_plain", "rescore": {"system": "my_chooser"}, "test_sets": ["trial"]},
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for seed, (teacher, student) in enumerate([((8, 2.0), (6, 1.5)), ((6, 1.0), (7, 1.2))], start=1):
        for system, (right, cider) in (("ours_man_man", teacher), ("jst", student)):
            path = tmp_path / "seeds" / str(seed) / system / "trial.json"
            path.parent.mkdir(parents=True)
            grounded = {"colour": {"right": right - 1, "of": 6}, "sound": {"right": 1, "of": 4}}
            path.write_text(json.dumps({"metrics": {"BLEU-1": 0.5, "CIDEr": cider}, "grounded": grounded}))
    return tmp_path / "seeds"


def test_mean_spread_and_order(results: Path) -> None:
    found = spread.gather(results, [1, 2], ["baseline", "ours_man_man", "jst"], "trial")
    assert found["ours_man_man"] == {"right": [0.8, 0.6], "BLEU-1": [0.5, 0.5], "CIDEr": [2.0, 1.0]}
    table = spread.system_table(found)
    assert table[0] == "| system | right | BLEU-1 | CIDEr |"
    assert table[2] == "| ours_man_man | 0.700 ± 0.141 | 0.500 ± 0.000 | 1.500 ± 0.707 |"
    # The teacher less the student: .2 and -.1; .5 and -.2.
    assert spread.order_table(found)[2] == (
        "| ours_man_man − jst | +0.050 ± 0.212 (1 of 2 above 0) | +0.150 ± 0.495 (1 of 2 above 0) |"
    )


def test_a_system_without_every_seed_is_left_out(results: Path) -> None:
    (results / "2" / "jst" / "trial.json").unlink()
    assert list(spread.gather(results, [1, 2], ["ours_man_man", "jst"], "trial")) == ["ours_man_man"]
    assert spread.gather(results, [1, 2], ["ours_man_man", "jst"], "official") == {}


def overlay(folder: Path, run: Sequence[str] = tuple(SYSTEMS)) -> Path:
    """A file laid over config.yaml: these systems instead of its own in `matching.run`."""
    path = folder / "own.json"
    systems = {name: {"label": name, **entry} for name, entry in SYSTEMS.items()}
    path.write_text(json.dumps({"results": str(folder), "systems": systems, "matching": {"run": list(run)}}))
    return path


def test_who_is_compared_with_whom(tmp_path: Path) -> None:
    config = beside(load([str(ROOT / "config.yaml"), str(overlay(tmp_path))]))
    assert pairs(config, "trial") == [
        ("my_chooser", "my_unseeing"),
        ("my_filler", "my_reader"),
        ("my_told", "my_plain"),
        ("my_shown", "my_plain"),
        ("my_again", "my_plain"),
    ]
    assert pairs(config, "official") == []


def test_of_config_yaml_the_comparisons_that_its_documents_make() -> None:
    found = pairs(beside(load([str(ROOT / "config.yaml")])), "trial")
    assert {
        ("none_concepts", "ours_none_none"), ("st_concepts", "st"), ("jst_concepts", "jst"),
        ("ours_man_man", "ours_none_none"), ("rescored", "ours_none_none"), ("chooser", "chooser_blind"),
        ("filler", "filler_blind"),
    } <= {*found}  # fmt: skip
    ablations = pairs(beside(load([str(ROOT / "config.yaml"), str(ROOT / "configs/jsfusion.yaml")])), "official")
    assert ("chooser", "jst_mean_chooser") in ablations and ("retriever", "no_audio_retriever") in ablations
    assert len(ablations) == 14


def test_the_tables_of_matching(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, kept = overlay(tmp_path), tmp_path / "seeds" / "matching"
    figures = {
        "chooser": ("accuracy", (0.5, 0.7)),
        "unseeing": ("accuracy", (0.2, 0.3)),
        "finder": ("R@1", (0.5, 0.5)),
        "filler": ("accuracy", (0.8, 0.6)),
        "reader": ("accuracy", (0.5, 0.7)),
        "words": ("F1", (0.25, 0.75)),
        "plain": ("CIDEr", (1.0, 2.0)),
        "shown": ("CIDEr", (1.5, 2.25)),
        "again": ("CIDEr", (0.0, 2.0)),
    }
    further = {
        "chooser": {"chance": {"accuracy": 0.2}},
        "finder": {"chance": {"R@1": 0.025, "median rank": 20.5}},
        "filler": {"base_rates": {"most frequent word": {"accuracy": 0.125}}},
        "words": {"base": {"F1": 0.3}},
    }
    for name, (metric, values) in figures.items():
        for seed, value in enumerate(values, start=1):
            metrics = {metric: value} | ({"median rank": 1.0 + seed, "R@5": 1.0} if name == "finder" else {})
            scores = {"metrics": metrics, **further.get(name, {})}
            if metric == "CIDEr":
                scores["grounded"] = {"colour": {"right": int(4 * value), "of": 10}}
            file = kept / str(seed) / f"my_{name}" / "trial.json"
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps(scores))
    told = ["--target", "matching", "--seeds", "1", "2", "--print-only", "--configfile", str(path)]
    assert main(told) == 0
    parts = capsys.readouterr().out.split("\n## ")[1:]
    tables = {part.partition(",")[0]: part.splitlines() for part in parts}
    assert list(tables) == ["choose", "retrieve", "fill", "detect", "answer"]
    assert tables["choose"][0] == "choose, trial, seeds 1, 2: mean ± standard deviation"
    # 0.5 and 0.7, 0.2 and 0.3; of the differences 0.3 and 0.4.
    assert "| my_chooser | 0.600 ± 0.141 |" in tables["choose"]
    assert "| by chance | 0.200 ± 0.000 |" in tables["choose"]
    assert "| my_chooser − my_unseeing | +0.350 ± 0.071 (2 of 2 above 0) |" in tables["choose"]
    assert "| system | R@1 | R@5 | median rank |" in tables["retrieve"]
    assert "| my_finder | 0.500 ± 0.000 | 1.000 ± 0.000 | 2.500 ± 0.707 |" in tables["retrieve"]
    assert "| by chance | 0.025 ± 0.000 |  | 20.500 ± 0.000 |" in tables["retrieve"]
    assert not any("difference" in line for line in tables["retrieve"])
    assert "| my_filler − my_reader | +0.100 ± 0.283 (1 of 2 above 0) |" in tables["fill"]
    assert "| most frequent word | 0.125 ± 0.000 |" in tables["fill"]
    assert "| my_words | 0.500 ± 0.354 |" in tables["detect"]
    # Right: of ten 4 and 8, with words 6 and 9. CIDEr: 0.5 and 0.25 more. `my_told` has no scores, and is left out.
    answers = tables["answer"]
    assert (
        "| my_shown − my_plain | +0.150 ± 0.071 (2 of 2 above 0) | +0.375 ± 0.177 (2 of 2 above 0) |"
        in tables["answer"]
    )
    assert (
        "| my_again − my_plain | -0.200 ± 0.283 (0 of 2 above 0) | -0.500 ± 0.707 (0 of 2 above 0) |"
        in tables["answer"]
    )
    assert not any("my_told" in line for line in answers)


def test_scores_of_matching_are_kept_apart(tmp_path: Path) -> None:
    """Those of the default run stay, and those of other systems of the same seed."""
    config = beside(load([str(ROOT / "config.yaml"), str(overlay(tmp_path, ["my_chooser", "my_finder"]))]))
    written = ("scores/my_chooser", "scores/my_finder", "scores/jst", "seeds/1/jst", "seeds/matching/1/other")
    for number, name in enumerate(written):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "trial.json").write_text(f"{number}\n")
    keep(config, "matching", tmp_path / "seeds" / "matching" / "1")
    found = {str(each.relative_to(tmp_path)): each.read_text() for each in (tmp_path / "seeds").rglob("*.json")}
    assert found == {
        "seeds/1/jst/trial.json": "3\n",
        "seeds/matching/1/my_chooser/trial.json": "0\n",
        "seeds/matching/1/my_finder/trial.json": "1\n",
        "seeds/matching/1/other/trial.json": "4\n",
    }
    keep(config, "scores", tmp_path / "seeds" / "1")
    assert sorted(each.name for each in (tmp_path / "seeds" / "1").iterdir()) == ["jst", "my_chooser", "my_finder"]


def test_the_workflow_is_run_up_to_the_target() -> None:
    chosen = argparse.Namespace(target="matching", cores=1, configfile=["configs/jsfusion.yaml"])
    assert command(7, chosen) == [
        "snakemake", "matching", "--snakefile", str(ROOT / "Snakefile"), "--cores", "1", "--config",
        "training={seed: 7}", "--configfile", "configs/jsfusion.yaml",
    ]  # fmt: skip


def test_nothing_to_match_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none.json"
    path.write_text(json.dumps({"matching": {"run": []}}))
    assert main(["--target", "matching", "--print-only", "--configfile", str(path)]) == 1
    assert capsys.readouterr().err.startswith("error: matching.run: empty")
