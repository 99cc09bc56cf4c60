"""Some dialogs with every system's answers beside the references."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.config import Config
from pipeline.corpus.dialogs import UNDISCLOSED, Dialog, read_dialogs
from pipeline.corpus.references import read_references
from pipeline.layout import Layout
from pipeline.report.paper import TABLE_TITLES
from pipeline.report.results import Scores, display_names, scored_systems
from pipeline.scoring.matching import read_answers

_COUNTS = {"trial": 5, "official": 3, "test": 8}
_ALONE = 8


@dataclass(frozen=True)
class SystemAnswer:
    """A system's answer to a turn. right: whether it says what is true, None where nobody knows."""

    name: str
    answer: str
    right: bool | None


@dataclass(frozen=True)
class SampleTurn:
    """A question, its references (one in a dialog file, six on the official set) and the systems' answers to it."""

    number: int
    question: str
    references: tuple[str, ...]
    answers: tuple[SystemAnswer, ...]


@dataclass(frozen=True)
class Sample:
    """A dialog about a video."""

    video: str
    test_set: str
    summary: str
    turns: tuple[SampleTurn, ...]


def samples(config: Config) -> list[Sample]:
    """About eight dialogs that have turns: five of the trial set and three of the official one, or eight of the one.

    They are chosen by a hash of the video's id: the same in every run of a corpus, and nobody's pick.
    """
    layout = Layout(config.results)
    found = [test_set for test_set in _COUNTS if layout.dialogs(test_set).is_file()]
    chosen = []
    for test_set in found:
        dialogs = sorted((each for each in read_dialogs(layout.dialogs(test_set)) if each.turns), key=_order)
        count = _COUNTS[test_set] if len(found) > 1 else _ALONE
        chosen += _samples(config, test_set, dialogs[:count])
    return chosen


def _order(dialog: Dialog) -> str:
    return hashlib.sha256(dialog.video_id.encode()).hexdigest()


def _samples(config: Config, test_set: str, dialogs: Sequence[Dialog]) -> list[Sample]:
    layout = Layout(config.results)
    references = read_references(layout.references(test_set)) if layout.references(test_set).is_file() else {}
    answers = _answers(config, test_set)
    result = []
    for dialog in dialogs:
        turns = []
        for number, turn in enumerate(dialog.turns):
            own = [] if turn.answer == UNDISCLOSED else [turn.answer]
            key = (dialog.video_id, number)
            turns.append(
                SampleTurn(number, turn.question, tuple(references.get(key, own)), tuple(answers.get(key, ())))
            )
        result.append(Sample(dialog.video_id, TABLE_TITLES[test_set], dialog.summary, tuple(turns)))
    return result


def _answers(config: Config, test_set: str) -> Mapping[tuple[str, int], Sequence[SystemAnswer]]:
    """The answers of every system, by video and turn."""
    names, layout = display_names(config), Layout(config.results)
    scored = scored_systems(config, test_set)
    collected: defaultdict[tuple[str, int], list[SystemAnswer]] = defaultdict(list)
    for name in (each for each in config.run if config.systems[each].asked):
        path = layout.answers(name, test_set)
        if not path.is_file():
            continue
        for (video, turn), answer in read_answers(path).answers.items():
            right = _right(scored.get(name), f"{video}_{turn}")
            collected[video, turn].append(SystemAnswer(names[name], answer, right))
    return collected


def _right(scores: Scores | None, item: str) -> bool | None:
    measured: Mapping[str, Any] = {} if scores is None else scores["items"].get(item, {})
    return bool(measured["grounded"]) if "grounded" in measured else None
