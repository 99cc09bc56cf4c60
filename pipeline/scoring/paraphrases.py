"""METEOR's table of paraphrases cut down to what some texts can use, so that scoring them starts in a second.

The jar reads five million paraphrases at every start, for several seconds. Its matcher uses one only where every word
of it is a word of a sentence; those whose words the texts do not have can go, and each score stays what it is. METEOR
splits tokens further at marks, so that every part of a token counts as a word here; of what it does with characters
outside ASCII nothing is assumed, such tokens are never known.

The jar takes a table that ends early for a shorter one, and scores by it. So the first line of the tokens has the
SHA-256 of the table and of them, and a table of any other is not handed to it.
"""

import gzip
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import punctuation

from pipeline.errors import UserError
from pipeline.files import atomic_path, write_text
from pipeline.scoring.java import jar
from pipeline.texts import read_bytes, read_text
from pipeline.texts.limits import array_mb

TABLE, TOKENS = "paraphrases.gz", "tokens.txt"
LONGEST = 40
"""Longer tokens are never known: their parts would be many."""
BLOCK_BYTES = 4 << 20
_AGAIN = "delete the folder and make it again with `avsd paraphrases`, as a run does by itself"


def whole_table() -> Path:
    """The table that comes with the jar."""
    return jar("meteor", "data", "paraphrase-en.gz")


@dataclass(frozen=True)
class Paraphrases:
    """A table for METEOR, and the tokens it is whole for; None: for any."""

    table: Path
    tokens: frozenset[str] | None = None

    def serve(self, sentences: Iterable[str]) -> bool:
        """Whether every token of these tokenised sentences is known."""
        return self.tokens is None or all(self.tokens.issuperset(sentence.split(" ")) for sentence in sentences)


def write_paraphrases(folder: Path, sentences: Iterable[str]) -> int:
    """Write the table for the tokens of these tokenised sentences into ``folder``; the number of paraphrases kept.

    The tokens are written last, and those of before go first: a table without its tokens is none.
    """
    tokens = {token for sentence in sentences for token in sentence.split(" ") if _is_plain(token)}
    words = {part.encode() for token in tokens for part in _parts(token)} | {mark.encode() for mark in punctuation}
    kept = 0
    (folder / TOKENS).unlink(missing_ok=True)
    # No name and no time in the file: the same texts give the same bytes.
    with (
        atomic_path(folder / TABLE) as path,
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as out,
    ):
        for probability, *phrases in _entries(whole_table()):
            if words.issuperset(phrases[0].split()) and words.issuperset(phrases[1].split()):
                out.write(b"".join(line + b"\n" for line in (probability, *phrases)))
                kept += 1
    text = "".join(f"{token}\n" for token in sorted(tokens))
    write_text(folder / TOKENS, f"{_signed(folder / TABLE, text)}\n{text}")
    return kept


def _signed(table: Path, tokens: str) -> str:
    """The first line of the file of tokens: no token, for these have no space."""
    return f"sha256 {hashlib.sha256(read_bytes(table, array_mb()) + tokens.encode()).hexdigest()}"


def _entries(table: Path) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Probability and phrases of every paraphrase of a table. In blocks: five million lines take seconds one by one."""
    left = b""
    with gzip.open(table, "rb") as file:
        while block := file.read(BLOCK_BYTES):
            *lines, left = (left + block).split(b"\n")
            whole = len(lines) // 3 * 3
            yield from zip(lines[:whole:3], lines[1:whole:3], lines[2:whole:3], strict=True)
            left = b"\n".join((*lines[whole:], left))


def read_paraphrases(folder: Path) -> Paraphrases:
    """What `write_paraphrases` wrote. Raises `UserError` for files that are not there, or are not as they were written.

    So are those of versions that wrote the tokens without a first line of the table.
    """
    table, tokens = folder / TABLE, folder / TOKENS
    if not table.is_file() or not tokens.is_file():
        raise UserError(f"{folder}: no {TABLE} with its {TOKENS}; make them with `avsd paraphrases`")
    signed, _, text = read_text(tokens).partition("\n")
    if not signed.startswith("sha256 "):
        raise UserError(f"{tokens}: the first line, expected to be sha256 of {TABLE} and the tokens, is not; {_AGAIN}")
    if signed != _signed(table, text):
        raise UserError(f"{table}: damaged, or not the table that {TOKENS} beside it was written with; {_AGAIN}")
    return Paraphrases(table, frozenset(text.split("\n")))


def _is_plain(token: str) -> bool:
    return token.isascii() and len(token) <= LONGEST


def _parts(token: str) -> Iterable[str]:
    return (token[begin:end] for begin in range(len(token)) for end in range(begin + 1, len(token) + 1))
