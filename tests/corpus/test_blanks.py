"""Blanks: content words of the vocabulary that can be read nowhere else, the same for a seed whatever the order."""

import json
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.corpus import word_classes as classes
from pipeline.corpus.blanking import blankable, count_frequent, draw, draw_and_write, sentences
from pipeline.corpus.blanks import MARK, Blank, blanks_of, read_blanks, write_given
from pipeline.corpus.dialogs import UNDISCLOSED, Dialog, Turn, write_dialogs
from pipeline.corpus.references import write_references
from pipeline.errors import UserError

KNOWN = frozenset(
    ["a", "the", "is", "it", "red", "green", "star", "ball", "walks", "slowly", "yes", "in", "kitchen", "man"]
)
DIALOGS = [
    Dialog(
        f"v{number}",
        "",
        "a man walks slowly in the kitchen",
        (
            Turn("what is it ?", f"it is a {('red', 'green')[number % 2]} star"),
            Turn("is the star red ?", "yes , the star is red"),
            Turn("and ?", UNDISCLOSED),
        ),
    )
    for number in range(12)
]
SAID = {dialog.video_id: sentences(dialog, "answer") for dialog in DIALOGS}


def words_of(question: str, sentence: str, known: frozenset[str] = KNOWN) -> list[str]:
    found = blankable((0, question, sentence), known)
    return [found.words[place] for place in found.places]


def test_which_words_may_be_blanked() -> None:
    # Function words, adverbs and words of no vocabulary never are.
    assert words_of("what is it ?", "a red star walks slowly in the dark kitchen") == [
        "red",
        "star",
        "walks",
        "kitchen",
    ]
    # Nor is what the sentence says twice, or the question has: it could be read there.
    assert words_of("", "a red star and a red ball") == ["star", "ball"]
    assert words_of("is the star red ?", "yes , the star is red") == []
    assert words_of("is the star green ?", "the star is red") == ["red"]
    assert words_of("", f"a {MARK} star") == words_of(MARK, "a star") == words_of("", "it is in the a") == []
    found = blankable((4, "", "a red star"), KNOWN)
    assert found.blank(1) == Blank(f"a {MARK} star", "red", "adjective")


def test_a_draw_depends_on_seed_and_sentence_and_not_on_the_order() -> None:
    found = draw(SAID, KNOWN, "answer", 1)
    # Of the second turn nothing is free, the third is withheld.
    assert list(found) == [(f"v{number}", 0) for number in range(12)]
    for (video, _), blank in found.items():
        words = blank.sentence.split()
        assert words.count(MARK) == 1
        assert blank.word not in words
        assert " ".join(blank.word if word == MARK else word for word in words) == SAID[video][0][2]
    assert {blank.word for blank in found.values()} == {"red", "green", "star"}
    assert draw(SAID, KNOWN, "answer", 1) == found
    assert draw(SAID, KNOWN, "answer", 2) != found
    turned = list(SAID)
    random.Random(3).shuffle(turned)
    assert draw({video: SAID[video] for video in turned}, KNOWN, "answer", 1) == found
    # One more dialog changes no other's blank.
    assert {key: draw({**SAID, "w": SAID["v1"]}, KNOWN, "answer", 1)[key] for key in found} == found


def test_all_free_words_are_equally_likely() -> None:
    said = {f"v{number}": [(0, "", "the man walks in the kitchen")] for number in range(900)}
    drawn = Counter(blank.word for blank in draw(said, KNOWN, "summary", 1).values())
    assert sorted(drawn) == ["kitchen", "man", "walks"]
    assert all(250 < count < 350 for count in drawn.values())


def test_the_most_frequent_words_are_counted_where_they_could_be_blanked() -> None:
    # Six of twelve stars are red: "red" by the alphabet behind "green"; "star" stands in all twelve.
    assert count_frequent(DIALOGS, "answer", KNOWN) == {"adjective": "green", "any": "star", "noun": "star"}
    assert count_frequent(DIALOGS[1:], "answer", KNOWN)["adjective"] == "green"
    assert count_frequent([*DIALOGS[1:], DIALOGS[0], DIALOGS[0]], "answer", KNOWN)["adjective"] == "red"
    assert count_frequent(DIALOGS, "captions", KNOWN) == {}


def written(folder: Path, text: Any, references: bool = True, known: frozenset[str] = KNOWN) -> Path:
    dialogs, truth, out = folder / "dialogs.json", folder / "references.json", folder / "blanks.json"
    write_dialogs(dialogs, DIALOGS)
    write_references(truth, {("v0", 2): ["a green ball", "something"], ("v1", 0): ["a ball", "it is a green star"]})
    draw_and_write(dialogs, truth if references else None, dialogs, known, text, 1, out)
    return out


def test_withheld_answers_are_the_first_reference_and_no_reference_is_no_blank(tmp_path: Path) -> None:
    found = read_blanks(written(tmp_path, "answer"))
    assert list(found.blanks) == [("v0", 2), ("v1", 0)]
    assert found.blanks["v0", 2].word in ("green", "ball")
    # What the dialog does not withhold is its own.
    assert found.blanks["v1", 0].word in ("green", "star")
    assert found.frequent["any"] == "star"
    assert read_blanks(written(tmp_path, "answer", references=False)).blanks == draw(SAID, KNOWN, "answer", 1)
    summary = read_blanks(written(tmp_path, "summary", references=False))
    assert (len(summary.blanks), summary.text) == (12, "summary")
    with pytest.raises(UserError, match=r"of 12 sentences \(summary\) none has a noun, verb or adjective"):
        written(tmp_path, "summary", references=False, known=frozenset(["slowly"]))


def test_the_file_says_what_word_classes_went_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_blanks(written(tmp_path, "answer")).tagger == classes.tagger()
    classes._tagging.cache_clear()
    for name in ("textblob", "textblob.en"):
        monkeypatch.setitem(sys.modules, name, None)
    try:
        assert read_blanks(written(tmp_path, "answer")).tagger == classes.LISTS
    finally:
        classes._tagging.cache_clear()


def test_blanks_of_other_people(tmp_path: Path) -> None:
    given = [
        ("a", "he <blank> the door .", "opens"),
        ("a", "a <blank> door", "unheard-of"),
        ("b", "<blank> laughs .", "SOMEONE"),
    ]
    path = tmp_path / "blanks.json"
    write_given(path, given)
    found = read_blanks(path)
    assert found.blanks == blanks_of(given)
    assert [(key, blank.word) for key, blank in found.blanks.items()] == [
        (("a", 0), "opens"), (("a", 1), "unheard-of"), (("b", 0), "SOMEONE")
    ]  # fmt: skip
    assert [blank.word_class for blank in found.blanks.values()] == ["verb", "adjective", "other"]
    assert (found.frequent, found.text) == ({}, "captions")
    for sentence, word in (
        ("no mark", "word"),
        ("<blank> and <blank>", "word"),
        ("one <blank>", "two words"),
        ("<blank>", ""),
    ):
        with pytest.raises(UserError, match=r"video a, sentence 0: expected <blank> once"):
            blanks_of([("a", sentence, word)])
    with pytest.raises(UserError, match="no sentence with a blank"):
        write_given(path, [])


def test_what_is_damaged_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "answer")
    content = json.loads(path.read_text())
    one = content["blanks"][0]
    damages: list[Any] = [
        {**content, "type": "answer_candidates"},
        {**content, "blanks": [one, one]},
        {**content, "blanks": [{**one, "sentence": "no mark"}]},
        {**content, "blanks": [{**one, "word": "two words"}]},
        {**content, "blanks": [{**one, "word_class": "thing"}]},
        {**content, "blanks": []},
        {key: value for key, value in content.items() if key != "tagger"},
        [],
    ]
    for damage in damages:
        path.write_text(json.dumps(damage))
        with pytest.raises(UserError, match=r"blanks\.json"):
            read_blanks(path)
