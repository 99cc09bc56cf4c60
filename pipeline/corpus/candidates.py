"""Candidate answers: of each turn the right one among distractors, drawn once for all systems to choose from.

Distractors are answers of other dialogs of the same file, all different, none of them a reference of the turn. What a
turn gets depends on the seed, the turn and the answers there are, not on the order of the dialogs.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from pipeline.corpus.dialogs import UNDISCLOSED, Dialog, Turn, read_dialogs, turns_of
from pipeline.corpus.references import Key, read_references
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.texts.typed import read_typed

TYPE = "answer_candidates"


@dataclass(frozen=True)
class Candidates:
    """What there is to choose from at a turn. right: the place of the right answer among ``answers``.

    question: of a test that others have published, what stands in front of each, "" where nothing does; such a turn
    belongs to no dialog. None: that of the turn itself.
    """

    answers: tuple[str, ...]
    right: int
    question: str | None = None


@with_config(ConfigDict(extra="allow"))
class _Turn(TypedDict):
    image_id: Annotated[str, Field(max_length=200)]
    turn: Annotated[int, Field(ge=0)]
    question: NotRequired[str]
    candidates: Annotated[list[str], Field(min_length=2)]
    right: Annotated[int, Field(ge=0)]


@with_config(ConfigDict(extra="allow"))
class _File(TypedDict):
    type: Literal["answer_candidates"]
    published: NotRequired[str]
    turns: Annotated[list[_Turn], Field(min_length=1)]


def reference_name(test_set: str) -> str:
    """What the file of candidates of a test set is called among the references."""
    return f"{test_set}.candidates"


def draw(
    dialogs: Sequence[Dialog], references: Mapping[Key, Sequence[str]], distractors: int, seed: int
) -> dict[Key, Candidates]:
    """Candidates of every turn that has a reference.

    references: by turn, the first of them is the right answer where the dialog itself withholds it. Raises `UserError`
    where the other dialogs have too few different answers.
    """
    # A dictionary is a set that keeps its order; sorted, so that the order of the file does not matter.
    given = {dialog.video_id: sorted({turn.answer for turn in turns_of(dialog)} - {UNDISCLOSED}) for dialog in dialogs}
    everything = sorted({(text, video) for video, texts in given.items() for text in texts})
    found = {}
    for dialog in dialogs:
        for place, turn in enumerate(turns_of(dialog)):
            key = (dialog.video_id, place)
            known = references.get(key, ())
            if not known:
                continue
            right = known[0] if turn.answer == UNDISCLOSED else turn.answer
            chosen = _distractors(everything, dialog.video_id, {right, *known}, distractors, f"{seed} {key}")
            answers = [right, *chosen]
            random.Random(f"order {seed} {key}").shuffle(answers)
            found[key] = Candidates(tuple(answers), answers.index(right))
    return found


def _distractors(
    everything: Sequence[tuple[str, str]], video: str, right: set[str], count: int, seed: str
) -> list[str]:
    """Drawn answer by answer: one that is often given is drawn more often."""
    generator = random.Random(seed)
    chosen: dict[str, None] = {}
    for _ in range(20 * count):
        text, other = generator.choice(everything)
        if other != video and text not in right:
            chosen.setdefault(text)
        if len(chosen) == count:
            return list(chosen)
    # So rare that it is worth a look at all of them.
    rest = sorted({text for text, other in everything if other != video} - right - chosen.keys())
    if len(chosen) + len(rest) < count:
        raise UserError(
            f"matching.distractors: {count}, but dialogs other than that about {video} have only "
            f"{len(chosen) + len(rest)} different answers that are wrong there; lower it"
        )
    return [*chosen, *generator.sample(rest, count - len(chosen))]


def write_candidates(dialogs: Path, references: Path, distractors: int, seed: int, out: Path) -> None:
    """Draw from dialogs in the challenge's JSON and their references, and write them (JSON)."""
    read = read_dialogs(dialogs)
    questions = {(each.video_id, place): turn.question for each in read for place, turn in enumerate(turns_of(each))}
    drawn = draw(read, read_references(references), distractors, seed)
    if not drawn:
        raise UserError(f"{references}: no reference of a turn of {dialogs}; nothing to choose")
    _write(out, drawn, questions, {"seed": seed, "distractors": distractors})


def write_given(
    out: Path, given: Iterable[tuple[str, Sequence[str], int]], question: str, source: str
) -> dict[Key, Candidates]:
    """Write questions of a published test: video, what there is to choose from, and the place of the right one.

    A video's are counted from 0. question: what stands in front of each sentence, "" where nothing does. source: the
    file's name.
    """
    counts: Counter[str] = Counter()
    found: dict[Key, Candidates] = {}
    for video, answers, right in given:
        found[video, counts[video]] = Candidates(tuple(answers), right, question)
        counts[video] += 1
    _write(out, found, dict.fromkeys(found, question), {"published": source})
    return found


def _write(out: Path, found: Mapping[Key, Candidates], questions: Mapping[Key, str], about: Mapping[str, Any]) -> None:
    turns = [
        {
            "image_id": key[0],
            "turn": key[1],
            "question": questions[key],
            "candidates": list(each.answers),
            "right": each.right,
        }
        for key, each in found.items()
    ]
    write_json(out, {"type": TYPE, "version": "0.1", **about, "turns": turns})


def read_candidates(path: Path) -> dict[Key, Candidates]:
    """Read what `write_candidates` wrote; `UserError` for anything else."""
    content = read_typed(path, TypeAdapter(_File), "candidates of `avsd corpus candidates`")
    found: dict[Key, Candidates] = {}
    for turn in content["turns"]:
        key = (turn["image_id"], turn["turn"])
        if turn["right"] >= len(turn["candidates"]) or key in found:
            raise UserError(
                f"{path}: dialog {key[0]}, turn {key[1]}: stands twice, or `right` is none of its candidates"
            )
        question = turn.get("question", "") if "published" in content else None
        found[key] = Candidates(tuple(turn["candidates"]), turn["right"], question)
    return found


def dialogs_of(candidates: Mapping[Key, Candidates]) -> list[Dialog]:
    """The turns of a published test as if a dialog had them; `UserError` where a video's are not counted from 0."""
    turns: dict[str, list[Turn]] = {}
    for (video, turn), each in sorted(candidates.items()):
        own = turns.setdefault(video, [])
        if turn != len(own):
            raise UserError(f"published candidates: video {video}: question {len(own)} is missing; import them again")
        own.append(Turn(each.question or "", each.answers[each.right]))
    return [Dialog(video, "", "", tuple(own)) for video, own in turns.items()]
