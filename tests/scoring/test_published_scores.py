"""The organisers' scorer on the organisers' baseline: the "AVSD baseline" row of Table 3."""

import ast
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.corpus.references import read_references
from pipeline.scoring.filters import apply_filter
from pipeline.scoring.matching import match, read_answers
from pipeline.scoring.meteor import STATISTICS, Meteor
from pipeline.scoring.metrics import measure
from pipeline.scoring.score import score_files
from pipeline.scoring.tokenizer import tokenize

LOG_NAMES = {"Bleu_1": "BLEU-1", "Bleu_2": "BLEU-2", "Bleu_3": "BLEU-3", "Bleu_4": "BLEU-4"}
LOG_NAMES |= {"METEOR": "METEOR", "ROUGE_L": "ROUGE-L", "CIDEr": "CIDEr"}


@pytest.fixture(scope="module")
def avsd(shared: Path) -> Path:
    return shared / "data" / "avsd"


def test_dstc7_filter_reproduces_the_published_log(
    avsd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("LC_ALL", "C")
    references = avsd / "test_set4DSTC7-AVSD_multiref.json"
    answers = avsd / "published_baseline_i3d_hypotheses.json"
    score_files([answers], references, "dstc7", None, 200, False, [tmp_path / "scores.json"])
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    expected = [0.6214, 0.4802, 0.3794, 0.3054, 0.2167, 0.4808, 0.7334]
    assert [round(value, 4) for value in scores["metrics"].values()] == expected
    assert all(low < scores["metrics"][metric] < high for metric, (low, high) in scores["intervals"].items())
    assert scores["signature"]["references"] == "6"
    assert scores["signature"]["filtered"] == "hypotheses"
    _check_items(avsd, scores["items"])
    printed = capsys.readouterr().out
    assert "0.7334" in printed
    assert "filter:dstc7|filtered:hypotheses|refs:6|items:1710|" in printed


def _check_items(avsd: Path, items: dict[str, dict[str, float]]) -> None:
    references = json.loads((avsd / "test_set4DSTC7-AVSD_multiref.json").read_text(encoding="utf-8"))
    names = {image["id"]: image["name"] for image in references["images"]}
    lines = (avsd / "published_baseline_i3d.eval").read_text(encoding="utf-8").splitlines()
    published = [ast.literal_eval(line[line.index("{") :]) for line in lines if "'image_id'" in line]
    assert len(published) == len(items) == 1710
    for item in published:
        ours = items[names[item["image_id"]]]
        theirs = {LOG_NAMES[name]: value for name, value in item.items() if name in LOG_NAMES}
        assert ours == pytest.approx(theirs, abs=2e-6)


def test_last_turns_alone_of_the_published_answers(avsd: Path, tmp_path: Path) -> None:
    """The file as some publish it: every hypothesis has its reference, as in the whole one."""
    whole = avsd / "published_baseline_i3d_hypotheses.json"
    content = json.loads(whole.read_text(encoding="utf-8"))
    for dialog in content["dialogs"]:
        del dialog["dialog"][:-1]
    last = tmp_path / "last.json"
    last.write_text(json.dumps(content), encoding="utf-8")
    references = read_references(avsd / "test_set4DSTC7-AVSD_multiref.json")
    found, expected = (match(path, read_answers(path), references, partial=False) for path in (last, whole))
    assert found.moved == 1330
    assert (found.keys, found.hypotheses, found.references) == (expected.keys, expected.hypotheses, expected.references)


class _NoMeteor(Meteor):
    """Stands in where METEOR is not looked at."""

    def __init__(self) -> None:
        pass

    def statistics(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> list[str]:
        return [" ".join(["0"] * STATISTICS) for _ in hypotheses]

    def evaluate(self, statistics: Sequence[str]) -> tuple[float, list[float]]:
        return 0.0, [0.0] * len(statistics)


def test_dstc8_filter(avsd: Path) -> None:
    path = avsd / "published_baseline_i3d_hypotheses.json"
    references = read_references(avsd / "test_set4DSTC7-AVSD_multiref.json")
    found = match(path, read_answers(path), references, partial=False)
    tokens = tokenize([apply_filter("dstc8", answer) for answer in found.hypotheses])
    groups = iter(tokenize([text for group in found.references for text in group]))
    measured = measure(tokens, [[next(groups) for _ in group] for group in found.references], _NoMeteor())
    assert round(measured.corpus["CIDEr"], 4) == 0.7691
