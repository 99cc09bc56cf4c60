"""Mean and spread over seeds, by hand."""

import json
from pathlib import Path

import pytest

from benchmarks.seeds import spread


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for seed, (teacher, student) in enumerate([((8, 2.0), (6, 1.5)), ((6, 1.0), (7, 1.2))], start=1):
        for system, (right, cider) in (("ours_man_man", teacher), ("jst", student)):
            path = tmp_path / "seeds" / str(seed) / system / "trial.json"
            path.parent.mkdir(parents=True)
            grounded = {"colour": {"right": right - 1, "of": 6}, "sound": {"right": 1, "of": 4}}
            path.write_text(json.dumps({"metrics": {"BLEU-1": 0.5, "CIDEr": cider}, "grounded": grounded}))
    return tmp_path


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
    (results / "seeds" / "2" / "jst" / "trial.json").unlink()
    assert list(spread.gather(results, [1, 2], ["ours_man_man", "jst"], "trial")) == ["ours_man_man"]
    assert spread.gather(results, [1, 2], ["ours_man_man", "jst"], "official") == {}
