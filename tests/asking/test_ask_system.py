"""Which system answers when the user names none."""

from pathlib import Path

import pytest

from pipeline.asking.system import _best, choose, trained_systems
from pipeline.config import Config, parse
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.layout import Layout

SEES = {"description": {"train": "summary", "test": "summary"}}
SYSTEMS = {
    "plain": {"label": "a", "network": "attention"},
    "best": {"label": "b", "network": "attention"},
    "told": {"label": "c", "network": "attention", **SEES},
    "untold": {"label": "d", "model": "told"},
    "cut": {"label": "e", "model": "best", "without": ["history"]},
    "absent": {"label": "f", "network": "attention"},
}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    made = parse({"results": str(tmp_path), "systems": SYSTEMS})
    for name, perplexity in {"plain": 4.0, "best": 3.0, "told": 2.0}.items():
        write_json(Layout(tmp_path).model(name) / "system.json", {"metrics": {"validation_perplexity": perplexity}})
    return made


def score(config: Config, test_set: str, **figures: float) -> None:
    for name, figure in figures.items():
        write_json(Layout(config.results).scores(name, test_set), {"metrics": {"CIDEr": figure, "BLEU-1": 0.1}})


def test_trained(config: Config) -> None:
    assert trained_systems(config) == ["plain", "best", "told", "untold", "cut"]


def test_by_perplexity(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """`untold` has told's model: the lowest perplexity; `cut` lacks an input and is never chosen."""
    assert choose(config, described=False) == "untold"
    assert "system: untold (validation perplexity 2.00, the best of 3; --system" in capsys.readouterr().err


def test_by_scores(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """Only when all candidates have them, the trial set's before the official one's; one that reads a description is
    no candidate."""
    score(config, "trial", plain=1.5, told=9.0, cut=8.0, untold=0.5)
    score(config, "official", plain=0.1, best=0.2, untold=0.3)
    assert choose(config, described=False) == "untold"
    assert "CIDEr 0.300 on the official set" in capsys.readouterr().err
    score(config, "trial", best=1.2)
    assert choose(config, described=False) == "plain"
    assert "system: plain (CIDEr 1.500 on the trial set, the best of 3;" in capsys.readouterr().err


def test_with_a_description(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    assert choose(config, described=True) == "told"
    assert "the only one trained that fits" in capsys.readouterr().err


def test_with_what_is_there(config: Config) -> None:
    """Where no system fits the best of the others answers."""
    only = parse({"results": str(config.results), "systems": {"told": SYSTEMS["told"]}})
    assert choose(only, described=False) == "told"
    none = parse({"results": str(config.results), "systems": {"absent": SYSTEMS["absent"]}})
    with pytest.raises(UserError, match=r"models: no trained system of the configuration fits; train one with"):
        choose(none, described=False)


def test_an_ensemble_is_trained_with_its_last_member_and_measured_by_all(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """Members at 4 and 9: together at most 6, the square root of 36; the first alone is better than `other`, at 5."""
    systems = {
        "plain": {**SYSTEMS["plain"], "seeds": 2},
        "all": {"label": "g", "model": "plain", "ensemble": True},
        "other": {"label": "h", "network": "attention"},
    }
    seeded, layout = parse({"results": str(config.results), "systems": systems}), Layout(config.results)
    assert trained_systems(seeded) == ["plain"]
    for name, perplexity in {"plain_s2": 9.0, "other": 5.0}.items():
        write_json(layout.model(name) / "system.json", {"metrics": {"validation_perplexity": perplexity}})
    assert set(trained_systems(seeded)) == {"plain", "plain_s2", "all", "other"}
    assert choose(seeded, described=False) == "plain"
    capsys.readouterr()
    assert _best(seeded, ["all", "other"]) == "other"
    assert _best(seeded, ["all", "plain_s2"]) == "all"
    assert "system: all (validation perplexity at most 6.00, the best of 2;" in capsys.readouterr().err


def test_scores_of_another_layout(config: Config) -> None:
    write_json(Layout(config.results).scores("plain", "trial"), {"figures": {}})
    with pytest.raises(UserError, match=r"trial\.json: no CIDEr in it"):
        choose(config, described=False)
