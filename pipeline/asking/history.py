"""The dialog before a question, as a user has it: a file, or questions and answers."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.corpus.dialogs import UNDISCLOSED, Turn, parse_entries
from pipeline.errors import UserError
from pipeline.texts import check_sentence, read_json, read_text

VIDEO_OF_ONE = "video"
"""Id of a dialog that stands alone, without one."""
Split = Callable[[str], str]
"""Text as a person writes it -> as the corpus has it."""
Before = Callable[[Split], list[Turn]]
"""The dialog before a question, once it is known how a corpus splits its words."""

LAYOUT = (
    'expected a JSON list of {"question", "answer"} objects or of [question, answer] pairs, a dialog file, or text: '
    "questions and answers on lines of their own, in turn"
)
_LINE_END = re.compile(r"\r\n|\r|\n")
"""Not all that Python takes for one: a separator of Unicode's, or a form feed, may stand within a sentence."""
_PREFIX = re.compile(r"^(?:(?P<question>q|question)|(?P<answer>a|answer))\s*[:.]\s*", re.IGNORECASE)


def read_history(path: Path, video_id: str) -> Before:
    """The turns of a history file, oldest first; read and checked at once, brought to the corpus's form when asked for.

    JSON: a list of ``{"question": ..., "answer": ...}`` objects or ``[question, answer]`` pairs, or dialogs in the
    challenge's layout: the only one, or that of ``video_id``; their words stand as they are, a turn whose answer is
    withheld is left out. Any other file is text: a question and its answer on a line each, in turn, `Q:` and `A:` in
    front if one likes, blank lines left out. Raises `UserError` for anything else.
    """
    if path.suffix.lower() == ".json":
        content = read_json(path)
        if isinstance(content, dict):
            turns = _of_dialogs(path, content, video_id)
            return lambda _: turns
        return _as_typed(list(_pairs(path, content)))
    lines = _lines(path)
    return _as_typed(list(zip(lines[::2], lines[1::2], strict=True)))


def given_history(asked: Sequence[str], answered: Sequence[str]) -> Before:
    """The turns of ``--asked`` and ``--answered``, which go together in order. Raises `UserError` if they do not."""
    if len(asked) != len(answered):
        raise UserError(f"--asked is given {len(asked)} times and --answered {len(answered)}; they go in pairs")
    for text in (*asked, *answered):
        if not text.strip():
            raise UserError("--asked, --answered: a text is blank, expected words")
    return _as_typed(list(zip(asked, answered, strict=True)))


def _as_typed(pairs: Sequence[tuple[str, str]]) -> Before:
    return lambda split: [Turn(split(question), split(answer)) for question, answer in pairs]


def _of_dialogs(path: Path, content: dict[str, Any], video_id: str) -> list[Turn]:
    if "dialogs" not in content and "dialog" in content:
        content = {"dialogs": [{"image_id": VIDEO_OF_ONE, **content}]}
    entries = parse_entries(path, content)
    if len(entries) > 1:
        entries = [entry for entry in entries if entry.video_id == video_id]
    if len(entries) != 1:
        raise UserError(
            f"{path}: no dialog about {video_id!r} in it; give a file of one dialog, or one about this video"
        )
    turns = [(question, answers[0]) for question, answers in entries[0].turns]
    return [Turn(question, answer) for question, answer in turns if answer != UNDISCLOSED]


def _pairs(path: Path, content: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(content, list):
        raise UserError(f"{path}: not a history; {LAYOUT}")
    for number, turn in enumerate(content):
        match turn:
            case {"question": question, "answer": answer} | [question, answer]:
                where = f"{path}: turn {number} (counted from 0): "
                yield check_sentence(question, f"{where}the question"), check_sentence(answer, f"{where}the answer")
            case _:
                raise UserError(f"{path}: turn {number} (counted from 0) is not a question and an answer; {LAYOUT}")


def _lines(path: Path) -> list[str]:
    """Questions and answers in turn, without their prefixes."""
    lines: list[str] = []
    for number, line in enumerate(_LINE_END.split(read_text(path)), 1):
        if not line.strip():
            continue
        prefix = _PREFIX.match(line.strip())
        turn = "answer" if len(lines) % 2 else "question"
        if prefix is not None and prefix[turn] is None:
            raise UserError(f"{path}: line {number}: expected the {turn} here; {LAYOUT}")
        words = line.strip()[prefix.end() if prefix else 0 :]
        lines.append(check_sentence(words, f"{path}: line {number}: the {turn}"))
    if len(lines) % 2:
        raise UserError(f"{path}: {len(lines)} lines, so the last question has no answer; {LAYOUT}")
    return lines
