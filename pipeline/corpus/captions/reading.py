"""Caption files read and sorted out: good sentences by video, what is broken named and counted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Split
from pipeline.corpus.captions.how2 import files_in, listed_apart, listed_together
from pipeline.corpus.captions.layouts import listed_in
from pipeline.corpus.captions.listed import LAYOUTS, Listed
from pipeline.corpus.captions.published import listed_published
from pipeline.corpus.dialogs import SAFE_ID, is_safe_id
from pipeline.corpus.wording import worded
from pipeline.errors import UserError
from pipeline.progress import log
from pipeline.texts import parse_json, quoted, read_text

NAMED = 10
"""How many broken entries are named; the rest are counted."""
_JSON = re.compile(r"\s*[\[{]")


@dataclass(frozen=True)
class Captions:
    """Sentences by video, at least one each, in the order of the file; the split of those the file puts into one.

    left_out: entries that were broken.
    """

    sentences: dict[str, tuple[str, ...]]
    splits: dict[str, Split]
    left_out: int

    @property
    def count(self) -> int:
        """Sentences of all videos."""
        return sum(map(len, self.sentences.values()))


def caption_files(path: Path, ids: Path | None = None) -> list[Path]:
    """The files that captions are read from: ``path`` itself, or How2's in the folder ``path``, and ``ids``."""
    if path.is_dir():
        path, ids = files_in(path)
    return [path, *([] if ids is None else [ids])]


def read_captions(path: Path, ids: Path | None = None, marks: bool = True) -> Captions:
    """Read a caption file, whatever its layout (`LAYOUTS`); its sentences come in the dialogs' form.

    ids: How2's file of ids, for a text file of sentences alone. marks: whether punctuation stays. A video without a
    sentence, a sentence of an unknown video, an unknown split, a blank sentence or one that is no text, and an id that
    can be no file name are left out, each named in a line (at most `NAMED`) and counted. Raises `UserError` when
    nothing is left, for a file of no known layout or of other content, and for two videos of one id.
    """
    listed = _listed(*caption_files(path, ids))
    found, broken = _sorted_out(listed, marks)
    _name(path, broken)
    if not found:
        raise UserError(f"{path}: no caption in it that can be used; expected {LAYOUTS}")
    splits = {name: split for name, split in (listed.videos or {}).items() if split is not None and name in found}
    captions = Captions({name: tuple(texts) for name, texts in found.items()}, splits, len(broken))
    left_out = f", {captions.left_out} broken entries left out" if broken else ""
    log(f"{path}: {captions.count} sentences about {len(found)} videos{left_out}")
    return captions


def _listed(path: Path, ids: Path | None = None) -> Listed:
    if ids is not None:
        return listed_apart(path, ids)
    text = read_text(path, "a file of captions")
    if _JSON.match(text):
        return listed_in(path, parse_json(text, str(path)))
    return listed_published(text, str(path)) or listed_together(path)


def _sorted_out(listed: Listed, marks: bool) -> tuple[dict[str, list[str]], list[str]]:
    """Good sentences by video, and a line for every entry that is broken; of a video that cannot be used, one line."""
    found: dict[str, list[str]] = {}
    broken, refused = list(listed.broken), set(listed.refused)
    for sentence in listed.sentences:
        where, name = sentence.where, sentence.video
        if not isinstance(name, str):
            broken.append(f"{where}: its video is {quoted(name)}, expected an id")
        elif name not in refused:
            unusable, (words, fault) = _unusable(name, listed), worded(sentence.text, marks)
            if unusable:
                broken.append(f"{where}: {unusable}")
                refused.add(name)
            elif fault:
                broken.append(f"{where}: the sentence {fault}")
            else:
                found.setdefault(name, []).append(words)
    mentioned = {sentence.video for sentence in listed.sentences if isinstance(sentence.video, str)}
    broken += [f"video {name}: no sentence about it" for name in listed.videos or () if name not in mentioned]
    return found, broken


def _unusable(name: str, listed: Listed) -> str:
    """Why nothing about the video ``name`` can be used; "" where it can."""
    if not is_safe_id(name):
        return f"unsafe id {quoted(name)}; expected {SAFE_ID}"
    return "" if listed.videos is None or name in listed.videos else f"video {name} is none of the file's videos"


def _name(path: Path, broken: Sequence[str]) -> None:
    for line in broken[:NAMED]:
        log(f"{path}: {line}; left out")
    if len(broken) > NAMED:
        log(f"{path}: {len(broken) - NAMED} more broken entries left out")
