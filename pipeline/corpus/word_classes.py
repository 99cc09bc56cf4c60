"""The class of each word of a sentence: which words name something that can be seen or heard.

TextBlob's PatternTagger (the lexicon of Brill's tagger and rules for endings; it opens no file but its own package's),
with two corrections. Where that package is not installed, lists of this project's own and endings
(`corpus.closed_words`): much coarser, so that a warning says it and `tagger` names it, and what is written of word
classes has that name in it. Both take the closed classes from the same list.
"""

import importlib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from typing import Literal, cast

from pipeline.corpus.closed_words import (
    ADJECTIVE_ENDINGS,
    ADJECTIVES,
    ADVERB_ENDINGS,
    ADVERBS,
    CLOSED,
    NOT_BY_ENDING,
    VERB_ENDINGS,
    VERBS,
)
from pipeline.progress import log

WordClass = Literal["noun", "verb", "adjective", "adverb", "other"]
CONTENT: tuple[WordClass, ...] = ("noun", "verb", "adjective")
"""Classes of words that name something."""
LISTS = "word lists"
"""What `tagger` says where there is no tagger."""

_Tag = Callable[[list[str]], list[list[str]]]
_CLASSES: dict[str, WordClass] = {"NN": "noun", "VB": "verb", "JJ": "adjective", "RB": "adverb"}
_DETERMINERS = frozenset(("a", "an", "the", "this", "that", "my", "his", "her", "its", "their", "your", "our"))


def word_classes(words: Sequence[str]) -> list[str]:
    """Of each of ``words``, the white-space tokens of a sentence, "noun", "verb", "adjective", "adverb" or "other".

    Function words, auxiliaries ("is", "has", "does", wherever they stand), numbers, punctuation are "other".

    >>> word_classes("two men are slowly walking to the green door .".split())
    ['other', 'noun', 'other', 'adverb', 'verb', 'other', 'other', 'adjective', 'noun', 'other']
    """
    tag = _tagging()
    return list(listed(words) if tag is None else _tagged(words, tag))


def tagger() -> str:
    """What `word_classes` goes by: "textblob" with its version, or `LISTS`. Classes of the two are not to be mixed."""
    return LISTS if _tagging() is None else f"textblob {version('textblob')}"


def listed(words: Sequence[str]) -> list[WordClass]:
    """The classes by this project's lists and endings alone; what neither has is a noun.

    >>> listed("a tidy cook kindly tastes soup .".split())
    ['other', 'adjective', 'noun', 'adverb', 'noun', 'noun', 'other']
    """
    return [_listed(word.lower()) for word in words]


@cache
def _tagging() -> _Tag | None:
    """TextBlob's tagger of tokens, as its `PatternTagger` calls it; None, once with a warning, where there is none."""
    try:
        parser = importlib.import_module("textblob.en").parser
    except ImportError as error:
        log(
            f"Warning: word classes go by the project's own word lists, which are coarse ({error}); "
            "install the Python package textblob for a tagger"
        )
        return None
    return cast(_Tag, parser.find_tags)


def _tagged(words: Sequence[str], tag: _Tag) -> list[WordClass]:
    found: list[WordClass] = []
    for word, (_, mark) in zip(words, tag(list(words)) if words else [], strict=True):
        if _closed(word.lower()):
            found.append("other")
        elif word.endswith("wards"):
            # "downwards" ends as a plural does.
            found.append("adverb")
        else:
            found.append(_CLASSES.get(mark[:2], "other"))
    # It looks at words one by one. A phrase that begins with a determiner and has no second word has its noun there:
    # "to the left slowly", "at the beginning ."; not "the only one".
    for place in range(1, len(words)):
        alone = place + 1 == len(words) or found[place + 1] in ("other", "adverb")
        if alone and found[place] in CONTENT and words[place - 1].lower() in _DETERMINERS:
            found[place] = "noun"
    return found


def _closed(word: str) -> bool:
    """Whether it is a function word, a number or no word at all (a letter, "s" of "he 's", is none)."""
    return word in CLOSED or len(word) == 1 or not any(map(str.isalpha, word)) or word[0].isdigit()


def _listed(word: str) -> WordClass:
    if _closed(word):
        return "other"
    lists: tuple[tuple[frozenset[str], WordClass], ...] = (
        (ADVERBS, "adverb"),
        (VERBS, "verb"),
        (ADJECTIVES, "adjective"),
        (NOT_BY_ENDING, "noun"),
    )
    for known, its in lists:
        if word in known:
            return its
    endings: tuple[tuple[tuple[str, ...], WordClass], ...] = (
        (ADVERB_ENDINGS, "adverb"),
        (VERB_ENDINGS, "verb"),
        (ADJECTIVE_ENDINGS, "adjective"),
    )
    return next((its for ends, its in endings if len(word) > 4 and word.endswith(ends)), "noun")
