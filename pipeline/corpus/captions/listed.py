"""What a caption file lists, before anything of it is believed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.config import Split

LAYOUTS = (
    '{"video id": "sentence" or ["sentence", ...]}, COCO (images, annotations), MSR-VTT (videos, sentences), How2 '
    "(lines of a segment's id and its sentence, or files of ids and of sentences), LSMDC's tab-separated lines, or a "
    "table with columns video_id or vid_key, and sentence or description"
)


@dataclass(frozen=True)
class Sentence:
    """One sentence as it stands there. where: its place, for messages. video: what the file calls its video."""

    where: str
    video: Any
    text: Any


@dataclass(frozen=True)
class Listed:
    """Videos and sentences of a file.

    videos: by name, the split that the file puts it in, None where it names none; None for a layout without a list of
    videos. broken: a line for every entry that is no entry, or one that cannot be used.
    """

    sentences: tuple[Sentence, ...]
    videos: Mapping[str, Split | None] | None = None
    broken: list[str] = field(default_factory=list)
    refused: frozenset[str] = frozenset()
    """Names of videos that are broken: their sentences go with them, without a word of their own."""
