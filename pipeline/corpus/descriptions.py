"""Automatic descriptions of videos: the file a description model leaves, {video id: sentence}."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import UserError
from pipeline.texts import read_json


def read_descriptions(path: Path) -> Mapping[str, str]:
    """Sentences by video id; a video may have an empty one.

    Raises `UserError` naming the file, and the video whose sentence is no text.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise UserError(f'{path}: expected automatic descriptions, {{"video id": "sentence", ...}}')
    for video_id, sentence in content.items():
        if not isinstance(sentence, str):
            raise UserError(f"{path}: video {video_id}: expected a sentence, found {type(sentence).__name__}")
    return content
