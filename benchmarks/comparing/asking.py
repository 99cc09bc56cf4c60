"""Dialogs of yes/no questions alone, and features that are a scene's facts themselves."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.corpus.dialogs import Dialog
from pipeline.corpus.scenes.dialog import FACTS, Question, word
from pipeline.corpus.scenes.generate import Told
from pipeline.corpus.scenes.language import LEADS, PROPOSITIONS, phrase
from pipeline.corpus.scenes.truth import TurnTruth
from pipeline.corpus.scenes.world import Scene

GUESS, PROPOSITION = "guess", "proposition"
GUESSES = {
    "colour": "[{is_figure} {v}|{does_figure} look {v}|is {v} the [colour|color] you see]",
    "speed": "[is the motion {v}|would you call the motion {v}|do you find the motion {v}]",
}
"""Of the same facts as `PROPOSITIONS`; `{v}` is the value."""
STEPS, DIMS, NOISE = 4, 64, 0.3


def ask(told: Sequence[Told], kind: str) -> list[Dialog]:
    """One yes/no question of ``kind`` a fact about each scene; half the guesses are right."""
    rng = np.random.default_rng(0)
    dialogs = []
    for each in told:
        turns = []
        for fact, known in FACTS.items():
            if fact not in PROPOSITIONS:
                continue
            value, true_of, question = getattr(each.scene, fact), PROPOSITIONS[fact].true_of, None
            if kind == GUESS:
                right = rng.random() < 0.5
                others = [other for other in known.values if other != value]
                true_of = (value if right else others[rng.integers(len(others))],)
                question = phrase(f"{LEADS} {GUESSES[fact]} {{tail}} ?", rng, {"v": true_of[0]})
            truth = TurnTruth("yesno", "yesno", "yes" if value in true_of else "no")
            turn = word(each.scene, Question(fact, truth), rng)
            turns.append(turn if question is None else type(turn)(question, turn.answer))
        dialogs.append(Dialog(each.scene.video_id, each.dialog.caption, each.dialog.summary, tuple(turns)))
    return dialogs


class Facts:
    """A feature that tells the facts of a modality without fail: `STEPS` rows, each a mix of indicators, and noise."""

    dims = DIMS

    def __init__(self, category: str, scenes: Sequence[Scene]) -> None:
        """category: of the facts it tells, as `FACTS` has it."""
        facts = {fact: known.values for fact, known in FACTS.items() if known.category == category}
        rng = np.random.default_rng(0)
        mix = rng.standard_normal((sum(map(len, facts.values())), DIMS))
        self._rows: dict[str, NDArray[np.float32]] = {}
        for scene in scenes:
            is_so = [value == getattr(scene, fact) for fact, values in facts.items() for value in values]
            rows = np.array(is_so, float) @ mix + NOISE * rng.standard_normal((STEPS, DIMS))
            self._rows[scene.video_id] = rows.astype(np.float32)

    def __contains__(self, video_id: str) -> bool:
        return video_id in self._rows

    def read(self, video_id: str) -> NDArray[np.float32]:
        """The scene's rows (steps, dims)."""
        return self._rows[video_id]
