"""Beam search the way it is commonly written, the yardstick of ours: a turn at a time, a hypothesis at a time.

The rules are those of `pipeline.answers.search`, in the order of the organisers' published code: every hypothesis is
predicted by itself, finishes by `<eos>`, and is continued by its best words as long as they enter the beam. Unlike the
published code it ranks a hypothesis's words only as far as the beam is wide, and moves the network's state on only for
the hypotheses that a step keeps, so it is the faster of the two.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.answers.chances import NEVER
from pipeline.answers.search import Answer
from pipeline.config import Answers
from pipeline.networks.base import Generator, Prediction
from pipeline.networks.inputs import Inputs
from pipeline.tensors import TensorGroup
from pipeline.vocabulary import END


@dataclass(frozen=True)
class Hypothesis:
    """An open answer: its words, its score, and the network's state after them."""

    words: tuple[int, ...]
    score: float
    state: TensorGroup


@dataclass(frozen=True)
class Candidate:
    """A continuation that may enter the beam, whose state is not computed yet."""

    parent: Hypothesis
    prediction: Prediction
    word: int
    score: float


@torch.no_grad()
def sequential_search(network: Generator, inputs: Inputs, settings: Answers) -> list[Answer]:
    """The n best answers of the one turn in ``inputs``, best first; no early end, as in the published code."""
    encoded = network.encode(inputs)
    hypotheses = [Hypothesis((), 0.0, network.start(encoded))]
    finished: list[Answer] = []
    for length in range(settings.max_length + 1):
        candidates: list[Candidate] = []
        for hypothesis in hypotheses:
            prediction = network.predict(encoded, hypothesis.state)
            chances = prediction.logits[0].log_softmax(0)
            if length >= settings.min_length:
                score = hypothesis.score + float(chances[END]) + settings.bonus
                finished.append(Answer(hypothesis.words, score))
            if length < settings.max_length:
                candidates += _continued(hypothesis, prediction, chances, settings)
        candidates.sort(key=lambda candidate: -candidate.score)
        hypotheses = [_moved(network, candidate) for candidate in candidates[: settings.beam]]
    return sorted(finished, key=lambda answer: -answer.score)[: settings.n_best]


def _continued(hypothesis: Hypothesis, prediction: Prediction, chances: Tensor, settings: Answers) -> list[Candidate]:
    chances[list(NEVER)] = -torch.inf
    values, words = chances.topk(min(settings.beam, len(chances) - len(NEVER)))
    return [
        Candidate(hypothesis, prediction, word, hypothesis.score + value + settings.bonus)
        for value, word in zip(values.tolist(), words.tolist(), strict=True)
    ]


def _moved(network: Generator, candidate: Candidate) -> Hypothesis:
    state = network.advance(candidate.parent.state, candidate.prediction, torch.tensor([candidate.word]))
    return Hypothesis((*candidate.parent.words, candidate.word), candidate.score, state)
