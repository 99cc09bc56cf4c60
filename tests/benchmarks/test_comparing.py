"""The benchmark of yes/no questions: what it asks, what it learns from, and how it counts."""

from collections import Counter

import numpy as np
import pytest
import torch

from benchmarks.comparing.__main__ import COLUMNS, main
from benchmarks.comparing.asking import GUESS, PROPOSITION, Facts, ask
from benchmarks.comparing.learning import first_words
from pipeline.config import SceneCounts, Scenes
from pipeline.corpus.dialogs import Dialog, Turn
from pipeline.corpus.scenes.generate import tell
from pipeline.corpus.scenes.language import FORMS
from pipeline.corpus.scenes.truth import values_in
from pipeline.dataset.dialogs import DialogDataset
from pipeline.dataset.views import View
from pipeline.networks.base import Prediction
from pipeline.training.split import Split
from pipeline.vocabulary.words import build

FACTS = {"colour": ("colour", ("red", "yellow"), "warm"), "speed": ("speed", ("fast",), "fast")}


@pytest.fixture(scope="module")
def told():
    return tell(Scenes(counts=SceneCounts(training=400, validation=1, trial=1, official=1)))["training"]


@pytest.mark.parametrize("kind", [GUESS, PROPOSITION])
def test_answers_are_true_and_half_of_them_yes(told, kind):
    said = Counter()
    for each, dialog in zip(told, ask(told, kind), strict=True):
        for turn, (fact, (of_kind, true_of, word)) in zip(dialog.turns, FACTS.items(), strict=True):
            value = getattr(each.scene, fact)
            if kind == GUESS:
                (guessed,) = values_in(turn.question, FORMS[of_kind])
                right = guessed == value
            else:
                assert word in turn.question.split()
                right = value in true_of
            assert values_in(turn.answer, FORMS["yesno"]) == {"yes" if right else "no"}
            said[right] += 1
    assert abs(said[True] - said[False]) < 4 * np.sqrt(said.total())


def test_features_tell_the_facts_of_their_category_alone(told):
    """The nearest mean of other scenes' rows finds its category's values, and no others."""
    scenes = [each.scene for each in told]
    facts = Facts("picture", scenes)
    rows = np.stack([facts.read(scene.video_id).mean(0) for scene in scenes])
    shares = {}
    for fact in ("colour", "direction"):
        values = np.array([getattr(scene, fact) for scene in scenes])
        names = sorted(set(values))
        means = np.stack([rows[:200][values[:200] == name].mean(0) for name in names])
        nearest = np.array(names)[((rows[200:, None] - means) ** 2).sum(2).argmin(1)]
        shares[fact] = float((nearest == values[200:]).mean())
    assert shares["colour"] >= 0.9
    assert shares["direction"] <= 0.4


def test_first_words_are_counted_against_the_answers():
    answers = ["yes , it is red .", "nope .", "yeah", "no , it is blue"]
    dialogs = [Dialog("a", "", "", tuple(Turn("is it ?", answer) for answer in answers))]
    vocabulary = build(dialogs, frozenset(), 1)
    split = Split.of(DialogDataset(dialogs, vocabulary, {}, {"model": View((), "none", history=False)}))

    class Saying(torch.nn.Module):
        """Says the same first word to every question."""

        def __init__(self, word):
            super().__init__()
            self.word = vocabulary.encode(word)[0]

        def encode(self, inputs):
            return inputs

        def start(self, encoded):
            return encoded

        def predict(self, encoded, state):
            logits = torch.zeros(len(encoded.dialog), len(vocabulary))
            logits[:, self.word] = 5
            return Prediction(logits, logits[:, :1], {}, None)

    assert first_words(Saying("yeah"), split, 60, vocabulary) == [True, False, True, False]
    assert first_words(Saying("no"), split, 60, vocabulary) == [False, True, False, True]


def test_the_command_prints_a_row_a_source_and_kind(capsys):
    assert main(["--scenes", "12", "--epochs", "1", "--tested", "5"]) == 0
    head, _, *rows = capsys.readouterr().out.strip().splitlines()
    assert head == f"| {' | '.join(COLUMNS)} |"
    cells = [row.strip("| ").split(" | ") for row in rows]
    assert [cell[:4] for cell in cells] == [
        [source, kind, "24", "1"] for source in ("description", "features") for kind in (GUESS, PROPOSITION)
    ]
    assert all(0 <= float(cell[4]) <= 1 and cell[5] == "10" for cell in cells)


def test_the_command_refuses_no_scenes(capsys):
    with pytest.raises(SystemExit):
        main(["--scenes", "0"])
    assert "--scenes 0: expected 1 or more" in capsys.readouterr().err
