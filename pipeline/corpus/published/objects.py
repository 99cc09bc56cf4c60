"""JSFusion's questions about MSR-VTT as JSON: an object a question.

Two forms go round: lines of {"qid", "clip_name", "answer": "0", "options": [five sentences]} (msrvtt_mc_test.jsonl, of
ClipBERT and DemoVLP), and a list of {"video": "video9770.mp4", "caption": [five sentences], "answer": 0}
(msrvtt_mc_test.json, of Singularity and VindLU). In both the answer is counted from 0.
"""

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from pipeline.corpus.published.listed import Item, Listed
from pipeline.corpus.videos import SUFFIXES
from pipeline.texts import quoted

_EXPECTED = "expected an object with clip_name and options, or video and caption, and answer"


def listed_objects(objects: Iterable[tuple[str, Any]]) -> Listed:
    """Questions, each with its place."""
    items, broken = [], []
    for where, each in objects:
        found = _item(where, each) if isinstance(each, dict) else f"{where}: {_EXPECTED}"
        if isinstance(found, Item):
            items.append(found)
        else:
            broken.append(found)
    return Listed("choices", tuple(items), broken)


def is_question(value: Any) -> bool:
    """Whether a JSON value looks like one."""
    return (
        isinstance(value, dict) and "answer" in value and isinstance(value.get("options", value.get("caption")), list)
    )


def _item(where: str, each: dict[str, Any]) -> Item | str:
    options, video = each.get("options", each.get("caption")), each.get("clip_name", each.get("video"))
    if not isinstance(options, list) or not isinstance(video, str) or "answer" not in each:
        return f"{where}: {_EXPECTED}"
    if len(options) < 2:
        return f"{where}: {len(options)} sentences to choose from, expected two at least"
    given, answer = each["answer"], each["answer"]
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) < 4:
        answer = int(given)
    if isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer < len(options):
        return f"{where}: the answer is {quoted(given)}, expected a number from 0 to {len(options) - 1}"
    path = PurePosixPath(video.strip())
    name = path.stem if path.suffix.lower() in SUFFIXES else video.strip()
    key = each.get("qid")
    return Item(where, name, options[answer], key if isinstance(key, str) else None, tuple(options), answer)
