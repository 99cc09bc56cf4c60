import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.scoring import java
from pipeline.scoring.tokenizer import tokenize

LINE_ENDS = "\n\r\v\f\u2028\u2029"
# What makes the lexer look ahead, join or split: abbreviations, numbers, contractions, tags, emoticons, addresses.
_PIECES = (
    "no yes he the a i x Z 2 1/2 3.5 1,000 $5 £5 50% etc. jr. mr. no. nos. No. No u.s. U.S. a.m. e.g. vs. st. "
    "corp. co. ave. bldg. ky. tenn. jan. sept. we'll he'd don't isn't i'm I'm gonna wanna cannot dunno lemme 'tis "
    "d'ye n't 'll 's ' \" ` `` '' ( ) [ ] { } < > <b> </b> &amp; & ... .. . , ; : :) :-) =) =d x=d - -- --- / \\ "
    "| ||| http://a.b/c www.x.com a@b.co #t @me 5th 1990s 20's 10:30 3pm 650 (650) 555-1234 1-800-555-1234 and/or "
    "* *NL* + = ~ ^ ? ?! ! mid-20s <k k=' [^x= x.[^x= <!a ½ 3½ … ’ “ ” – — é 日本 🙂 👩\u200d👧 \ufeff \u200b \u00ad "
    "\x85 \x1c \x00"
)
PIECES = tuple(_PIECES.split(" "))
LAST = ("no", "nos", "etc", "jr", "a", "i", "z", "gonna", "co", "ky", "st", "doors")
BLANKS = (" ", " ", " ", "", "  ", "\t", "\u00a0", "\u3000")


def alone(sentences: Sequence[str], folder: Path) -> list[str]:
    """What pycocoevalcap makes of each sentence as the only one: a file of its own, without a line break at its end."""
    from pycocoevalcap.tokenizer.ptbtokenizer import PUNCTUATIONS

    for number, sentence in enumerate(sentences):
        blanks = dict.fromkeys(map(ord, LINE_ENDS), " ")
        (folder / f"{number}").write_bytes(sentence.translate(blanks).encode())
    (folder / "all").write_text("\n".join(f"{number}" for number in range(len(sentences))), encoding="ascii")
    program = ["-cp", str(java.jar("tokenizer", "stanford-corenlp-3.4.1.jar")), "edu.stanford.nlp.process.PTBTokenizer"]
    java.run_java([*program, "-preserveLines", "-lowerCase", "-ioFileList", "all"], "", 300, "test", folder)
    lines = [(folder / f"{number}.tok").read_bytes().decode() for number in range(len(sentences))]
    assert not any("\n" in line for line in lines)
    return [" ".join(word for word in line.rstrip().split(" ") if word not in PUNCTUATIONS) for line in lines]


def odd_sentences(count: int, seed: int) -> list[str]:
    """Sentences of odd pieces, half of them with a plain end, after which others may follow in the lexer's file."""
    generator = random.Random(seed)
    plain = [piece for piece in PIECES if piece.isascii() and not set(piece) & set("<&@[\x00\x1c")]

    def sentence() -> str:
        if generator.random() < 0.5:
            words = generator.choices(plain, k=generator.randint(0, 6))
            end = generator.choice(("", " .", ".", " ,", ",", " ?", "?", "!"))
            return " ".join([*words, generator.choice(LAST)]) + end
        pieces = generator.choices(PIECES, k=generator.randint(0, 5))
        return "".join(piece + generator.choice(BLANKS) for piece in pieces)

    return [sentence() for _ in range(count)]


def test_as_the_coco_tools_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dfile.encoding=ISO-8859-1 -Duser.language=tr")
    sentences = ["Yes , he does n't .", "", "i can't see -- no ...", "  a\n\tb c ", "Ein Kätzchen 日本", ".", "IT IS"]
    expected = ["yes he does n't", "", "i ca n't see no", "a b c", "ein kätzchen 日本", "", "it is"]
    assert tokenize(sentences) == expected


def test_brackets_stay_as_the_coco_tools_leave_them() -> None:
    assert tokenize(["he ( really ) did"]) == ["he -lrb- really -rrb- did"]


def test_a_token_may_hold_a_no_break_space() -> None:
    found = tokenize(["he eats 2 1/2 apples", "call (650) 555-1234 now"])
    assert found == ["he eats 2\u00a01/2 apples", "call -lrb-650-rrb-\u00a0555-1234 now"]


def test_line_ends_are_blanks() -> None:
    assert tokenize([f"no{end}way" for end in (*LINE_ENDS, "\r\n")]) == ["no way"] * 7


@pytest.mark.parametrize("sentence", ["no.", "he 's 5 years old jr.", "i think he 'll", "thanks :)"])
def test_equal_to_pycocoevalcap_itself(sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    if not os.access(java.jar("tokenizer", "ptbtokenizer.py").parent, os.W_OK):
        pytest.skip("pycocoevalcap writes into its own folder, which is read-only here")
    monkeypatch.setenv("PATH", str(java.java_program().parent))
    expected = PTBTokenizer().tokenize({0: [{"caption": sentence}]})[0][0]
    # "5" would make one token of "no." before it, and a second line another token of "'ll".
    assert tokenize([sentence]) == [expected]
    assert tokenize(["5 men", sentence, "5 men", "(x"])[1] == expected


def test_odd_sentences_in_any_company_and_order(tmp_path: Path) -> None:
    sentences = odd_sentences(1500, seed=1)
    expected = dict(zip(sentences, alone(sentences, tmp_path), strict=True))
    assert tokenize(sentences) == [expected[sentence] for sentence in sentences]
    random.Random(2).shuffle(sentences)
    some = sentences[:300]
    assert tokenize(some) == [expected[sentence] for sentence in some]


@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text(st.characters(codec="utf-8")) | st.lists(st.sampled_from(PIECES)).map(" ".join), min_size=60))
def test_any_sentences(tmp_path_factory: pytest.TempPathFactory, sentences: list[str]) -> None:
    assert tokenize(sentences) == alone(sentences, tmp_path_factory.mktemp("alone"))


def test_nothing_to_do() -> None:
    assert tokenize([]) == []


def test_failure_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "java"
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no class')\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(java, "java_program", lambda: program)
    with pytest.raises(UserError, match=r"^PTB tokeniser: Java ended with status 1: no class$"):
        tokenize(["a"])


def test_no_place_for_temporary_files_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    with pytest.raises(UserError, match=r"^PTB tokeniser: its temporary files could not be written .*TMPDIR"):
        tokenize(["a"])


def test_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "java"
    program.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(java, "java_program", lambda: program)
    with pytest.raises(UserError, match="not done after 0 s"):
        java.run_java([], "a", 0.3, "PTB tokeniser")
