"""A text about two events, and the same text with them the other way round: which does a retriever hold for true?

What reads words without their order gives both the same score. Ties count against the retriever.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.answers.candidates import candidate_scores
from pipeline.answers.writing import open_system
from pipeline.config import Config
from pipeline.corpus.dialogs import Dialog, Turn, read_dialogs
from pipeline.corpus.queries import Query, query
from pipeline.corpus.scenes.language import WORDS
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.scoring.bootstrap import SEED, resampled_sums
from pipeline.tasks.retrieve import RetrieveSystem

_EVENT = "|".join(re.escape(each["doing"]) for each in WORDS["action"].values())
_ORDER = re.compile(rf"\b({_EVENT})( , (?:then(?: the light goes out and)?|and later) )({_EVENT})\b")
"""How summaries and scripts of scenes say what happens first, in the light, and then, in the dark."""


@dataclass(frozen=True)
class Known:
    """Of how many of ``of`` videos the true order scored higher; ties: of how many neither. low, high: 95 % interval
    of the share, had other videos been drawn.
    """

    system: str
    right: int
    ties: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Of videos."""
        return self.right / self.of


def swapped(text: str) -> str | None:
    """The text with its two events the other way round; None where it does not tell of two.

    >>> swapped("a red star , first flashing , then shaking . a bar .")
    'a red star , first shaking , then flashing . a bar .'
    >>> swapped("there is pulsing , then the light goes out and flashing .")
    'there is flashing , then the light goes out and pulsing .'
    >>> swapped("a red star . the light goes out .")
    """
    found = _ORDER.search(text)
    if found is None or found[1] == found[3]:
        return None
    return f"{text[: found.start()]}{found[3]}{found[2]}{found[1]}{text[found.end() :]}"


def told(dialogs: Sequence[Dialog], kind: Query) -> dict[str, tuple[str, str]]:
    """By video the text about it and that text swapped, of those whose text tells of two events."""
    texts = {dialog.video_id: query(dialog, kind) for dialog in dialogs}
    both = {video: (text, swapped(text)) for video, text in texts.items()}
    return {video: (text, other) for video, (text, other) in both.items() if other is not None}


def probe(config: Config, name: str, test_sets: Sequence[str], resamples: int) -> Known:
    """How often the retriever ``name`` scores the true order higher, over the videos of all ``test_sets``.

    Raises `UserError` for anything missing.
    """
    trained = config.trained(name)[1] if name in config.systems else None
    if not isinstance(trained, RetrieveSystem):
        finders = [each for each, system in config.systems.items() if system.finds]
        raise UserError(f"{name}: no system that finds videos; give one of {', '.join(finders)}")
    return _known(name, np.concatenate([_above(config, name, each, trained.query) for each in test_sets]), resamples)


def _above(config: Config, name: str, test_set: str, kind: Query) -> NDArray[np.float64]:
    """(N,) by how much each text's score is above that of the same one swapped."""
    path = Layout(config.results).dialogs(test_set)
    texts = told(read_dialogs(path), kind)
    if not texts:
        raise UserError(f"{path}: no {kind} tells which of two events comes first, as those of scenes do")
    # Two candidates that answer no question.
    dialogs = [Dialog(video, "", "", (Turn("", text),)) for video, (text, _) in texts.items()]
    opened, both = open_system(config, name, test_set), {(video, 0): pair for video, pair in texts.items()}
    scores = candidate_scores(config, opened, dialogs, both, alone=True)
    return np.array([scores[video, 0][0] - scores[video, 0][1] for video in texts])


def _known(name: str, differences: NDArray[np.float64], resamples: int) -> Known:
    right = differences > 0
    (sums,) = resampled_sums([right[:, None].astype(np.float64)], resamples, SEED)
    low, high = np.percentile(sums[:, 0] / len(right), [2.5, 97.5])
    return Known(name, int(right.sum()), int((differences == 0).sum()), len(right), float(low), float(high))
