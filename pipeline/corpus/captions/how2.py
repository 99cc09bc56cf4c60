"""How2's own layout: text files of a sentence a line.

`text.id.en` and `desc.tok.txt` (the summaries) have a segment's id in front of its sentence; `text.en` has none, and
the file `id` beside it has them in the same order. Marks may be escaped as in HTML (`&apos;`).
"""

import html
import re
from pathlib import Path

from pipeline.corpus.captions.listed import Listed, Sentence
from pipeline.errors import UserError
from pipeline.texts import quoted, read_text

APART = ("id", "text.en")
"""The file of ids and the file of sentences, as a folder of How2 has them."""
TOGETHER = ("text.id.en", "desc.tok.txt")
"""Files that have both."""
_ID = re.compile(r"[A-Za-z0-9_-]{11}(?:_\d+)?")  # a YouTube video's, and the number of a segment


def files_in(folder: Path) -> tuple[Path, Path | None]:
    """The file of sentences of a folder, and the file of their ids where these stand apart."""
    ids, sentences = (folder / name for name in APART)
    if ids.is_file() and sentences.is_file():
        return sentences, ids
    for name in TOGETHER:
        if (folder / name).is_file():
            return folder / name, None
    raise UserError(f"{folder}: no captions in it; expected How2's {' and '.join(APART)}, or {' or '.join(TOGETHER)}")


def lines_of(path: Path) -> list[str]:
    """Lines of a text, each ended by a line feed alone, the last one by the end of the file too."""
    lines = read_text(path).split("\n")
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]


def listed_apart(path: Path, ids: Path) -> Listed:
    """Line by line, the sentences of ``path`` and their ids; files that differ in length are a `UserError`."""
    names, texts = lines_of(ids), lines_of(path)
    if len(names) != len(texts):
        raise UserError(f"{ids}: {len(names)} ids, but {path} has {len(texts)} sentences; expected one each a line")
    numbered = enumerate(zip(names, texts, strict=True), 1)
    return Listed(tuple(Sentence(f"line {n}", name.strip(), html.unescape(text)) for n, (name, text) in numbered))


def listed_together(path: Path) -> Listed:
    """The sentences of a file whose lines begin with How2's ids."""
    sentences, broken = [], []
    for number, line in enumerate(lines_of(path), 1):
        name, _, text = line.strip().partition(" ")
        if _ID.fullmatch(name):
            sentences.append(Sentence(f"line {number}", name, html.unescape(text)))
        else:
            broken.append(
                f"line {number}: it begins with {quoted(name)}, expected a segment's id (11 characters, or _7 behind)"
            )
    return Listed(tuple(sentences), broken=broken)
