"""Answers and references brought together by video and turn, never by position."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.corpus.dialogs import UNDISCLOSED
from pipeline.corpus.references import Key
from pipeline.errors import UserError
from pipeline.texts import check_sentence, kind_of, read_json
from pipeline.texts.collector import paused

_NAMED = 3
_ANSWER = "%s: dialog %s, turn %d: answer"


@dataclass(frozen=True)
class Answers:
    """The answers of a result file.

    answers: by video and turn (counted from 0). repeated: keys that come more than once. marked: the file says which
    turns a system generated, and only those are here; otherwise every turn is here, those given as history too.
    turns: how many turns the file has of each video.
    """

    answers: dict[Key, str]
    repeated: tuple[Key, ...]
    marked: bool
    turns: dict[str, int]


@dataclass(frozen=True)
class Matched:
    """N hypotheses and their references, in the order of the reference file; how many answers were missing or extra.

    moved: how many stood alone in their dialog, and are taken as a later turn that the references name.
    """

    keys: tuple[Key, ...]
    hypotheses: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]
    missing: int
    extra: int
    moved: int = 0


@paused()
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
    counts = {video: number + 1 for (video, number), _, _ in turns}
    return Answers(answers, tuple(repeated), marked, counts)


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
            if not isinstance(turn, dict) or "answer" not in turn:
                raise UserError(f"{path}: dialog {video}, turn {number}: expected an object with an answer")
            answer = check_sentence(turn["answer"], _ANSWER, path, video, number, blank=True)
            generated = turn.get("generated", False)
            if not isinstance(generated, bool):
                found = kind_of(generated)
                raise UserError(f"{path}: dialog {video}, turn {number}: generated is {found}, expected true or false")
            yield (video, number), answer, generated


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
    given, moved = _as_named(given, references)
    videos = {video for video, _ in references}
    missing = [key for key in references if key not in given.answers]
    extra = [key for key in given.answers if key not in references and (given.marked or key[0] not in videos)]
    problems = [_count(given.repeated, "given twice")]
    if not partial:
        problems += [_count(missing, f"missing of {len(references)}"), _count(extra, "without a reference")]
    found = [problem for problem in problems if problem]
    if found:
        advice = (
            "give each once"
            if given.repeated
            else f"answer every referenced turn once, or use --partial{_help(given, missing)}"
        )
        raise UserError(f"{path}: answers do not fit the references: {'; '.join(found)}: {advice}")
    keys = tuple(key for key in references if key in given.answers)
    if not keys:
        asked = "are these the references of the same test set?"
        raise UserError(f"{path}: none of its answers has a reference; {asked}{_help(given, missing)}")
    return Matched(
        keys=keys,
        hypotheses=tuple(given.answers[key] for key in keys),
        references=tuple(tuple(references[key]) for key in keys),
        missing=len(missing),
        extra=len(extra),
        moved=moved,
    )


def _as_named(given: Answers, references: Mapping[Key, Sequence[str]]) -> tuple[Answers, int]:
    """``given`` with lone turns as those that the references name, and how many of them are not the first.

    People publish just the last turn of each dialog. Which one it is can be told where every dialog of the file has one
    turn, and the references name one of each of these videos; otherwise everything stays as it is.
    """
    named: dict[str, list[int]] = {}
    for video, turn in references:
        named.setdefault(video, []).append(turn)
    turns = {video: named[video] for video, _ in given.answers if video in named}
    if any(count > 1 for count in given.turns.values()) or any(len(numbers) > 1 for numbers in turns.values()):
        return given, 0
    places = {key: (key[0], turns[key[0]][0]) if key[0] in turns else key for key in given.answers}
    answers = {places[key]: answer for key, answer in given.answers.items()}
    repeated = tuple(places[key] for key in given.repeated)
    return replace(given, answers=answers, repeated=repeated), sum(turn > 0 for _, turn in answers)


def _help(given: Answers, missing: Sequence[Key]) -> str:
    """What would let turns that stand alone in their dialog be found."""
    alone = sum(given.turns.get(video) == 1 and turn > 0 for video, turn in missing)
    if not alone:
        return ""
    return (
        f"; of {alone} of these dialogs the file has one turn, and it cannot be told which one: give whole dialogs, or "
        "the last turn alone of every dialog, with references of the last turns alone"
    )


def _count(keys: Sequence[Key], what: str) -> str:
    if not keys:
        return ""
    names = ", ".join(f"{video} turn {turn}" for video, turn in keys[:_NAMED])
    return f"{len(keys)} {what} ({names}{', ...' if len(keys) > _NAMED else ''})"
