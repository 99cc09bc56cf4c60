"""The vocabulary: words and their ids (section 2 of docs/architecture.md)."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.corpus.dialogs import Dialog
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.texts import read_json
from pipeline.vocabulary import END, UNKNOWN

SPECIAL = ("<pad>", "<unk>", "<sos>", "<eos>")
"""The first entries, in the order of the ids in `pipeline.vocabulary`."""


class Vocabulary:
    """Words by id; white-space tokens are words, an unknown one maps to `<unk>`.

    words: every entry, the special ones first. min_count: a word had to occur so often in the training text.
    """

    def __init__(self, words: Sequence[str], min_count: int) -> None:
        self.words = tuple(words)
        self.min_count = min_count
        self.hash = hashlib.sha256("\n".join(self.words).encode()).hexdigest()
        # In a text, "<eos>" or "<pad>" is a word like any other and not the id that ends or fills a sentence.
        self._ids = {word: place for place, word in enumerate(self.words) if place >= len(SPECIAL)}

    def __len__(self) -> int:
        return len(self.words)

    @property
    def known(self) -> frozenset[str]:
        """The words that have an id of their own."""
        return frozenset(self._ids)

    def encode(self, text: str) -> list[int]:
        """Ids of the white-space tokens of ``text``."""
        return [self._ids.get(word, UNKNOWN) for word in text.split()]

    def decode(self, ids: Iterable[int]) -> str:
        """The words of ``ids`` up to the first `<eos>`, special entries left out."""
        words = []
        for place in ids:
            if place == END:
                break
            if place >= len(SPECIAL):
                words.append(self.words[place])
        return " ".join(words)

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_json(path, {"min_count": self.min_count, "hash": self.hash, "words": list(self.words)})

    @classmethod
    def read(cls, path: Path) -> "Vocabulary":
        """Read what `write` wrote; a file of another layout, or changed since, is a `UserError` that names it."""
        return cls.of(read_json(path), path)

    @classmethod
    def of(cls, content: Any, path: Path) -> "Vocabulary":
        """The content of the file ``path``, as `read` takes it."""
        words = content.get("words") if isinstance(content, dict) else None
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise UserError(f"{path}: not a vocabulary; expected words (a list of texts)")
        min_count = content.get("min_count")
        if tuple(words[: len(SPECIAL)]) != SPECIAL or type(min_count) is not int or min_count < 1:
            raise UserError(f"{path}: not a vocabulary; expected a min_count, and words that begin {' '.join(SPECIAL)}")
        odd = next((word for word in words if word.split() != [word]), None)
        if odd is not None:
            raise UserError(f"{path}: not a vocabulary; {odd!r} is no single word")
        vocabulary = cls(words, min_count)
        if vocabulary.hash != content.get("hash") or len(set(words)) != len(words):
            raise UserError(f"{path}: the words do not match the file's hash; make it again with `avsd vocabulary`")
        return vocabulary


def build(
    dialogs: Sequence[Dialog], descriptions: frozenset[str], min_count: int, source: str = "the training dialogs"
) -> Vocabulary:
    """The words that occur at least ``min_count`` times, most frequent first, equally frequent ones by alphabet.

    Questions and answers are counted, and those of `summary`, `caption` and `captions` that ``descriptions`` names
    (choice 3): teacher and student share one vocabulary. Raises `UserError` naming ``source`` when no word is frequent
    enough, with the count that would keep some.
    """
    counts: Counter[str] = Counter()
    for dialog in dialogs:
        for turn in dialog.turns:
            counts.update(turn.question.split())
            counts.update(turn.answer.split())
        if "summary" in descriptions:
            counts.update(dialog.summary.split())
        if "caption" in descriptions:
            counts.update(dialog.caption.split())
        if "captions" in descriptions:
            counts.update(word for caption in dialog.captions for word in caption.split())
    for word in SPECIAL:
        counts.pop(word, None)
    frequent = [word for word, count in counts.items() if count >= min_count]
    if not frequent:
        raise UserError(f"{source}: {_none_kept(counts, min_count)}")
    return Vocabulary((*SPECIAL, *sorted(frequent, key=lambda word: (-counts[word], word))), min_count)


def _none_kept(counts: Counter[str], min_count: int) -> str:
    if not counts:
        return "no word in it, so there is no vocabulary; give dialogs with words"
    word, most = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return (
        f"no word occurs {min_count} times (vocabulary.min_count), so none would be kept; the most frequent, "
        f"{word!r}, occurs {most} times: give more dialogs, or a min_count of at most {most}"
    )
