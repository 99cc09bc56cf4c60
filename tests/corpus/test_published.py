"""Published tests in every layout that goes round, and all that may be wrong with a line of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import Captions, Corpus
from pipeline.corpus.candidates import Candidates, dialogs_of, read_candidates
from pipeline.corpus.captions.importing import divide_captions
from pipeline.corpus.captions.reading import read_captions
from pipeline.corpus.dialogs import read_dialogs
from pipeline.corpus.published.reading import Blank, Pair, Question, read_published
from pipeline.corpus.published.writing import write_published
from pipeline.corpus.references import read_references
from pipeline.errors import UserError

CLIP = "3001_21_JUMP_STREET_00.03.07.077-00.03.07.559"
OTHER = "1012_Unbreakable_00.05.16.065-00.05.21.941"
TIMES = "00.03.07.077\t00.03.07.559\t00.03.06.318\t00.03.08.318"
FIVE = ('SOMEONE says "Hi".', "He nods.", "She smiles.", "They run!", "A car stops.")
PLAIN = ("someone says hi", "he nods", "she smiles", "they run", "a car stops")


def line(*cells: str, clip: str = CLIP) -> str:
    return "\t".join([clip, TIMES, *cells])


def written(folder: Path, *lines: str, ends: str = "\n", mark: bool = False) -> Path:
    path = folder / "test.csv"
    path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + ends.join([*lines, ""]).encode())
    return path


MC_HEAD = "key\tvid_key\ta1\ta2\ta3\ta4\ta5\tanswer"
JSONL = {"qid": "mc1", "clip_name": "video9771", "title": "msr169115", "answer": "2", "options": list(FIVE)}


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [False, True])
def test_the_challenges_choices(tmp_path: Path, ends: str, mark: bool) -> None:
    lines = [line(*FIVE, "4"), line(*reversed(FIVE), "1", clip=f" {OTHER} "), "", line(*FIVE, "5")]
    found = read_published(written(tmp_path, *lines, ends=ends, mark=mark))
    assert found.kind == "choices"
    assert found.questions == (
        Question(CLIP, PLAIN, 3),
        Question(OTHER, tuple(reversed(PLAIN)), 0),
        Question(CLIP, PLAIN, 4),
    )
    assert list(found.videos) == [CLIP, OTHER]
    # Those to learn from have the right one in front.
    assert read_published(written(tmp_path, line(*FIVE))).questions == (Question(CLIP, PLAIN, 0),)


def test_quotation_marks_are_marks_and_begin_no_cell(tmp_path: Path) -> None:
    odd = ('"He nods.', "It's a 5\" screen", '""', "x", "y")
    with pytest.raises(UserError, match=r"test\.csv: line 1: sentence 3 is '\"\"', expected words"):
        read_published(written(tmp_path, line(*odd, "1")))
    path = written(tmp_path, line(*odd[:2], "a", "b", "c", "1"), line(*FIVE, "2", clip=OTHER))
    first, second = read_published(path, marks=True).questions
    assert first.options[:2] == ('" he nods .', "it 's a 5 \" screen")
    assert second.options[0] == 'someone says " hi " .'


def test_texts_to_find_videos_by(tmp_path: Path) -> None:
    path = written(tmp_path, line("He nods."), line("She\u2028smiles.", clip=OTHER))
    assert read_published(path).pairs == (Pair(CLIP, "he nods"), Pair(OTHER, "she smiles"))
    assert read_published(written(tmp_path, line("He slowly nods his head.", "nod"))).pairs == (Pair(CLIP, "nod"),)


@pytest.mark.parametrize(
    ("lines", "pairs"),
    [
        (
            ["key,vid_key,video_id,sentence", 'ret0,msr9770,video9770,"a man, a dog"', "ret1,msr9771,video9771,a girl"],
            (Pair("video9770", "a man a dog"), Pair("video9771", "a girl")),
        ),
        (["key,vid_key,video_id,sentences", "ret0,msr1,video7,a man"], (Pair("video7", "a man"),)),
        (["key\tvid_key\tdescription", "RET0\tvid12\tHe nods.", 'RET1\tmsr9\t"She ""nods"""'],
         (Pair("vid12", "he nods"), Pair("video9", "she nods"))),
        (["sentence,video_id", "a man,video7"], (Pair("video7", "a man"),)),
    ],
)  # fmt: skip
def test_tables_with_names(tmp_path: Path, lines: list[str], pairs: tuple[Pair, ...]) -> None:
    assert read_published(written(tmp_path, *lines)).pairs == pairs


def test_choices_in_a_table_and_in_json_count_from_nothing(tmp_path: Path) -> None:
    expected = (Question("video9771", PLAIN, 2),)
    table = written(tmp_path, MC_HEAD, "MC0\tmsr9771\t" + "\t".join(text.replace('"', "") for text in FIVE) + "\t2")
    assert read_published(table).questions == expected
    assert read_published(written(tmp_path, json.dumps(JSONL), "")).questions == expected
    other: dict[str, Any] = {"video": "video9771.mp4", "caption": list(FIVE), "answer": 2}
    assert read_published(written(tmp_path, json.dumps([other]))).questions == expected
    assert read_published(written(tmp_path, json.dumps([other], indent=1))).questions == expected
    # Columns go by their numbers, wherever they stand.
    table = written(tmp_path, "vid_key\ta2\tanswer\ta1", "v\tno\t0\tyes")
    assert read_published(table).questions == (Question("v", ("yes", "no"), 0),)


@pytest.mark.parametrize(
    ("gapped", "word", "expected"),
    [
        ("He _____ the door.", "opens", Blank(CLIP, "he <blank> the door", "opens")),
        ("_____ nods.", "SOMEONE", Blank(CLIP, "<blank> nods", "someone")),
        ("It is SOMEONE's _____.", "t-shirt", Blank(CLIP, "it is someone 's <blank>", "t-shirt")),
        ("He takes the _____'s hat.", "man", Blank(CLIP, "he takes the <blank> 's hat", "man")),
        ("He __ it.", "has seen", Blank(CLIP, "he <blank> it", "has")),
    ],
)
def test_blanks(tmp_path: Path, gapped: str, word: str, expected: Blank) -> None:
    assert read_published(written(tmp_path, line("The whole.", gapped, word))).blanks == (expected,)
    table = written(tmp_path, "key\tvid_key\tsentence\tblank_sentence\tanswer", f"FIB0\t{CLIP}\tx\t{gapped}\t{word}")
    assert read_published(table).blanks == (expected,)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line(*FIVE, "1"), line(*FIVE, "0")], r"line 2: the answer is '0', expected a number from 1 to 5$"),
        ([line(*FIVE, "6")], r"line 1: the answer is '6'"),
        ([line(*FIVE, "")], r"line 1: the answer is ''"),
        (
            [line(*FIVE, "1"), line(*FIVE[:4], "1")],
            r"line 2: 10 columns, expected 11: clip, four times, five sentences",
        ),
        ([line(*FIVE, "1"), line("a\tb", *FIVE, "1"), CLIP], r"line 2: 13 columns.*\(and 1 more that are broken\)"),
        ([line(*FIVE[:4], " ", "1")], r"line 1: sentence 5 is blank, expected words"),
        ([line(*FIVE[:4], "...", "1")], r"line 1: sentence 5 is '\.\.\.', expected words"),
        ([line("x" * 5001)], r"line 1: the sentence has 5,001 characters"),
        (
            [line("a"), line("b", clip=OTHER), line("c")],
            rf"line 3: video {CLIP} stands twice, first in line 1; each is",
        ),
        ([line("a", clip="../x")], r"line 1: unsafe id '\.\./x'"),
        ([line("a", clip="")], r"line 1: unsafe id ''"),
        ([line("a", "He nods.", "nods")], r"line 1: 0 blanks \(_____\) in 'He nods\.', expected one"),
        ([line("a", "_____ nods _____.", "he")], "line 1: 2 blanks"),
        ([line("a", "_____ nods.", "!")], "line 1: what is missing is '!', expected a word"),
        ([line("a", "_____ nods.", "")], "line 1: what is missing is ''"),
        ([MC_HEAD, "k\tv\ta\tb\tc\td\te\t5"], "line 2: the answer is '5', expected a number from 0 to 4"),
        ([MC_HEAD, "k\tv\ta\tb\tc\td\te\t-1"], "line 2: the answer is '-1'"),
        ([MC_HEAD, "k\tv\ta\tb\tc\td\t2"], "line 2: 7 columns, expected 8: key, vid_key, a1"),
        ([MC_HEAD, *["k\tv\ta\tb\tc\td\te\t1"] * 2], "line 3: key 'k' stands twice, first in line 2"),
        ([MC_HEAD, "k\tv\ta\tb\t\td\te\t1"], "line 2: sentence 3 is blank"),
        ([MC_HEAD], "nothing in it but names of columns"),
        (["video_id,sentence,sentence", "v,a,b"], "line 1: column 'sentence' stands twice"),
        (["video_id,sentence", 'v,"a'], "line 2: not a table .unexpected end of data"),
        (["name,text", "v,a"], "no published test that is known; expected LSMDC's"),
        (["one\ttwo\tthree\tfour\tfive\tsix", "a\tb"], "no published test that is known"),
        (["{}"], "no published test that is known"),
        (['{"videos": [], "sentences": []}'], "no published test that is known"),
        (["[1, 2"], "not a JSON file that can be read"),
        ([json.dumps({**JSONL, "answer": "5"})], "line 1: the answer is '5', expected a number from 0 to 4"),
        ([json.dumps({**JSONL, "answer": True})], "line 1: the answer is True"),
        ([json.dumps({**JSONL, "answer": None})], "line 1: the answer is None"),
        ([json.dumps({**JSONL, "options": ["a"], "answer": 0})], "line 1: 1 sentences to choose from, expected two"),
        (
            [json.dumps({**JSONL, "options": ["a", 3]}).replace('"2"', "0")],
            "line 1: sentence 2 is a number, expected text",
        ),
        ([json.dumps(JSONL), json.dumps(JSONL)], "line 2: key 'mc1' stands twice, first in line 1"),
        ([json.dumps(JSONL), "", "{"], "line 3: not a JSON file"),
        ([json.dumps(JSONL), "3"], "line 2: expected an object with clip_name and options"),
        ([json.dumps([{**JSONL, "clip_name": 5}])], "question 0, counted from 0: expected an object with clip_name"),
        ([""], "no published test that is known"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_published(written(tmp_path, *lines))
    assert str(caught.value).startswith(f"{tmp_path / 'test.csv'}: ") and "\n" not in str(caught.value)


def test_a_sentence_that_is_too_long_with_words_and_marks_apart(tmp_path: Path) -> None:
    path = written(tmp_path, line(",".join(["a"] * 2500)))
    assert read_published(path).pairs[0].sentence == " ".join(["a"] * 2500)
    with pytest.raises(UserError, match=r"line 1: the sentence with words and marks apart has 9,997 characters"):
        read_published(path, marks=True)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_bytes(line("caf\xe9").encode("latin-1"))
    with pytest.raises(UserError, match=r"not UTF-8: byte 0xe9 in line 1"):
        read_published(path)


def test_a_right_sentence_among_the_wrong_ones_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read_published(written(tmp_path, line("a", "A!", "b", "c", "d", "1"), line(*FIVE, "1")))
    assert "in 1 of these the right sentence stands among the wrong ones too" in capsys.readouterr().err


# ---- as captions -----------------------------------------------------------------------------------------------------


TABLE = ["key\tvid_key\tdescription", f"a\t{CLIP}\tHe nods.", f"b\t{CLIP}\tNods.", f"c\t{OTHER}\tA dog."]
CHOICES = [line("He nods.", *"abcd"), line("Nods.", *"abcd"), line("A dog.", *"abcd", clip=OTHER)]


@pytest.mark.parametrize("lines", [[line("He nods."), line("Nods."), line("A dog.", clip=OTHER)], TABLE, CHOICES])
def test_captions_may_have_a_clip_several_times(tmp_path: Path, lines: list[str]) -> None:
    captions = read_captions(written(tmp_path, *lines), marks=False)
    assert captions.sentences == {CLIP: ("he nods", "nods"), OTHER: ("a dog",)}
    assert captions.left_out == 0


def test_blanks_are_no_captions(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no caption in it that can be used"):
        read_captions(written(tmp_path, line("He nods.", "He _____.", "nods")))


def test_what_is_broken_in_captions_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, line("He nods."), line("a", "b"), line("..."), line("c", clip="../x"))
    captions = read_captions(path, marks=False)
    assert (captions.sentences, captions.left_out) == ({CLIP: ("he nods",)}, 3)
    said = capsys.readouterr().err
    assert "line 2: 7 columns, expected 6" in said
    assert "line 3: the sentence is '...', expected words" in said
    assert "line 4: unsafe id '../x'" in said


def test_videos_of_published_choices_are_taken_out(tmp_path: Path) -> None:
    for name, videos in (("training", ("a", "b", CLIP)), ("validation", ("c", OTHER)), ("test", (OTHER, "d"))):
        (tmp_path / f"{name}.json").write_text(json.dumps({video: f"about {video}" for video in videos}))
    choices = written(tmp_path, line(*FIVE, "1"), line(*FIVE, "2", clip=OTHER))
    given = {name: tmp_path / f"{name}.json" for name in ("training", "validation", "test")}
    splits, taken_out = divide_captions(Corpus(source="captions"), Captions(**given, choices=choices))
    assert {split: list(videos) for split, videos in splits.items()} == {
        "training": ["a", "b"],
        "validation": ["c"],
        "test": [OTHER, "d"],
    }
    assert (taken_out["choices_from_training"], taken_out["test_from_validation"]) == (1, 1)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(line("a"))
    with pytest.raises(UserError, match=r"pairs\.csv: pairs, expected sentences to choose from \(captions\.choices\)"):
        divide_captions(Corpus(source="captions"), Captions(**given, choices=pairs))


# ---- as files of this project ----------------------------------------------------------------------------------------


def test_choices_become_candidates(tmp_path: Path) -> None:
    path = written(tmp_path, line(*FIVE, "4"), line(*FIVE, "1", clip=OTHER), line(*FIVE, "2"))
    write_published(path, tmp_path / "corpus", "test", question="what happens ?")
    found = read_candidates(tmp_path / "corpus" / "references" / "test.candidates.json")
    assert found == {
        (CLIP, 0): Candidates(PLAIN, 3, "what happens ?"),
        (OTHER, 0): Candidates(PLAIN, 0, "what happens ?"),
        (CLIP, 1): Candidates(PLAIN, 1, "what happens ?"),
    }
    asked = {dialog.video_id: dialog.turns for dialog in dialogs_of(found)}
    assert [turn.answer for turn in asked[CLIP]] == ["they run", "he nods"]
    assert asked[OTHER][0].question == "what happens ?"
    del found[CLIP, 0]
    with pytest.raises(UserError, match=f"video {CLIP}: question 0 is missing"):
        dialogs_of(found)


def test_a_question_of_no_words_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    path, out = written(tmp_path, line("He nods.")), tmp_path / "corpus"
    with pytest.raises(UserError, match=r"^--question is blank, expected words"):
        write_published(path, out, "test", question=" ")
    assert not out.exists()


def test_texts_become_a_test_set(tmp_path: Path) -> None:
    path, out = written(tmp_path, line("He nods."), line("A dog.", clip=OTHER)), tmp_path / "corpus"
    write_published(path, out, "test")
    dialogs = read_dialogs(out / "test.json")
    assert [(dialog.video_id, dialog.captions, dialog.turns) for dialog in dialogs] == [
        (CLIP, ("he nods",), ()),
        (OTHER, ("a dog",), ()),
    ]
    assert read_references(out / "references" / "test.captions.json") == {(CLIP, 0): ["he nods"], (OTHER, 0): ["a dog"]}
    write_published(path, out, "test", question="what ?", marks=True)
    assert read_dialogs(out / "test.json")[0].turns[0].answer == "he nods ."
    assert read_references(out / "references" / "test.json")[CLIP, 0] == ["he nods ."]
