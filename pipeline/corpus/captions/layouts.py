"""The JSON layouts of caption files, told apart by their keys: ours, COCO's, MSR-VTT's."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.config import Split
from pipeline.corpus.captions.listed import LAYOUTS, Listed, Sentence
from pipeline.corpus.videos import SUFFIXES
from pipeline.errors import UserError
from pipeline.texts import quoted

SPLITS: dict[str, Split] = {"train": "training", "validate": "validation", "test": "test"}
"""MSR-VTT's names of splits."""
_TYPE = re.compile(r"[a-z]+(_[a-z]+)+")
"""What files of this project say they are: `scene_aware_dialog`, `answer_candidates` and the like; no sentence."""
_PICTURES = (".jpg", ".jpeg", ".png")


def listed_in(path: Path, content: Any) -> Listed:
    """Videos and sentences of the parsed JSON file ``path``; a `UserError` when it has none of the layouts."""
    if isinstance(content, dict) and _lists(content, "videos", "sentences"):
        return _msr_vtt(path, content["videos"], content["sentences"])
    if isinstance(content, dict) and _lists(content, "annotations"):
        images = content.get("images")
        return _coco(path, images if isinstance(images, list) else None, content["annotations"])
    if isinstance(content, dict):
        if what := _is_another(content):
            raise UserError(f"{path}: {what}, not a file of captions; expected {LAYOUTS}")
        return _ours(content)
    raise UserError(f"{path}: not a file of captions; expected {LAYOUTS}")


def _lists(content: dict[str, Any], *keys: str) -> bool:
    return all(isinstance(content.get(key), list) for key in keys)


def _is_another(content: dict[str, Any]) -> str:
    """What an object is that is no file of captions, by its keys, which are no videos; "" where it may be ours."""
    said = content.get("type")
    if isinstance(said, str) and _TYPE.fullmatch(said):
        return f"a file of type {said}"
    dialogs = content.get("dialogs")
    sentences = bool(dialogs) and all(isinstance(each, str) for each in dialogs) if isinstance(dialogs, list) else True
    return "" if sentences else "a file of dialogs"


def _ours(content: dict[str, Any]) -> Listed:
    sentences: list[Sentence] = []
    for video, given in content.items():
        if isinstance(given, list):
            sentences += [Sentence(f"video {video}, sentence {n}", video, text) for n, text in enumerate(given)]
        else:
            sentences.append(Sentence(f"video {video}", video, given))
    return Listed(tuple(sentences), dict.fromkeys(content))


def _msr_vtt(path: Path, videos: list[Any], sentences: list[Any]) -> Listed:
    broken: list[str] = []
    known: dict[str, Split | None] = {}
    refused: set[str] = set()
    for where, video in _objects("videos", videos, broken):
        name, split = video.get("video_id"), video.get("split")
        if not isinstance(name, str):
            broken.append(f"{where}: video_id is {quoted(name)}, expected text")
            continue
        if name in known or name in refused:
            raise UserError(f"{path}: {where}: video {quoted(name)} stands twice; keep one of them")
        if split is not None and (not isinstance(split, str) or split not in SPLITS):
            broken.append(f"{where}: video {name}: split {quoted(split)} is none of {', '.join(SPLITS)}")
            refused.add(name)
        else:
            known[name] = None if split is None else SPLITS[split]
    said = [
        Sentence(where, each.get("video_id"), each.get("caption"))
        for where, each in _objects("sentences", sentences, broken)
    ]
    return Listed(tuple(said), known, broken, frozenset(refused))


def _coco(path: Path, images: list[Any] | None, annotations: list[Any]) -> Listed:
    """Without ``images`` an annotation's `image_id` is the video's id, else the name of the file without its suffix.

    Two files of one name, whatever their folders, are a `UserError`, as they are where videos lie.
    """
    broken: list[str] = []
    names: dict[Any, str] = {}
    files: dict[str, str] = {}
    for where, image in _objects("images", images or [], broken):
        number = image.get("id")
        file = image.get("file_name", image.get("name"))
        if not isinstance(number, int | str) or not isinstance(file, str):
            broken.append(f"{where}: expected an id, and a file_name or a name")
        elif number in names:
            raise UserError(f"{path}: {where}: id {quoted(number)} stands twice; keep one of them")
        elif (name := _id(file)) in files:
            raise UserError(
                f"{path}: {where}: {quoted(file)} has the id {name}, as {quoted(files[name])} has; rename one of them, "
                "or take it out"
            )
        else:
            names[number], files[name] = name, file
    said = []
    for where, each in _objects("annotations", annotations, broken):
        number = each.get("image_id")
        number = number if isinstance(number, int | str) else None
        video = str(number) if images is None and number is not None else names.get(number)
        if video is None:
            broken.append(f"{where}: image_id {quoted(each.get('image_id'))} is not the id of an image")
        else:
            said.append(Sentence(where, video, each.get("caption")))
    return Listed(tuple(said), None if images is None else dict.fromkeys(names.values()), broken)


def _id(file: str) -> str:
    path = PurePosixPath(file)
    return path.stem if path.suffix.lower() in SUFFIXES or path.suffix.lower() in _PICTURES else path.name


def _objects(key: str, items: list[Any], broken: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a list, each with its place; what is none is ``broken``."""
    for place, item in enumerate(items):
        where = f"{key}[{place}]"
        if isinstance(item, dict):
            yield where, item
        else:
            broken.append(f"{where}: expected an object")
