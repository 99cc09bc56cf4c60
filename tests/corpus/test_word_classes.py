"""Word classes by TextBlob's tagger and by the lists that stand in for it, on sentences whose classes are known."""

import importlib.util
import subprocess
import sys
from collections import Counter

import pytest

from pipeline.config import Scenes
from pipeline.corpus import word_classes as module
from pipeline.corpus.closed_words import ADJECTIVES, ADVERBS, CLOSED, NOT_BY_ENDING, VERBS
from pipeline.corpus.scenes.generate import tell
from pipeline.corpus.scenes.language import WORDS
from pipeline.corpus.word_classes import LISTS, listed, tagger, word_classes

needs_textblob = pytest.mark.skipif(importlib.util.find_spec("textblob") is None, reason="textblob is not installed")


def known_classes():
    """Of the scenes' words."""
    nouns = [form for word in WORDS["shape"].values() for form in word.values()]
    nouns += [word["noun"].split()[-1] for word in WORDS["sound"].values()]
    nouns += split("bar picture clip video motion number side top bottom left right beginning start end time")
    classes = dict.fromkeys(nouns, "noun")
    classes |= dict.fromkeys([*WORDS["colour"], "slow", "fast", "whole"], "adjective")
    classes |= dict.fromkeys(split("slowly quickly upwards downwards then very quite rather always"), "adverb")
    verbs = [word["doing"] for word in WORDS["action"].values()]
    verbs += split("moving going looks hangs see hear find count comes goes seems think believe")
    classes |= dict.fromkeys(verbs, "verb")
    return classes | dict.fromkeys(split("one two three first a the is are it i at in . , no yes of"), "other")


def split(text):
    return text.split()


def agreement(classify):
    """The share of content words of scenes that ``classify`` has the class of, and the words it has not."""
    known, right, wrong = known_classes(), 0, {}
    for told in tell(Scenes())["training"]:
        for text in (told.dialog.summary, *(turn.answer for turn in told.dialog.turns)):
            words = text.split()
            for place, (word, found) in enumerate(zip(words, classify(words), strict=True)):
                # Of "the left side" the first could be either.
                expected = None if words[place + 1 : place + 2] == ["side"] else known.get(word)
                if expected == found:
                    right += expected != "other"
                elif expected is not None:
                    wrong[word] = wrong.get(word, 0) + 1
    return right / (right + sum(wrong.values())), wrong


@needs_textblob
def test_the_tagger_agrees_with_scenes_nearly_always():
    share, wrong = agreement(word_classes)
    assert share > 0.97
    assert set(wrong) == {"top", "count", "fast"}  # "at the very top", "i count two", "it is fast"
    assert tagger().startswith("textblob ")


def test_the_lists_agree_with_scenes_less_often():
    share, wrong = agreement(listed)
    assert 0.93 < share < 0.97
    assert set(wrong) == {"left", "beginning", "count", "start"}  # nouns of scenes that are verbs by their form


@needs_textblob
def test_it_is_the_pattern_tagger_on_tokens_as_they_are():
    from textblob.en import parser
    from textblob.taggers import PatternTagger

    words = split("he opens the fridge/freezer , it 's -- and SOMEONE pulls 3.5 m of rope")
    assert [tuple(pair) for pair in parser.find_tags(list(words))] == PatternTagger().tag(" ".join(words), False)
    assert len(word_classes(words)) == len(words)


@needs_textblob
def test_sentences_by_hand():
    assert classes("a person is walking slowly into the dark kitchen and drank coffee .") == (
        "other noun other verb adverb other other adjective noun other verb noun other"
    )
    # One slip of the tagger's, which does not look at what stands around: "drinks" is a verb here.
    assert classes("he drinks a beer") == "other noun other noun"
    # Function words are no nouns, whatever the lexicon says; nor are people whom LSMDC does not name.
    # Nor are the pieces of "doesn't", however they are cut, and "the only one" has no noun.
    assert classes("he doesn 't , i don't and they do n't s the only one") == " ".join(
        ["other"] * 12 + ["adverb", "other"]
    )
    assert classes("SOMEONE has something for someone") == "other other other other other"


def classes(text):
    return " ".join(word_classes(text.split()))


@needs_textblob
def test_it_needs_no_data_of_nltk_and_no_network(tmp_path):
    program = """
import socket

def refused(*_, **__):
    raise AssertionError("a connection")

socket.socket.connect = socket.create_connection = refused
from pipeline.corpus.word_classes import tagger, word_classes
print(tagger(), word_classes(["a", "red", "star", "walks"]))
"""
    environment = {"NLTK_DATA": str(tmp_path / "none"), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.startswith("textblob ")
    assert done.stdout.endswith("['other', 'adjective', 'noun', 'verb']\n")
    assert list(tmp_path.iterdir()) == []


def test_without_textblob_the_lists_are_used_and_said_once(monkeypatch, capfd):
    module._tagging.cache_clear()
    for name in ("textblob", "textblob.en"):
        monkeypatch.setitem(sys.modules, name, None)
    try:
        words = split("he drinks tea")
        assert word_classes(words) == listed(words) == ["other", "noun", "noun"]
        assert word_classes(["red"]) == ["adjective"]
        assert tagger() == LISTS
    finally:
        module._tagging.cache_clear()
    said = capfd.readouterr().err
    assert said.count("Warning: word classes go by the project's own word lists") == 1
    assert "install the Python package textblob" in said


def test_no_word_stands_in_two_lists():
    lists = (CLOSED, ADVERBS, ADJECTIVES, VERBS, NOT_BY_ENDING)
    counts = Counter(word for words in lists for word in words)
    assert {word for word, count in counts.items() if count > 1} == set()


def test_lists_by_hand():
    assert listed(split("the friendly man quickly folded 2 shirts , did n't smile")) == (
        ["other", "adjective", "noun", "adverb", "verb", "other", "noun", "other", "other", "other", "verb"]
    )
    assert listed([]) == word_classes([]) == []
