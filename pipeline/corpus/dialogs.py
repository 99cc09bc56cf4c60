"""AVSD dialogs in and out: the challenge's JSON, checked on the way in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.texts import check_sentence, kind_of, quoted, read_json
from pipeline.texts.collector import paused

UNDISCLOSED = "__UNDISCLOSED__"
# Ids become file names, shard rows and `<video>_<turn>` names.
_SAFE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")
SAFE_ID = "letters, digits, '-', '_' and '.' (not in front)"
_LAYOUT = '{"dialogs": [{"image_id", "caption", "summary", "dialog": [{"question", "answer"}]}]}'


@dataclass(frozen=True, slots=True)
class Turn:
    """A question about the video and its answer; the answer of an official test's last turn is `UNDISCLOSED`."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Dialog:
    """A dialog about one video.

    caption: the script written before filming. summary: the questioner's summary. Either is "" where the file has none.
    captions: sentences about the video in a corpus of captions; such an entry may have no turn.
    """

    video_id: str
    caption: str
    summary: str
    turns: tuple[Turn, ...]
    captions: tuple[str, ...] = ()


def turns_of(dialog: Dialog) -> tuple[Turn, ...]:
    """What is said about a dialog's video: its turns, or where nothing is asked its captions, to no question.

    >>> turns_of(Dialog("v1", "", "", (), ("a cat",)))
    (Turn(question='', answer='a cat'),)
    """
    return dialog.turns or tuple(Turn("", caption) for caption in dialog.captions)


@dataclass(frozen=True, slots=True)
class Entry:
    """A dialog as a file has it: question and answers of each turn, several answers where the file gives a list."""

    video_id: str
    caption: str
    summary: str
    turns: tuple[tuple[str, tuple[str, ...]], ...]
    captions: tuple[str, ...]


@paused()
def read_dialogs(path: Path, *, answered: bool = False) -> list[Dialog]:
    """Read dialogs in the challenge's JSON layout; keys the layout does not have are ignored.

    answered: every answer must be given, that of the last turn too (training, validation and trial files).
    Raises `UserError` naming file and dialog for missing keys, wrong types, unsafe or repeated ids, dialogs without a
    turn or captions, blank texts, and an undisclosed answer where none may be.
    """
    dialogs = []
    for entry in read_entries(path):
        turns = []
        for number, (question, answers) in enumerate(entry.turns):
            if len(answers) != 1:
                raise UserError(
                    f"{path}: dialog {entry.video_id}, turn {number}: {len(answers)} answers, expected one; "
                    "files of several answers are references"
                )
            turns.append(Turn(question, answers[0]))
        if answered and turns and turns[-1].answer == UNDISCLOSED:
            raise UserError(
                f"{path}: dialog {entry.video_id}: its last answer is {UNDISCLOSED}, expected an answer; "
                "only the official test set may withhold it"
            )
        dialogs.append(Dialog(entry.video_id, entry.caption, entry.summary, tuple(turns), entry.captions))
    return dialogs


def write_dialogs(path: Path, dialogs: Sequence[Dialog]) -> None:
    """Write dialogs in the challenge's JSON layout, atomically."""
    content = [
        {
            "image_id": dialog.video_id,
            "caption": dialog.caption,
            "summary": dialog.summary,
            **({"captions": dialog.captions} if dialog.captions else {}),
            "dialog": [{"question": turn.question, "answer": turn.answer} for turn in dialog.turns],
        }
        for dialog in dialogs
    ]
    write_json(path, {"type": "scene_aware_dialog", "version": "0.1", "dialogs": content})


def is_safe_id(video_id: str) -> bool:
    """Whether a video's id is safe as a file name."""
    return _SAFE_ID.fullmatch(video_id) is not None


def check_video_id(video_id: str, where: str) -> None:
    """Raise a `UserError` that begins with ``where`` unless ``video_id`` is safe as a file name."""
    if not is_safe_id(video_id):
        raise UserError(f"{where}: unsafe id {quoted(video_id)}; expected {SAFE_ID}")


@paused()
def read_entries(path: Path) -> list[Entry]:
    """Read and check a dialog file, each answer a string or a list of strings (see `read_dialogs` for the errors)."""
    return parse_entries(path, read_json(path))


def parse_entries(path: Path, content: Any) -> list[Entry]:
    """Check the parsed content of the dialog file ``path``."""
    dialogs = content.get("dialogs") if isinstance(content, dict) else None
    if not isinstance(dialogs, list):
        raise UserError(f"{path}: not a dialog file; expected {_LAYOUT}")
    entries: list[Entry] = []
    seen: dict[str, int] = {}
    for position, dialog in enumerate(dialogs):
        entry = _entry(path, position, dialog)
        if entry.video_id in seen:
            raise UserError(
                f"{path}: dialog {entry.video_id} stands twice, at positions {seen[entry.video_id]} and {position} "
                "(counted from 0); keep one of them"
            )
        seen[entry.video_id] = position
        entries.append(entry)
    return entries


def _entry(path: Path, position: int, dialog: Any) -> Entry:
    where = f"{path}: dialog at position {position} (counted from 0)"
    if not isinstance(dialog, dict):
        raise UserError(f"{where}: expected an object, found {kind_of(dialog)}; the layout is {_LAYOUT}")
    if "image_id" not in dialog:
        raise UserError(f"{where}: no image_id; expected the video's id")
    video_id = dialog["image_id"]
    if not isinstance(video_id, str):
        raise UserError(f"{where}: image_id is {kind_of(video_id)}, expected text")
    check_video_id(video_id, where)
    where = f"{path}: dialog {video_id}"
    captions = _captions(where, dialog.get("captions"))
    turns = dialog.get("dialog", [] if captions else None)
    if not isinstance(turns, list):
        found = kind_of(turns) if "dialog" in dialog else "missing"
        raise UserError(f"{where}: dialog is {found}, expected a list of turns")
    if not turns and not captions:
        raise UserError(f"{where}: no turn in it; expected at least one question")
    return Entry(
        video_id,
        _description(where, dialog, "caption"),
        _description(where, dialog, "summary"),
        tuple(_turn(where, n, turn, last=n == len(turns) - 1) for n, turn in enumerate(turns)),
        captions,
    )


def _captions(where: str, value: Any) -> tuple[str, ...]:
    """Sentences of a corpus of captions; other dialogs have none."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise UserError(f"{where}: captions is {kind_of(value)}, expected a list of sentences")
    return tuple(check_sentence(text, "%s: caption %d", where, number) for number, text in enumerate(value))


def _description(where: str, dialog: dict[str, Any], key: str) -> str:
    """A caption or summary; dialogs without one exist in the official files."""
    value = dialog.get(key)
    return "" if value is None else check_sentence(value, "%s: %s", where, key, blank=True)


def _turn(where: str, number: int, turn: Any, *, last: bool) -> tuple[str, tuple[str, ...]]:
    if not isinstance(turn, dict):
        raise UserError(f"{where}, turn {number}: expected an object of question and answer, found {kind_of(turn)}")
    for key in ("question", "answer"):
        if key not in turn:
            raise UserError(f"{where}, turn {number}: no {key}")
    question = check_sentence(turn["question"], "%s, turn %d: question", where, number)
    given = turn["answer"]
    if isinstance(given, list):
        if not given:
            raise UserError(f"{where}, turn {number}: answer is an empty list, expected at least one answer")
        answers = tuple(
            check_sentence(answer, "%s, turn %d: answer %d", where, number, n) for n, answer in enumerate(given)
        )
    else:
        answers = (check_sentence(given, "%s, turn %d: answer", where, number),)
    if UNDISCLOSED in answers and not last:
        raise UserError(f"{where}, turn {number}: the answer is {UNDISCLOSED}; only the last turn's may be withheld")
    return question, answers
