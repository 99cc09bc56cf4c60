"""`avsd corpus captions`: another corpus's captions as dialogs, so that a system can be pretrained on them."""

from pathlib import Path
from typing import Any

from pipeline.corpus.dialogs import Dialog, Turn, check_video_id, write_dialogs
from pipeline.errors import UserError
from pipeline.progress import log
from pipeline.texts import check_text, read_json

_LAYOUTS = '{"video id": "caption"}, {"video id": ["caption", ...]} or {"annotations": [{"image_id", "caption"}]}'


def convert_captions(path: Path, question: str, out: Path) -> None:
    """Write a dialog for each video of the caption file ``path``: to ``question`` every caption is an answer.

    Captions are taken as they are: lower-case and space-tokenised, as the dialogs are. Raises `UserError` naming the
    file, and the video whose captions are no texts.
    """
    check_text(question, f"--question {question!r}")
    captions = read_captions(path)
    dialogs = [
        Dialog(video_id, "", "", tuple(Turn(question, sentence) for sentence in sentences))
        for video_id, sentences in captions.items()
    ]
    write_dialogs(out, dialogs)
    log(f"{out}: {sum(map(len, captions.values()))} captions of {len(dialogs)} videos")


def read_captions(path: Path) -> dict[str, list[str]]:
    """Captions by video id, at least one each, none blank."""
    content = read_json(path)
    if isinstance(content, dict) and isinstance(content.get("annotations"), list):
        listed = [_annotation(path, place, item) for place, item in enumerate(content["annotations"])]
    elif isinstance(content, dict):
        listed = [(video, item) for video, given in content.items() for item in _sentences(given)]
    else:
        raise UserError(f"{path}: not a file of captions; expected {_LAYOUTS}")
    captions: dict[str, list[str]] = {}
    for video_id, sentence in listed:
        check_video_id(video_id, str(path))
        if not isinstance(sentence, str) or not sentence.strip():
            raise UserError(f"{path}: video {video_id}: a caption is {sentence!r}, expected a sentence")
        captions.setdefault(video_id, []).append(sentence)
    if not captions:
        raise UserError(f"{path}: no caption in it; expected {_LAYOUTS}")
    return captions


def _sentences(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _annotation(path: Path, place: int, item: Any) -> tuple[str, Any]:
    if not isinstance(item, dict) or not {"image_id", "caption"} <= item.keys():
        raise UserError(f"{path}: annotation {place} (counted from 0): expected image_id and caption")
    return str(item["image_id"]), item["caption"]
