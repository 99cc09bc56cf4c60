"""Concept words: which words are taken, in which order, and the file of them."""

import json
from collections import Counter
from pathlib import Path

import pytest

from pipeline.config.concepts import ConceptWords
from pipeline.corpus.dialogs import Dialog, Turn
from pipeline.corpus.word_classes import word_classes
from pipeline.errors import UserError
from pipeline.vocabulary import concepts
from pipeline.vocabulary.concepts import Concept, Concepts, choose, read_words, texts
from pipeline.vocabulary.words import build

TOLD = (
    "a tall man opens a red door slowly .",
    "the man walks to the red car .",
    "two women open the green car .",
    "a woman is in the car .",
)
DIALOGS = [
    Dialog(
        f"v{place}",
        f"the script of {place} .",
        text,
        (Turn("what ?", "a lamp shines ."), Turn("so ?", "__UNDISCLOSED__")),
    )
    for place, text in enumerate(TOLD)
]
WORDS = build(DIALOGS, frozenset({"summary"}), 1)


def taken(**settings: object) -> list[Concept]:
    return list(choose(DIALOGS, WORDS, ConceptWords.model_validate({"min_count": 1, **settings})).concepts)


@pytest.fixture(autouse=True)
def plain_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes by a list, so that no tagger's opinion is tested here."""
    known = {
        **dict.fromkeys(("man", "door", "car", "women", "woman", "lamp"), "noun"),
        **dict.fromkeys(("opens", "walks", "open", "shines"), "verb"),
        **dict.fromkeys(("tall", "red", "green"), "adjective"),
        "slowly": "adverb",
    }
    monkeypatch.setattr(concepts, "word_classes", lambda words: [known.get(word, "other") for word in words])


def test_the_most_frequent_come_first_and_ties_go_by_alphabet() -> None:
    found = taken()
    counts = Counter(word for text in TOLD for word in text.split())
    assert [each.word for each in found] == [
        "car", "man", "red", "door", "green", "open", "opens", "tall", "walks", "woman", "women",
    ]  # fmt: skip
    assert all(each.count == counts[each.word] for each in found)
    assert {each.word: each.videos for each in found}["car"] == 3
    assert [each.word for each in taken(count=2)] == ["car", "man"]
    assert [each.word for each in taken(min_count=2)] == ["car", "man", "red"]
    assert [each.word for each in taken(classes=["adverb"])] == ["slowly"]
    assert "car" not in [each.word for each in taken(leave_out=["car"])]
    # The order of the dialogs says nothing.
    assert choose(DIALOGS[::-1], WORDS, ConceptWords(min_count=1)).words == tuple(each.word for each in found)


def test_the_texts_that_are_counted() -> None:
    assert [each.word for each in taken(texts=["answers"])] == ["lamp", "shines"]
    assert "lamp" in [each.word for each in taken(texts=["summary", "answers"])]
    # Both is caption and summary: a summary is not counted twice.
    assert taken(texts=["both", "summary"]) == taken(texts=["both"])
    assert texts(DIALOGS[0], "both") == ["the script of 0 .", TOLD[0]]
    assert texts(DIALOGS[0], "answers") == ["a lamp shines ."]
    # What no network knows is none: "script" would be a noun, and the vocabulary has no caption.
    assert "script" not in [each.word for each in taken(texts=["caption", "summary"])]
    with pytest.raises(
        UserError, match=r"here: no word of the vocabulary is a concept word \(adverb of caption, 1 times"
    ):
        choose(DIALOGS, WORDS, ConceptWords(min_count=1, texts=("caption",), classes=("adverb",)), "here")


def test_the_class_that_most_occurrences_have_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    given = iter([["noun", "verb"], ["verb", "other"], ["adjective", "adverb"]])
    monkeypatch.setattr(concepts, "word_classes", lambda words: next(given))
    dialogs = [Dialog(f"v{place}", "", text, ()) for place, text in enumerate(("run left", "run left", "run left"))]
    vocabulary = build([Dialog("v", "", "run left", (Turn("run left", "run left"),))], frozenset(), 1)
    found = choose(dialogs, vocabulary, ConceptWords(min_count=1, classes=("noun", "verb", "adjective")))
    # run: a noun, a verb, an adjective: the first of the three; left: a verb where it counts at all.
    assert found.concepts == (Concept("run", "noun", 3, 3), Concept("left", "verb", 1, 1))


def test_the_real_classes_leave_auxiliaries_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concepts, "word_classes", word_classes)
    dialogs = [Dialog("v", "", "the man is walking and he has been there . he does open the door .", ())]
    vocabulary = build([Dialog("v", "", "", (Turn("", dialogs[0].summary),))], frozenset(), 1)
    found = choose(dialogs, vocabulary, ConceptWords(min_count=1))
    assert {each.word for each in found.concepts} >= {"man", "walking", "door"}
    assert not {"is", "has", "been", "does", "the", "he", "and", "."} & set(found.words)


def test_labels_are_the_places_of_a_texts_words() -> None:
    found = Concepts(taken(), "lists")
    assert found.encode("the red car and the red man fly") == [0, 1, 2]
    assert found.decode([2, 0]) == "red car"
    assert found.encode("<pad> nothing") == []


def test_the_file(tmp_path: Path) -> None:
    path, found = tmp_path / "concepts.json", Concepts(taken(), "lists")
    found.write(path)
    read = read_words(path)
    assert isinstance(read, Concepts)
    assert (read.concepts, read.tagger, read.hash) == (found.concepts, "lists", found.hash)
    assert Concepts.read(path).words == found.words
    WORDS.write(tmp_path / "vocabulary.json")
    assert not isinstance(read_words(tmp_path / "vocabulary.json"), Concepts)
    content = json.loads(path.read_text())
    for change, message in (
        ({"concepts": []}, "concepts"),
        ({"hash": "0" * 64}, "do not match the file's hash"),
        ({"concepts": [{**content["concepts"][0], "word": "two words"}]}, "no single word"),
        ({"concepts": [{**content["concepts"][0], "word_class": "thing"}]}, "word_class"),
        ({"concepts": [content["concepts"][0]] * 2}, "hash"),
    ):
        path.write_text(json.dumps({**content, **change}))
        with pytest.raises(UserError, match=rf"concepts\.json.*{message}"):
            read_words(path)
