"""The concept words, V_c: the frequent nouns, verbs and adjectives that a detector looks for in videos.

Of the concept words of Yu, Ko, Choi and Kim, "End-to-end Concept Word Detection for Video Captioning, Retrieval, and
Question Answering" (CVPR 2017, section 3): the most frequent nouns, verbs and adjectives of the training sentences.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from pipeline.config.concepts import About, ConceptWords
from pipeline.corpus.dialogs import UNDISCLOSED, Dialog
from pipeline.corpus.sentences import sentences
from pipeline.corpus.word_classes import tagger, word_classes
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.texts import read_json
from pipeline.texts.typed import typed
from pipeline.vocabulary.words import SPECIAL, Vocabulary

TYPE = "concept_words"
"""What the file says it is."""
ORDER = ("noun", "verb", "adjective", "adverb")
"""Of equally frequent classes of a word the first one counts."""


@dataclass(frozen=True)
class Concept:
    """A concept word: its class, how often it has a class that was asked for, in the texts of how many videos."""

    word: str
    word_class: str
    count: int
    videos: int


@with_config(ConfigDict(extra="allow"))
class _Concept(TypedDict):
    word: str
    word_class: Literal["noun", "verb", "adjective", "adverb"]
    count: Annotated[int, Field(ge=1)]
    videos: Annotated[int, Field(ge=1)]


@with_config(ConfigDict(extra="allow"))
class _File(TypedDict):
    type: Literal["concept_words"]
    hash: str
    tagger: str
    concepts: Annotated[list[_Concept], Field(min_length=1)]


class Concepts(Vocabulary):
    """The words that a detector tells apart, by place; no special entry is among them.

    tagger: what the classes go by.
    """

    def __init__(self, concepts: Sequence[Concept], tagger: str) -> None:
        super().__init__([each.word for each in concepts], min_count=min(each.count for each in concepts))
        self.concepts, self.tagger = tuple(concepts), tagger
        self._ids = {word: place for place, word in enumerate(self.words)}

    def encode(self, text: str) -> list[int]:
        """Places of the concept words of ``text``, each once, in order: what its label is 1 for."""
        return sorted({self._ids[word] for word in text.split() if word in self._ids})

    def decode(self, ids: Iterable[int]) -> str:
        """The words at these places."""
        return " ".join(self.words[place] for place in ids)

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        concepts = [asdict(each) for each in self.concepts]
        write_json(path, {"type": TYPE, "hash": self.hash, "tagger": self.tagger, "concepts": concepts})

    @classmethod
    def read(cls, path: Path) -> "Concepts":
        """Read what `write` wrote; a file of another layout, or changed since, is a `UserError` that names it."""
        return cls.of(read_json(path), path)

    @classmethod
    def of(cls, content: Any, path: Path) -> "Concepts":
        """The content of the file ``path``, as `read` takes it."""
        given = typed(content, TypeAdapter(_File), str(path), "concept words of `avsd concepts`")
        found = cls([Concept(**_known(each)) for each in given["concepts"]], given["tagger"])
        odd = next((word for word in found.words if word.split() != [word]), None)
        if odd is not None:
            raise UserError(f"{path}: no concept words; {odd!r} is no single word")
        if found.hash != given["hash"] or len(set(found.words)) != len(found):
            raise UserError(f"{path}: the words do not match the file's hash; make it again with `avsd concepts`")
        return found


def _known(concept: Mapping[str, Any]) -> dict[str, Any]:
    return {item.name: concept[item.name] for item in fields(Concept)}


def texts(dialog: Dialog, kind: About) -> list[str]:
    """What there is of this kind about a dialog's video; its answers are those that are not withheld."""
    if kind == "answers":
        return [turn.answer for turn in dialog.turns if turn.answer != UNDISCLOSED]
    return sentences(dialog, kind)


def choose(
    dialogs: Sequence[Dialog], vocabulary: Vocabulary, settings: ConceptWords, source: str = "the training dialogs"
) -> Concepts:
    """The concept words of training dialogs: the most frequent first, equally frequent ones by alphabet.

    An occurrence counts where the word has one of the classes asked for in its sentence; the word's class is the one
    that most of these have. Words that ``vocabulary`` lacks are none: no network could read them. Raises `UserError`
    naming ``source`` where none is left.
    """
    counts: dict[str, Counter[str]] = {}
    videos: Counter[str] = Counter()
    left_out = {*settings.leave_out, *SPECIAL}
    known = set(vocabulary.words) - left_out
    for dialog in dialogs:
        seen = set()
        for word, word_class in _classed(dialog, settings):
            if word in known and word_class in settings.classes:
                counts.setdefault(word, Counter())[word_class] += 1
                seen.add(word)
        videos.update(seen)
    found = [
        Concept(word, _class(of), of.total(), videos[word])
        for word, of in counts.items()
        if of.total() >= settings.min_count
    ]
    if not found:
        raise UserError(
            f"{source}: no word of the vocabulary is a concept word ({', '.join(settings.classes)} of "
            f"{', '.join(settings.texts)}, {settings.min_count} times: section `concepts`); lower min_count, or name "
            "other texts"
        )
    found.sort(key=lambda each: (-each.count, each.word))
    return Concepts(found[: settings.count], tagger())


def _class(counts: Counter[str]) -> str:
    """The most frequent class."""
    return max(ORDER, key=lambda each: counts[each])


def _classed(dialog: Dialog, settings: ConceptWords) -> Iterator[tuple[str, str]]:
    """The words of a dialog's texts with their classes; a text that two kinds have counts once."""
    for text in dict.fromkeys(text for kind in settings.texts for text in texts(dialog, kind)):
        words = text.split()
        yield from zip(words, word_classes(words), strict=True)


def read_words(path: Path) -> Vocabulary:
    """The words that a model was trained with: a vocabulary, or a detector's concept words. `UserError` for others."""
    content = read_json(path)
    if isinstance(content, dict) and content.get("type") == TYPE:
        return Concepts.of(content, path)
    return Vocabulary.of(content, path)
