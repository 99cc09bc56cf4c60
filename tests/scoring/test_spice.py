"""SPICE's protocol, with a stand-in for Java: what the jar is asked, what is made of its answer, what goes wrong."""

import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from pipeline.corpus.references import write_references
from pipeline.errors import UserError
from pipeline.scoring import java, score, spice
from pipeline.scoring.bootstrap import intervals
from pipeline.scoring.meteor import Meteor
from pipeline.scoring.metrics import METRICS, measure_systems
from pipeline.scoring.significance import compare_scores

SHARES = """
import json
jar, given, out, written, silent = sys.argv[sys.argv.index("-jar") + 1 :]
assert (out, silent) == ("-out", "-silent") and "-Xmx8G" in sys.argv
asked = json.load(open(given, encoding="utf-8"))
assert [question["image_id"] for question in asked] == list(range(len(asked)))
with open(jar + ".asked", "a", encoding="utf-8") as file:
    file.write(json.dumps(asked) + chr(10))
def share(test, refs):
    words, known = set(test.split()), set(" ".join(refs).split())
    return len(words & known) / len(words | known) if words | known else None
scores = [{"image_id": q["image_id"], "scores": {"All": {"f": share(q["test"], q["refs"])}}} for q in asked]
json.dump(scores[::-1], open(written, "w"))
"""
"""A jar whose propositions are words: F is the share of them that both have. Its answers come in another order."""


@pytest.fixture
def jar(tmp_path: Path) -> Path:
    """A folder laid out as SPICE 1.0 is, with a space and an accent in its path."""
    folder = tmp_path / "my spicé"
    (folder / "lib").mkdir(parents=True)
    for name in ("spice-1.0.jar", "lib/stanford-corenlp-3.6.0.jar", "lib/stanford-corenlp-3.6.0-models.jar"):
        (folder / name).touch()
    return folder / "spice-1.0.jar"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, SHARES)


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    program = folder / "java"
    program.write_text(f"#!{sys.executable}\nimport sys\n{body}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(java, "java_program", lambda: program)


def asked(jar: Path) -> list[list[dict[str, object]]]:
    return [json.loads(line) for line in Path(f"{jar}.asked").read_text(encoding="utf-8").splitlines()]


def test_each_pair_is_asked_once_and_answers_go_by_number(jar: Path, fake: None) -> None:
    hypotheses = ["a red cup", "é 日本", "a red cup", "", "a red cup"]
    references = [["a cup", "red"], ["é"], ["a cup", "red"], [""], ["blue"]]
    found = spice.spice_items(jar, hypotheses, references)
    np.testing.assert_allclose(found, [1, 1 / 2, 1, 0, 0])
    questions = [
        {"image_id": 0, "test": "a red cup", "refs": ["a cup", "red"]},
        {"image_id": 1, "test": "é 日本", "refs": ["é"]},
        {"image_id": 2, "test": "", "refs": [""]},
        {"image_id": 3, "test": "a red cup", "refs": ["blue"]},
    ]
    assert asked(jar) == [questions]


def test_spice_stands_beside_the_other_metrics(jar: Path, fake: None, meteor: Meteor) -> None:
    references = [["a red cup"], ["he sits down"], ["no sound at all"]]
    systems = [["a red cup", "he stands", "no"], ["a cup", "he sits down", "it is dark"]]
    plain = measure_systems(systems, references, meteor)
    # The stand-in takes the place of every Java, so METEOR's process must be there already.
    scored = measure_systems(systems, references, meteor, jar)
    expected = [[1, 1 / 4, 1 / 4], [2 / 3, 1, 0]]
    for without, with_it, items in zip(plain, scored, expected, strict=True):
        np.testing.assert_allclose(with_it.items["SPICE"], items)
        assert with_it.corpus == {**without.corpus, "SPICE": pytest.approx(np.mean(items))}
        assert (without.further, with_it.further) == ((), ("SPICE",))
    assert len(asked(jar)) == 1  # Both systems in one run of the jar.
    bounds = intervals(scored, 50)
    assert list(bounds[0]) == [*METRICS, "SPICE"]
    assert {metric: bounds[0][metric] for metric in METRICS} == intervals(plain, 50)[0]
    assert bounds[0]["SPICE"][0] <= np.mean(expected[0]) <= bounds[0]["SPICE"][1]
    compared = compare_scores(*scored, 200)
    assert compared["SPICE"]["difference"] == pytest.approx(np.mean(expected[0]) - np.mean(expected[1]))
    assert {metric: compared[metric] for metric in METRICS} == compare_scores(*plain, 200)


def test_the_command_scores_prints_and_signs_it(
    tmp_path: Path,
    jar: Path,
    fake: None,
    meteor: Meteor,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(score, "Meteor", lambda table=None: nullcontext(meteor))
    monkeypatch.setattr(score, "tokenize", list)
    references, out = tmp_path / "references.json", tmp_path / "scores.json"
    write_references(references, {("a", 0): ["a red cup"], ("a", 1): ["he sits"]})
    given = [{"question": "?", "answer": "a red cup"}, {"question": "?", "answer": "he stands"}]
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({"dialogs": [{"image_id": "a", "dialog": given}]}))
    score.score_files([answers], references, "none", None, 20, False, [out], spice=jar)
    scores = json.loads(out.read_text())
    assert scores["metrics"]["SPICE"] == pytest.approx(2 / 3)
    assert [item["SPICE"] for item in scores["items"].values()] == [1.0, pytest.approx(1 / 3, abs=1e-6)]
    assert scores["signature"]["spice"] == "1.0"
    said = capsys.readouterr().out
    assert "SPICE" in said
    assert "|spice:1.0|" in said


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("spice-1.0.jar", r"spice-1\.0\.jar: no such file; SPICE needs its jar, with the folder lib beside it$"),
        ("lib/stanford-corenlp-3.6.0.jar", r"lib: no stanford-corenlp-\*\[0-9\]\.jar; SPICE needs the parser"),
        ("lib/stanford-corenlp-3.6.0-models.jar", r"lib: no stanford-corenlp-\*-models\.jar; SPICE needs the parser"),
    ],
)
def test_what_lacks_is_named_before_anything_is_scored(jar: Path, gone: str, message: str) -> None:
    (jar.parent / gone).unlink()
    with pytest.raises(UserError, match=message):
        score.score_files([Path("nowhere")], Path("nowhere"), "none", None, 0, False, [], spice=jar)


def test_the_jar_of_pycocoevalcap_lacks_its_parser() -> None:
    """It is the published one; what it runs on has to be fetched, and that is for its user to do."""
    with pytest.raises(UserError, match="SPICE needs the parser"):
        spice.check_jar(java.jar("spice", "spice-1.0.jar"))


WRITE = "open(sys.argv[-2], 'w').write"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (r"sys.stderr.write('Error: heap\n\tat X.y\n'); sys.exit(1)", "^SPICE: Java ended with status 1: Error: heap$"),
        ("", r"^SPICE: .*spice-1\.0\.jar ended without a word and wrote no scores"),
        (WRITE + """('[{"image_id": 0}]')""", r'wrote \[\{"image_id": 0\}\]: not the scores of SPICE 1\.0$'),
        (WRITE + "('7')", r"wrote 7: not the scores of SPICE 1\.0$"),
        (WRITE + "('[]')", "was asked for 1 scores and gave 0, or others$"),
        (WRITE + "('[')", r"scores\.json"),
    ],
)
def test_a_jar_that_fails_is_one_line(
    tmp_path: Path, jar: Path, monkeypatch: pytest.MonkeyPatch, body: str, message: str
) -> None:
    stand_in(tmp_path, monkeypatch, body)
    with pytest.raises(UserError, match=message) as error:
        spice.spice_items(jar, ["a"], [["a"]])
    assert "\n" not in str(error.value)


@pytest.mark.skipif("SPICE_JAR" not in os.environ, reason="SPICE_JAR does not name a jar of SPICE with its parser")
def test_the_jar_itself() -> None:
    """An equal sentence has 1, one about something else nothing."""
    jar = Path(os.environ["SPICE_JAR"])
    spice.check_jar(jar)
    same, other = spice.spice_items(jar, ["a man sits on a red chair", "two dogs"], [["a man sits on a red chair"]] * 2)
    assert (same, other) == (1.0, 0.0)
