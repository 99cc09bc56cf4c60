import json
from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml

from pipeline.config import parse
from pipeline.corpus.references import write_references
from pipeline.corpus.scenes.truth import Truth, TurnTruth, write_truth
from pipeline.errors import UserError
from pipeline.plan import Plan
from pipeline.scoring import score
from pipeline.scoring.meteor import Meteor

TRUE = {("a", 0): ["yes , he does ."], ("a", 1): ["2 men ."], ("b", 0): ["a red cup ."]}


@pytest.fixture
def references(tmp_path: Path, meteor: Meteor, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(score, "Meteor", lambda table=None: nullcontext(meteor))
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


def test_a_sentences_score_is_its_own(tmp_path: Path, references: Path) -> None:
    """A sentence before "5 men", scored among others and last, has the score it has by itself."""
    write_references(references, {("a", 0): ["2 men ."], ("a", 1): ["no ."], ("a", 2): ["5 men"], ("b", 0): ["a cup"]})
    given = {("a", 0): "two men", ("a", 1): "no.", ("a", 2): "5 men", ("b", 0): "he eats 2 1/2"}
    turned = {("b", 0): "5 he 'll", ("a", 0): "etc.", ("a", 1): "no.", ("a", 2): "(x"}
    files = [answers(tmp_path / "x.json", given), answers(tmp_path / "y.json", turned)]
    alone, both, other = (tmp_path / name for name in ("alone.scores", "both.scores", "other.scores"))
    score.score_files(files[:1], references, "none", None, 0, False, [alone])
    score.score_files(files[::-1], references, "none", None, 0, False, [other, both])
    scores = [json.loads(path.read_text(encoding="utf-8")) for path in (alone, both, other)]
    assert scores[0] == scores[1]
    assert scores[0]["items"]["a_1"] == scores[2]["items"]["a_1"]
    assert scores[0]["items"]["a_1"]["METEOR"] == scores[0]["items"]["a_1"]["ROUGE-L"] == 1


def test_scores_of_untokenised_answers(tmp_path: Path, references: Path) -> None:
    """By hand: two of three words match; CIDEr is 10/4 of the unigrams' cosines alone, 1/2 and 1: their mean."""
    write_references(references, {("a", 0): ["2 men ."], ("a", 1): ["no ."]})
    path, out = answers(tmp_path / "x.json", {("a", 0): "two men", ("a", 1): "no."}), tmp_path / "scores"
    score.score_files([path], references, "none", None, 0, False, [out])
    metrics = json.loads(out.read_text(encoding="utf-8"))["metrics"]
    assert metrics["BLEU-1"] == pytest.approx(2 / 3)
    assert metrics["CIDEr"] == pytest.approx(1.875)


def test_partial_says_what_it_left_out(tmp_path: Path, references: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = answers(tmp_path / "jst" / "trial.json", {("a", 0): "yes he does"})
    with pytest.raises(UserError, match=r"2 missing of 3 \(a turn 1, b turn 0\).*--partial"):
        score.score_files([path], references, "none", None, 0, False, [])
    score.score_files([path], references, "none", None, 0, True, [])
    captured = capsys.readouterr()
    assert "scored on 1 of 3 referenced turns (2 answers missing" in captured.err
    assert "jst/trial" in captured.out
    assert "|refs:1|items:1|" in captured.out


def test_what_is_printed_says_what_is_drawn_again(
    tmp_path: Path, references: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All answers about a video are drawn together: where two videos score alike every draw is the same."""
    write_references(references, {(video, turn): [f"word{turn}"] for video in "ab" for turn in range(3)})
    said = ("word0", "other", "word2")
    path = answers(tmp_path / "x.json", {(video, turn): said[turn] for video in "ab" for turn in range(3)})
    score.score_files([path], references, "none", None, 20, False, [tmp_path / "scores"])
    ends = json.loads((tmp_path / "scores").read_text(encoding="utf-8"))["intervals"]["BLEU-1"]
    assert ends == pytest.approx([2 / 3, 2 / 3])
    assert "± half the width of the 95 % interval (bootstrap over videos)" in capsys.readouterr().out


def test_nothing_is_printed_of_an_interval_that_there_is_not(
    tmp_path: Path, references: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_references(references, {("a", turn): [f"word{turn}"] for turn in range(3)})
    path = answers(tmp_path / "x.json", {("a", 0): "word0", ("a", 1): "other", ("a", 2): "word2"})
    score.score_files([path], references, "none", None, 20, False, [tmp_path / "scores"])
    assert json.loads((tmp_path / "scores").read_text(encoding="utf-8"))["intervals"] == {}
    printed = capsys.readouterr()
    assert "±" not in printed.out and "one video alone has no interval" in printed.err


def test_last_turns_alone_are_said(tmp_path: Path, references: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_references(references, {("a", 2): ["he sits", "he sits down"], ("b", 1): ["no", "none"]})
    path = answers(tmp_path / "x.json", {("a", 0): "he sits", ("b", 0): "no"})
    score.score_files([path], references, "none", None, 0, False, [tmp_path / "scores"])
    assert list(json.loads((tmp_path / "scores").read_text(encoding="utf-8"))["items"]) == ["a_2", "b_1"]
    assert "x.json: one turn of each dialog; 2 are taken as the later turn" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["trial[v1].json", "x[/b].json", ":cat:/[red]y.json"])
def test_names_are_printed_as_they_are(
    tmp_path: Path, references: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = answers(tmp_path / name, dict.fromkeys(TRUE, "yes"))
    other = answers(tmp_path / "other.json", dict.fromkeys(TRUE, "he does"))
    score.score_files([path, other], references, "none", None, 0, False, [], against=path, randomisations=9)
    printed = capsys.readouterr().out
    label = "/".join(path.with_suffix("").parts[-2:])
    assert f"Difference to {label}, p below it" in printed
    assert printed.count(name.removesuffix(".json").rpartition("/")[2]) == 2


def test_one_json_for_each_file(tmp_path: Path, references: Path) -> None:
    path = answers(tmp_path / "x.json", dict.fromkeys(TRUE, "yes"))
    with pytest.raises(UserError, match="--json: 1 given for 2 result files"):
        score.score_files([path, path], references, "none", None, 0, False, [tmp_path / "s.json"])


def test_layouts_of_the_same_references_score_the_same(
    tmp_path: Path, references: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """COCO, and dialogs whose last turn has several answers, where the history must count for nothing."""
    write_references(references, {("a", 1): ["he sits down", "a man sits"], ("b", 0): ["no sound at all", "none"]})
    dialogs = [
        {"image_id": "a", "dialog": [{"question": "?", "answer": "hello there you"}, {"question": "?", "answer": ""}]},
        {"image_id": "b", "dialog": [{"question": "?", "answer": ""}]},
    ]
    dialogs[0]["dialog"][1]["answer"] = ["he sits down", "a man sits"]
    dialogs[1]["dialog"][0]["answer"] = ["no sound at all", "none"]
    several = tmp_path / "several.json"
    several.write_text(json.dumps({"dialogs": dialogs}), encoding="utf-8")
    given = answers(tmp_path / "x.json", {("a", 0): "hello there you", ("a", 1): "he sits", ("b", 0): "no noise"})
    results = []
    for path in (references, several):
        score.score_files([given], path, "none", None, 20, False, [tmp_path / "scores.json"])
        results.append(json.loads((tmp_path / "scores.json").read_text(encoding="utf-8")))
        results[-1]["signature"].pop("references_sha256")
    assert results[0] == results[1]
    assert list(results[0]["items"]) == ["a_1", "b_0"]
    assert "2 last turns have several references and are scored; the 1 turns before" in capsys.readouterr().err


def test_each_other_system_is_compared(tmp_path: Path, references: Path, capsys: pytest.CaptureFixture[str]) -> None:
    perfect = answers(tmp_path / "perfect.json", {key: texts[0] for key, texts in TRUE.items()})
    same = answers(tmp_path / "same.json", dict.fromkeys(TRUE, "he"))
    worse = answers(tmp_path / "worse.json", dict.fromkeys(TRUE, "he"))
    out = [tmp_path / name for name in ("perfect.scores", "same.scores", "worse.scores")]
    # The file the others are compared with may be given by another path to it.
    against = tmp_path / "." / "x" / ".." / "worse.json"
    (tmp_path / "x").mkdir()
    given = [perfect, same, worse]
    score.score_files(given, references, "none", None, 0, False, out, against=against, randomisations=49)
    first, second, third = (json.loads(path.read_text(encoding="utf-8")) for path in out)
    assert third["against"] is None
    assert first["against"]["hypotheses"] == str(worse)
    assert (first["against"]["randomisations"], first["against"]["grounded"]) == (49, None)
    for metric, comparison in first["against"]["metrics"].items():
        assert comparison["difference"] == pytest.approx(first["metrics"][metric] - third["metrics"][metric], abs=1e-6)
        # Of three items one exchange in four is as good: p is about a quarter, and never below 1 / 50.
        assert 0.02 < comparison["p"] < 0.6
    assert set(second["against"]["metrics"]) == set(first["metrics"])
    assert all(found == {"difference": 0, "p": 1} for found in second["against"]["metrics"].values())
    printed = capsys.readouterr().out
    assert "49 trials" in printed
    assert "+0.0000" in printed


def test_accuracy_is_compared_by_category(tmp_path: Path, references: Path) -> None:
    turns = {"a": [("picture", "red"), ("picture", "blue")], "b": [("sound", "red")]}
    facts = {video: tuple(TurnTruth(kind, "colour", value) for kind, value in of) for video, of in turns.items()}
    truth = Truth({"colour": {"red": ("red",), "blue": ("blue",)}}, facts, {}, {}, {})
    write_truth(tmp_path / "truth.json", truth)
    right = answers(tmp_path / "right.json", {("a", 0): "red", ("a", 1): "blue", ("b", 0): "blue"})
    wrong = answers(tmp_path / "wrong.json", {("a", 0): "red", ("a", 1): "red", ("b", 0): "red"})
    out = [tmp_path / "right.scores", tmp_path / "wrong.scores"]
    score.score_files([right, wrong], references, "none", tmp_path / "truth.json", 0, False, out, wrong, 20)
    found = json.loads(out[0].read_text(encoding="utf-8"))["against"]["grounded"]
    differences = {name: comparison["difference"] for name, comparison in found.items()}
    assert differences == pytest.approx({"all": 0, "picture": 0.5, "sound": -1})
    # One item that differs: both exchanges are as large.
    assert found["picture"]["p"] == 1


def test_no_comparison_where_the_items_differ(
    tmp_path: Path, references: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = answers(tmp_path / "whole.json", dict.fromkeys(TRUE, "he"))
    part = answers(tmp_path / "part.json", {("a", 0): "she"})
    out = [tmp_path / "whole.scores", tmp_path / "part.scores"]
    score.score_files([whole, part], references, "none", None, 5, True, out, against=whole)
    results = [json.loads(path.read_text(encoding="utf-8")) for path in out]
    assert [(r["signature"]["items"], len(r["items"]), r["against"]) for r in results] == [(3, 3, None), (1, 1, None)]
    assert "part.json: not compared with" in capsys.readouterr().err


def test_compared_with_a_file_that_is_not_scored_beside_it(tmp_path: Path, references: Path) -> None:
    """Every figure is the same."""
    path = answers(tmp_path / "x.json", dict.fromkeys(TRUE, "yes"))
    other = answers(tmp_path / "other.json", {key: texts[0] for key, texts in TRUE.items()})
    alone, beside, third = (tmp_path / name for name in ("alone.scores", "beside.scores", "third.scores"))
    score.score_files([path], references, "none", None, 20, False, [alone], against=other, randomisations=49)
    score.score_files(
        [path, other], references, "none", None, 20, False, [beside, third], against=other, randomisations=49
    )
    assert json.loads(alone.read_text(encoding="utf-8")) == json.loads(beside.read_text(encoding="utf-8"))


def test_compared_with_a_file_that_is_not_there(tmp_path: Path, references: Path) -> None:
    path = answers(tmp_path / "x.json", dict.fromkeys(TRUE, "yes"))
    with pytest.raises(UserError, match=r"other.json: no such file"):
        score.score_files([path], references, "none", None, 0, False, [], against=tmp_path / "other.json")


CONFIG = parse(yaml.safe_load((Path(__file__).resolve().parents[2] / "config.yaml").read_text(encoding="utf-8")))


def with_settings(**values: object) -> dict[str, object]:
    return {**CONFIG.model_dump(exclude={"videos", "dialogs"}), **values}


def test_the_configured_system_is_compared_where_it_answers() -> None:
    plan = Plan.of(with_settings(scoring={"against": "without_history"}))
    assert plan.compared("trial") == [plan.layout.answers("without_history", "trial")]
    assert plan.compared("official") == []
    assert Plan.of(with_settings(scoring={"against": "st"}, run=["jst"])).compared("trial") == []
    assert Plan.of(with_settings(scoring={})).compared("trial") == []
    assert CONFIG.scoring.against == "ours_none_none"


def test_a_misspelt_system_to_compare_with_is_refused() -> None:
    with pytest.raises(UserError, match=r"scoring.against: 'ours_none_non' is not in systems"):
        parse(with_settings(scoring={"against": "ours_none_non"}))
