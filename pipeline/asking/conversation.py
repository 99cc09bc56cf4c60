"""A dialog about one video: features made once, every answer enters the history."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from pipeline.answers.explain import Explanation, explanation
from pipeline.answers.explain_clip import Clip
from pipeline.answers.search import search
from pipeline.asking.system import Answerer
from pipeline.asking.video import VIDEO, VideoFeature
from pipeline.asking.words import question_in_corpus, unknown_words
from pipeline.config import Answers
from pipeline.corpus.dialogs import UNDISCLOSED, Dialog, Turn
from pipeline.dataset.dialogs import DialogDataset
from pipeline.errors import UserError
from pipeline.networks.inputs import Inputs
from pipeline.progress import log


@dataclass(frozen=True)
class Told:
    """What explains the answers so far: the system, the video's file, what stood before the first question."""

    system: str
    label: str
    video: str
    description: str
    history: tuple[Turn, ...]
    clip: Clip
    answers: tuple[Explanation, ...]


@dataclass(frozen=True)
class Reply:
    """An answer. unknown: the question's words that the vocabulary lacks. explanation: None unless asked for."""

    answer: str
    unknown: tuple[str, ...]
    explanation: Explanation | None


@dataclass
class Conversation:
    """A dialog about one video: every answer enters the history.

    turns: those so far, as in the corpus. features: the video's, by name.
    """

    answerer: Answerer
    features: Mapping[str, VideoFeature]
    settings: Answers
    device: torch.device
    description: str
    turns: list[Turn]

    def ask(self, question: str, explain: bool = False) -> Reply:
        """The answer to ``question``, a person's words; with its explanation if wanted.

        Raises `UserError` for a blank question, and when the network's scores are not finite numbers.
        """
        vocabulary = self.answerer.vocabulary
        words = question_in_corpus(question, vocabulary)
        if not words:
            raise UserError("the question is blank, expected words")
        unknown = unknown_words(words, vocabulary)
        if unknown:
            log(f"not in the vocabulary of {self.answerer.name}: {', '.join(unknown)}")
        inputs = self._inputs(words)
        network = self.answerer.system.generator
        with torch.no_grad():
            try:
                best = search(network, network.encode(inputs), self.settings)[0][0]
            except ArithmeticError as error:
                raise UserError(f"{self.answerer.name}: {error}; check the weights of model and features") from None
        answer = vocabulary.decode(best.ids)
        explained = self._explanation(words, answer, inputs) if explain else None
        self.turns.append(Turn(words, answer))
        return Reply(answer, tuple(unknown), explained)

    def _inputs(self, question: str) -> Inputs:
        batch = self._dataset(question).batch([(0, [len(self.turns)])], with_targets=False)
        return batch.to(self.device).views["model"]

    def _dataset(self, question: str) -> DialogDataset:
        dialog = Dialog(VIDEO, "", self.description, (*self.turns, Turn(question, UNDISCLOSED)))
        return DialogDataset([dialog], self.answerer.vocabulary, self.features, {"model": self.answerer.view})

    def _explanation(self, question: str, answer: str, inputs: Inputs) -> Explanation:
        seen, dataset = self.answerer.view, self._dataset(question)
        return explanation(
            self.answerer.system.generator,
            self.answerer.vocabulary,
            inputs,
            question,
            answer,
            dataset.description("model", 0),
            [f"{turn.question} {turn.answer}" for turn in self.turns] if seen.history else (),
            {name: feature.times for name, feature in self.features.items()},
            dataset.words("model", 0),
        )
