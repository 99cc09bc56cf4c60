"""Answers and references brought together by video and turn, never by position."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.corpus.dialogs import UNDISCLOSED
from pipeline.corpus.references import Key
from pipeline.errors import UserError
from pipeline.texts import read_json

_NAMED = 3


@dataclass(frozen=True)
class Answers:
    """The answers of a result file.

    answers: by video and turn (counted from 0). repeated: keys that come more than once. marked: the file says which
    turns a system generated, and only those are here; otherwise every turn is here, those given as history too.
    """

    answers: dict[Key, str]
    repeated: tuple[Key, ...]
    marked: bool


@dataclass(frozen=True)
class Matched:
    """N hypotheses and their references, in the order of the reference file; how many answers were missing or extra."""

    keys: tuple[Key, ...]
    hypotheses: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]
    missing: int
    extra: int


def read_answers(path: Path) -> Answers:
    """Read a result file: the challenge's dialog JSON with the answers filled in.

    Where turns are marked `"generated": true`, only those count. `__UNDISCLOSED__` is no answer. Raises `UserError`
    naming file and dialog when something is not as the format has it.
    """
    turns = list(_turns(path, read_json(path)))
    marked = any(generated for _, _, generated in turns)
    answers: dict[Key, str] = {}
    repeated: list[Key] = []
    for key, answer, generated in turns:
        if answer == UNDISCLOSED or (marked and not generated):
            continue
        if key in answers:
            repeated.append(key)
        answers[key] = answer
    return Answers(answers, tuple(repeated), marked)


def _turns(path: Path, content: Any) -> Iterable[tuple[Key, str, bool]]:
    dialogs = content.get("dialogs") if isinstance(content, dict) else None
    if not isinstance(dialogs, list):
        raise UserError(f'{path}: expected {{"dialogs": [...]}}, the test file with answers filled in')
    for position, dialog in enumerate(dialogs):
        video = dialog.get("image_id") if isinstance(dialog, dict) else None
        turns = dialog.get("dialog") if isinstance(dialog, dict) else None
        if not isinstance(video, str) or not isinstance(turns, list):
            raise UserError(f"{path}: dialog {position} needs an image_id (text) and a dialog (list of turns)")
        for number, turn in enumerate(turns):
            answer = turn.get("answer") if isinstance(turn, dict) else None
            if not isinstance(answer, str):
                raise UserError(f"{path}: dialog {video}, turn {number}: expected an answer (text)")
            yield (video, number), answer, turn.get("generated") is True


def without_history(references: Mapping[Key, Sequence[str]]) -> dict[Key, list[str]]:
    """``references`` without the turns that only lead up to the one that is asked for.

    A dialog file with several references for last turns and a single answer for all others (the layout of DSTC10) asks
    for the last turns; the others are the history, which a result file repeats word for word. Anything else stays as
    it is.
    """
    last: dict[str, int] = {}
    for video, turn in references:
        last[video] = max(turn, last.get(video, turn))
    several = [key for key, answers in references.items() if len(answers) > 1]
    if several and all(last[video] == turn for video, turn in several):
        return {(video, turn): list(references[video, turn]) for video, turn in references if last[video] == turn}
    return {key: list(answers) for key, answers in references.items()}


def match(path: Path, given: Answers, references: Mapping[Key, Sequence[str]], partial: bool) -> Matched:
    """Join ``given`` and ``references``; answers missing, extra or given twice are a `UserError` that names them.

    Extra is an answer nobody asked for: in a file with marks, a generated turn without a reference; in any other, an
    answered turn of a video that has no reference at all (the other turns are the history). With ``partial``, what is
    missing or extra is left out; an answer given twice is an error all the same, for nothing says which one counts.
    """
    videos = {video for video, _ in references}
    missing = [key for key in references if key not in given.answers]
    extra = [key for key in given.answers if key not in references and (given.marked or key[0] not in videos)]
    repeated = [key for key in given.repeated if key in references or given.marked]
    problems = [_count(repeated, "given twice")]
    if not partial:
        problems += [_count(missing, f"missing of {len(references)}"), _count(extra, "without a reference")]
    found = [problem for problem in problems if problem]
    if found:
        advice = "give each once" if repeated else "answer every referenced turn once, or use --partial"
        raise UserError(f"{path}: answers do not fit the references: {'; '.join(found)}: {advice}")
    keys = tuple(key for key in references if key in given.answers)
    if not keys:
        raise UserError(f"{path}: none of its answers has a reference; are these the references of the same test set?")
    return Matched(
        keys=keys,
        hypotheses=tuple(given.answers[key] for key in keys),
        references=tuple(tuple(references[key]) for key in keys),
        missing=len(missing),
        extra=len(extra),
    )


def _count(keys: Sequence[Key], what: str) -> str:
    if not keys:
        return ""
    names = ", ".join(f"{video} turn {turn}" for video, turn in keys[:_NAMED])
    return f"{len(keys)} {what} ({names}{', ...' if len(keys) > _NAMED else ''})"
