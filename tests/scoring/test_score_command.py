import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from pipeline.corpus.references import write_references
from pipeline.errors import UserError
from pipeline.scoring import score
from pipeline.scoring.meteor import Meteor

TRUE = {("a", 0): ["yes , he does ."], ("a", 1): ["2 men ."], ("b", 0): ["a red cup ."]}


@pytest.fixture
def references(tmp_path: Path, meteor: Meteor, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(score, "Meteor", lambda: nullcontext(meteor))
    path = tmp_path / "references.json"
    write_references(path, TRUE)
    return path


def answers(path: Path, given: dict[tuple[str, int], str]) -> Path:
    videos = dict.fromkeys(video for video, _ in given)
    content = [
        {"image_id": v, "dialog": [{"question": "?", "answer": a} for (w, _), a in given.items() if v == w]}
        for v in videos
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"dialogs": content}), encoding="utf-8")
    return path


def test_single_references_are_filtered_too(tmp_path: Path, references: Path) -> None:
    same = answers(tmp_path / "same.json", {key: texts[0] for key, texts in TRUE.items()})
    other = answers(tmp_path / "other.json", dict.fromkeys(TRUE, "a 2 . he"))
    out = [tmp_path / "same" / "scores.json", tmp_path / "other" / "scores.json"]
    score.score_files([same, other], references, "organisers", None, 10, False, out)
    perfect, worse = (json.loads(path.read_text(encoding="utf-8")) for path in out)
    # "2 men ." is left with one word: BLEU-1 is 1 with no bigram anywhere but "yes he does" and "red cup".
    assert perfect["metrics"]["BLEU-1"] == pytest.approx(1)
    assert perfect["metrics"]["METEOR"] == pytest.approx(1)
    assert perfect["items"]["a_1"]["ROUGE-L"] == 1
    assert perfect["lengths"] == {"hypotheses": 4, "references": 4}
    # Of "a 2 . he" only "he" is left: it matches one reference out of three.
    assert worse["items"]["a_0"]["BLEU-1"] > 0
    assert worse["items"]["a_1"]["BLEU-1"] < 1e-5
    assert worse["items"]["b_0"]["BLEU-1"] < 1e-5
    signature = worse["signature"]
    assert (signature["filtered"], signature["references"], signature["items"]) == ("hypotheses and references", "1", 3)
    assert len(signature["references_sha256"]) == 64
    assert worse["grounded"] is None
    assert list(perfect["intervals"]) == list(perfect["metrics"])


def test_several_references_are_left_as_they_are(tmp_path: Path, references: Path) -> None:
    write_references(references, {("a", 0): ["a 2", "b"]})
    path = answers(tmp_path / "x.json", {("a", 0): "a 2 men"})
    out = tmp_path / "scores.json"
    score.score_files([path], references, "organisers", None, 0, False, [out])
    scores = json.loads(out.read_text(encoding="utf-8"))
    assert scores["metrics"]["BLEU-1"] < 1e-5
    assert scores["signature"]["filtered"] == "hypotheses"
    assert scores["intervals"] == {}


def test_partial_says_what_it_left_out(tmp_path: Path, references: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = answers(tmp_path / "jst" / "trial.json", {("a", 0): "yes he does"})
    with pytest.raises(UserError, match=r"2 missing of 3 \(a turn 1, b turn 0\).*--partial"):
        score.score_files([path], references, "none", None, 0, False, [])
    score.score_files([path], references, "none", None, 0, True, [])
    captured = capsys.readouterr()
    assert "scored on 1 of 3 referenced turns (2 answers missing" in captured.err
    assert "jst/trial" in captured.out
    assert "|refs:1|items:1|" in captured.out


def test_one_json_for_each_file(tmp_path: Path, references: Path) -> None:
    path = answers(tmp_path / "x.json", dict.fromkeys(TRUE, "yes"))
    with pytest.raises(UserError, match="--json: 1 given for 2 result files"):
        score.score_files([path, path], references, "none", None, 0, False, [tmp_path / "s.json"])
