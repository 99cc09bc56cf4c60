"""Concept words of videos: {video id: [[word, probability], ...]}, as a detecting system writes them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from pipeline.errors import UserError
from pipeline.texts import quoted
from pipeline.texts.typed import Number, read_typed

TYPE = "video_concepts"
"""What a detecting system's file says it is."""
Found = tuple[str, float]
"""A word and its probability."""


@with_config(ConfigDict(extra="allow"))
class _Concept(TypedDict):
    word: str
    word_class: str


@with_config(ConfigDict(extra="allow"))
class _File(TypedDict):
    type: Literal["video_concepts"]
    vocabulary: Annotated[list[_Concept], Field(min_length=1)]
    k: Annotated[int, Field(ge=1)]
    concepts: dict[str, list[tuple[str, Number]]]


def read_detected(path: Path) -> dict[str, Any]:
    """The content of a detecting system's file; a `UserError` where it is none, or has other words than it says.

    vocabulary: the concept words, the most frequent first, with classes. k: words of a video at most. concepts: by
    video id, words and probabilities, the most likely first.
    """
    content = read_typed(path, TypeAdapter(_File), "concept words of videos, as `avsd answer` writes them")
    known: set[str] = set()
    for word in (each["word"] for each in content["vocabulary"]):
        if word in known:
            raise UserError(f"{path}: concept word {quoted(word)} stands twice in its vocabulary; answer again")
        known.add(word)
    for video_id, found in content["concepts"].items():
        words = [word for word, _ in found]
        if len(set(words)) != len(words) or not known.issuperset(words):
            raise UserError(f"{path}: video {video_id}: a word stands twice, or is no concept word; answer again")
        if len(words) > content["k"]:
            raise UserError(f"{path}: video {video_id}: {len(words)} words, expected at most its k, {content['k']}")
    return dict(content)


def read_all(paths: Iterable[Path], k: int) -> Mapping[str, tuple[str, ...]]:
    """The ``k`` most likely words of each video of several files; a `UserError` for a video that two of them have."""
    found: dict[str, tuple[str, ...]] = {}
    for path in paths:
        concepts = read_detected(path)["concepts"]
        if twice := found.keys() & concepts.keys():
            raise UserError(f"{path}: video {min(twice)} is in another file too; leave it out of one of them")
        found |= {video_id: tuple(word for word, _ in words[:k]) for video_id, words in concepts.items()}
    return found
