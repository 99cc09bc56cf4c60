"""Sentences in which one word is missing, as files: what systems that fill blanks are asked, and scored against.

This project's own are drawn in `corpus.blanking`; those that somebody else has drawn are `write_given`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from pipeline.corpus.references import Key
from pipeline.corpus.word_classes import tagger, word_classes
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.texts.typed import read_typed

TYPE = "sentence_blanks"
MARK = "<blank>"
"""Stands in a sentence for the word that is missing."""
ANY = "any"
"""Beside the classes of words: whatever their class."""

BlankText = Literal["answer", "summary", "captions"]
TEXTS: tuple[BlankText, ...] = ("answer", "summary", "captions")
"""What the sentences are."""
Class = Literal["noun", "verb", "adjective", "adverb", "other"]


@dataclass(frozen=True)
class Blank:
    """A sentence with `MARK` in place of one word, that word, and its class."""

    sentence: str
    word: str
    word_class: str


@dataclass(frozen=True)
class Blanks:
    """What a file holds.

    text: what the sentences are. tagger: what the classes go by. frequent: by class, and of `ANY`, the word that stands
    most often in training; empty where nobody has counted.
    """

    blanks: Mapping[Key, Blank]
    text: BlankText
    tagger: str
    frequent: Mapping[str, str]


@with_config(ConfigDict(extra="allow"))
class _Blank(TypedDict):
    image_id: Annotated[str, Field(max_length=200)]
    turn: Annotated[int, Field(ge=0)]
    sentence: str
    word: Annotated[str, Field(min_length=1)]
    word_class: Class


@with_config(ConfigDict(extra="allow"))
class _File(TypedDict):
    type: Literal["sentence_blanks"]
    text: BlankText
    tagger: str
    frequent: NotRequired[dict[str, str]]
    blanks: Annotated[list[_Blank], Field(min_length=1)]


def check_text(text: str) -> BlankText:
    """``text`` itself; `UserError` for anything that is no `BlankText`."""
    if text not in TEXTS:
        raise UserError(f"--text: {text!r} is not known ({', '.join(TEXTS)})")
    return text


def reference_name(test_set: str, text: BlankText) -> str:
    """What the file of blanks of a test set is called among the references."""
    return f"{test_set}.blanks.{text}"


def blanks_of(given: Iterable[tuple[str, str, str]]) -> dict[Key, Blank]:
    """Blanks of other people's: video id, sentence with `MARK` in it once, word. A video's are counted from 0.

    >>> blanks_of([("clip1", "he <blank> the door .", "opens")])["clip1", 0]
    Blank(sentence='he <blank> the door .', word='opens', word_class='verb')
    """
    counts: Counter[str] = Counter()
    found = {}
    for video, sentence, word in given:
        words = sentence.split()
        place = _marked(words, word, f"video {video}, sentence {counts[video]}")
        words[place] = word
        found[video, counts[video]] = Blank(sentence, word, word_classes(words)[place])
        counts[video] += 1
    return found


def write_given(path: Path, given: Iterable[tuple[str, str, str]], text: BlankText = "captions") -> None:
    """Write blanks that somebody else has drawn: (video id, sentence with `MARK`, word) each."""
    write_blanks(path, blanks_of(given), text, {})


def write_blanks(
    path: Path, blanks: Mapping[Key, Blank], text: BlankText, frequent: Mapping[str, str], **about: int
) -> None:
    """Write blanks (JSON). frequent: as in `Blanks`; where it is empty, scores have no such base rate beside them."""
    content = [
        {
            "image_id": video,
            "turn": turn,
            "sentence": each.sentence,
            "word": each.word,
            "word_class": each.word_class,
        }
        for (video, turn), each in blanks.items()
    ]
    if not content:
        raise UserError(f"{path}: no sentence with a blank to write")
    head = {"type": TYPE, "version": "0.1", "text": text, **about, "tagger": tagger(), "frequent": dict(frequent)}
    write_json(path, {**head, "blanks": content})


def read_blanks(path: Path) -> Blanks:
    """Read what `write_blanks` wrote; `UserError` for anything else."""
    content = read_typed(path, TypeAdapter(_File), "blanks of `avsd corpus blanks`")
    found: dict[Key, Blank] = {}
    for each in content["blanks"]:
        key = (each["image_id"], each["turn"])
        where = f"{path}: dialog {key[0]}, turn {key[1]}"
        if key in found:
            raise UserError(f"{where}: stands twice; keep one of them")
        _marked(each["sentence"].split(), each["word"], where)
        found[key] = Blank(each["sentence"], each["word"], each["word_class"])
    return Blanks(found, content["text"], content["tagger"], content.get("frequent", {}))


def _marked(words: Sequence[str], missing: str, where: str) -> int:
    """The place of the one blank."""
    if words.count(MARK) != 1 or missing.split() != [missing]:
        raise UserError(f"{where}: expected {MARK} once in the sentence, and one word that is missing")
    return words.index(MARK)
