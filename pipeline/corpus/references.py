"""Reference answers by video and turn: the COCO layout, or dialog files."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from pipeline.corpus.dialogs import UNDISCLOSED, check_video_id, parse_entries
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.texts import check_sentence, quoted, read_json
from pipeline.texts.collector import paused

Key = tuple[str, int]
_TURN = re.compile("[0-9]{1,9}")


@paused()
def read_references(path: Path) -> dict[Key, list[str]]:
    """Read references, keyed by (video id, turn counted from 0), in the order of the file.

    Three layouts: COCO captions, where `images[].name` is `<video>_<turn>`; dialogs, each answer one reference
    (undisclosed ones are none); dialogs in which an answer is a list of references (DSTC10: the last turn's six).
    Raises `UserError` naming file and item when something is not as the layout has it.
    """
    content = read_json(path)
    if isinstance(content, dict) and "annotations" in content:
        return _coco(path, content)
    references: dict[Key, list[str]] = {}
    for entry in parse_entries(path, content):
        for turn, (_, answers) in enumerate(entry.turns):
            known = [answer for answer in answers if answer != UNDISCLOSED]
            if known:
                references[entry.video_id, turn] = known
    return references


def write_references(path: Path, references: Mapping[Key, Sequence[str]]) -> None:
    """Write references in the COCO layout, atomically; images and annotations are numbered from 1."""
    images = [{"name": f"{video}_{turn}", "id": number} for number, (video, turn) in enumerate(references, 1)]
    pairs = [(number, text) for number, texts in enumerate(references.values(), 1) for text in texts]
    annotations = [{"image_id": image, "id": n, "caption": text} for n, (image, text) in enumerate(pairs, 1)]
    content = {"info": {}, "licenses": [], "type": "captions", "images": images, "annotations": annotations}
    write_json(path, content)


def _coco(path: Path, content: dict[str, Any]) -> dict[Key, list[str]]:
    keys: dict[int, Key] = {}
    references: dict[Key, list[str]] = {}
    for position, image in enumerate(_objects(path, content, "images")):
        where = f"{path}: images[{position}]"
        number, name = image.get("id"), image.get("name")
        if not _is_number(number) or not isinstance(name, str):
            raise UserError(f"{where}: expected an id (a number) and a name (<video>_<turn>)")
        key = _key(where, name)
        if number in keys or key in references:
            raise UserError(f"{where}: id {quoted(number)} or name {name} stands twice; keep one of them")
        keys[number] = key
        references[key] = []
    for position, annotation in enumerate(_objects(path, content, "annotations")):
        number, text = annotation.get("image_id"), annotation.get("caption")
        if not _is_number(number) or number not in keys:
            raise UserError(f"{path}: annotations[{position}]: image_id {quoted(number)} is not the id of an image")
        references[keys[number]].append(check_sentence(text, "%s: annotations[%d]: caption", path, position))
    bare = [f"{video}_{turn}" for (video, turn), texts in references.items() if not texts]
    if bare:
        raise UserError(f"{path}: {len(bare)} images have no annotation (first: {bare[0]}); give each a reference")
    return references


def _objects(path: Path, content: dict[str, Any], key: str) -> list[dict[str, Any]]:
    values = content.get(key)
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise UserError(f"{path}: {key}: expected a list of objects, as COCO captions have it")
    return values


def _is_number(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _key(where: str, name: str) -> Key:
    """`<video>_<turn>`: ids may hold underscores, so the last one divides."""
    video, _, turn = name.rpartition("_")
    if not video or not _TURN.fullmatch(turn):
        raise UserError(f"{where}: name {quoted(name)}, expected <video>_<turn> with the turn counted from 0")
    check_video_id(video, where)
    return video, int(turn)
