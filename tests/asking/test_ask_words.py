"""Typed text and histories as the corpus has them."""

from pathlib import Path

import pytest

from pipeline.asking.command import Request, ask
from pipeline.asking.history import given_history, read_history
from pipeline.asking.words import as_in_corpus, question_in_corpus, unknown_words
from pipeline.config import parse
from pipeline.corpus.dialogs import Turn
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.vocabulary.words import SPECIAL, Vocabulary

WORDS = ("what", "'s", "on", "the", "table", "doesn", "'t", "t-shirt", "?", ".", "video?", "he")
VOCABULARY = Vocabulary((*SPECIAL, *WORDS), 1)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("What's on the table?", "what 's on the table ?"),
        ("He doesn’t, he DOESN'T.", "he doesn 't , he doesn 't ."),
        ("a T-shirt/jacket (red)...", "a t-shirt/jacket ( red ) . . ."),
        ("the video?", "the video?"),
        ("  what 's   on\tthe table ?", "what 's on the table ?"),
        ("", ""),
        ("Ça va?", "ça va ?"),
    ],
)
def test_as_in_corpus(typed: str, expected: str) -> None:
    found = as_in_corpus(typed, VOCABULARY)
    assert found == expected
    assert as_in_corpus(found, VOCABULARY) == expected


def test_questions_end_with_a_mark() -> None:
    assert question_in_corpus("what's on", VOCABULARY) == "what 's on ?"
    assert question_in_corpus("what is it ?", VOCABULARY) == "what is it ?"
    assert question_in_corpus("tell me .", VOCABULARY) == "tell me ."
    assert question_in_corpus("यह क्या है", VOCABULARY) == "यह क्या है ?"
    assert question_in_corpus("the video?", VOCABULARY) == "the video?"
    assert question_in_corpus(" ", VOCABULARY) == ""
    assert question_in_corpus("what is it", Vocabulary((*SPECIAL, "what"), 1)) == "what is it"


def test_unknown_words() -> None:
    assert unknown_words("what zebra on <eos> zebra table", VOCABULARY) == ["zebra", "<eos>"]


EXPECTED = [Turn("what is it ?", "a ball ."), Turn("red ?", "no")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", [{"question": "What is it?", "answer": "A ball."}, {"question": "red?", "answer": "no", "n": 1}]),
        ("a.json", [["What is it?", "a ball."], ["Red?", "No"]]),
        ("a.txt", "What is it?\na ball.\n\nred ?\nno\n"),
        ("a.dialog", "Q: What is it?\nA: a ball.\nquestion: Red?\nANSWER:   no"),
        ("a.txt", "What is it?\r\na ball.\r\n\r\nred ?\rno\r\n"),
        ("a.txt", "What is\u2028it?\na\x0bball.\nred\x85?\n\x0cno\x1c\n"),
    ],
)
def test_histories(tmp_path: Path, name: str, content: object) -> None:
    path = tmp_path / name
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        write_json(path, content)
    assert read_history(path, "v")(lambda text: as_in_corpus(text, VOCABULARY)) == EXPECTED


def dialog(name: str | None, *turns: tuple[str, str]) -> dict[str, object]:
    made: dict[str, object] = {"dialog": [{"question": question, "answer": answer} for question, answer in turns]}
    return made if name is None else {"image_id": name, **made}


def test_histories_of_the_challenge(tmp_path: Path) -> None:
    """Its words stand as they are; the withheld answer's turn is not history; of several dialogs the video's counts."""
    path = tmp_path / "dialogs.json"
    kept = [Turn("It's", "8.5")]
    one = dialog("v", ("It's", "8.5"), ("what ?", "__UNDISCLOSED__"))
    other = dialog("w", ("what ?", "yes"))

    def split(text: str) -> str:
        raise AssertionError(text)

    for content in ({"dialogs": [one]}, one, {"dialogs": [other, one]}, dialog(None, ("It's", "8.5"))):
        write_json(path, content)
        assert read_history(path, "v")(split) == kept
    write_json(path, {"dialogs": [other, one]})
    with pytest.raises(UserError, match=r"dialogs\.json: no dialog about 'x' in it"):
        read_history(path, "x")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", [["what ?"]], r"turn 0 .* is not a question and an answer"),
        ("a.json", [["what ?", "it"], {"question": "what ?"}], r"turn 1 .* is not a question and an answer"),
        ("a.json", [["what ?", " "]], r"turn 0 .*: the answer is blank"),
        ("a.json", "what ?", "not a history"),
        ("a.json", {"what": 1}, "not a dialog file"),
        ("a.txt", "what ?\nit\nwhat ?", "3 lines, so the last question has no answer"),
        ("a.txt", "Q: what ?\nQ: why ?", "line 2: expected the answer here"),
        ("a.txt", "A: it", "line 1: expected the question here"),
        ("a.txt", "what ?\nA:", "line 2: the answer is blank"),
    ],
)
def test_what_is_no_history(tmp_path: Path, name: str, content: object, message: str) -> None:
    path = tmp_path / name
    if name == "a.txt":
        path.write_text(str(content), encoding="utf-8")
    else:
        write_json(path, content)
    with pytest.raises(UserError, match=message) as raised:
        read_history(path, "v")
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for name in ("a.json", "a.txt"):
        with pytest.raises(UserError, match="no such file"):
            read_history(tmp_path / name, "v")
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not a text file"):
        read_history(tmp_path / "b.txt", "v")


def test_turns_given_one_by_one() -> None:
    assert given_history(("a?", "b?"), ("c", "d"))(str.upper) == [Turn("A?", "C"), Turn("B?", "D")]
    with pytest.raises(UserError, match="--asked is given 2 times and --answered 1; they go in pairs"):
        given_history(("a", "b"), ("c",))
    with pytest.raises(UserError, match="blank"):
        given_history(("a",), (" ",))


@pytest.mark.parametrize("blank", ["", " \t"])
def test_a_blank_question_is_refused_before_anything_is_looked_for(tmp_path: Path, blank: str) -> None:
    """There is neither a video nor a model."""
    config = parse({"results": str(tmp_path), "device": "cpu"})
    with pytest.raises(UserError, match=r"^the question is blank, expected words$"):
        ask(config, Request(tmp_path / "none.mp4", ("what ?", blank)))
