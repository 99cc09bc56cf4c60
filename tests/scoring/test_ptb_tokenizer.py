import sys
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.scoring import java
from pipeline.scoring.tokenizer import tokenize


def test_as_the_coco_tools_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("PATH", "/nowhere")
    sentences = ["Yes , he does n't .", "", "i can't see -- no ...", "  a\n\tb c ", "Ein Kätzchen 日本", "."]
    assert tokenize(sentences) == ["yes he does n't", "", "i ca n't see no", "a b c", "ein kätzchen 日本", ""]


def test_brackets_stay_as_the_coco_tools_leave_them() -> None:
    assert tokenize(["he ( really ) did"]) == ["he -lrb- really -rrb- did"]


def test_nothing_to_do() -> None:
    assert tokenize([]) == []


def test_failure_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "java"
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no class')\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(java, "java_program", lambda: program)
    with pytest.raises(UserError, match=r"^PTB tokeniser: Java ended with status 1: no class$"):
        tokenize(["a"])


def test_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "java"
    program.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(java, "java_program", lambda: program)
    with pytest.raises(UserError, match="not done after 0 s"):
        java.run_java([], "a", 0.3, "PTB tokeniser")
