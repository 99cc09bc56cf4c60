"""Automatic descriptions of videos: {video id: sentence}, as description models leave them, or a describer here."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.errors import UserError
from pipeline.texts import check_sentence, quoted, read_json

TYPE = "video_descriptions"
"""What a describing system's file says it is; its sentences stand under `descriptions`."""


def read_descriptions(path: Path) -> Mapping[str, str]:
    """Sentences by video id; a video may have an empty one. Of a file that a describing system wrote, its sentences.

    Raises `UserError` naming the file, and the video whose sentence is no text.
    """
    content = read_json(path)
    if isinstance(content, dict) and content.get("type") == TYPE:
        content = content.get("descriptions")
    if not isinstance(content, dict):
        raise UserError(f'{path}: expected automatic descriptions, {{"video id": "sentence", ...}}')
    for video_id, sentence in content.items():
        check_sentence(sentence, f"{path}: video {quoted(video_id)}: the sentence", blank=True)
    return content


def read_all(paths: Iterable[Path]) -> Mapping[str, str]:
    """Sentences by video id of several files together. Raises `UserError` for a video that two of them describe."""
    found: dict[str, str] = {}
    for path in paths:
        sentences = read_descriptions(path)
        if twice := found.keys() & sentences.keys():
            raise UserError(f"{path}: video {min(twice)} is described in another file too; leave it out of one of them")
        found.update(sentences)
    return found
