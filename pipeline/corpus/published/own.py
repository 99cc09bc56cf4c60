"""Candidates and blanks that others give in this project's own layouts, those that `avsd corpus` draws."""

from pathlib import Path
from typing import Any

from pipeline.corpus import blanks, candidates
from pipeline.corpus.blanks import BlankText
from pipeline.corpus.published.listed import Kind
from pipeline.corpus.published.reading import read_published
from pipeline.errors import UserError
from pipeline.files import check_outputs, write_json
from pipeline.texts import parse_json, read_text

_KINDS: dict[str, Kind] = {candidates.TYPE: "choices", blanks.TYPE: "blanks"}


def kind_of(path: Path) -> tuple[Kind, BlankText | None]:
    """What a file holds, ours or a published one, and of blanks what the sentences are; all of it is checked.

    `UserError` for anything else, and for a broken one.
    """
    return _kind(path, _own(path))


def _kind(path: Path, content: dict[str, Any] | None) -> tuple[Kind, BlankText | None]:
    kind = None if content is None else _KINDS[content["type"]]
    if kind == "choices":
        candidates.read_candidates(path)
        return kind, None
    if kind == "blanks":
        return kind, blanks.read_blanks(path).text
    published = read_published(path).kind
    return published, "captions" if published == "blanks" else None


def taken_over(path: Path, out: Path, name: str) -> Path | None:
    """Write a file of ours into the corpus folder ``out``, for the test set ``name``; None where it is another's."""
    content = _own(path)
    if content is None:
        return None
    _, text = _kind(path, content)
    called = candidates.reference_name(name) if text is None else blanks.reference_name(name, text)
    written = out / "references" / f"{called}.json"
    check_outputs([written], [path])
    write_json(written, content)
    return written


def _own(path: Path) -> dict[str, Any] | None:
    """The content of a file that says it is one of ours, else None."""
    text = read_text(path, "candidates or blanks")
    if not text.lstrip().startswith("{"):
        return None
    try:
        content = parse_json(text, str(path))
    except UserError:
        return None  # lines of objects, or broken: who reads published files says so
    said = content.get("type") if isinstance(content, dict) else None
    return content if isinstance(said, str) and said in _KINDS else None
