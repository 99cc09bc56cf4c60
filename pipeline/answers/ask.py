"""`avsd ask`: questions about any video file, answered by a trained system."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from pipeline.answers.ask_history import given_history, read_history
from pipeline.answers.ask_system import Answerer, open_answerer
from pipeline.answers.ask_video import VIDEO, VideoFeature, check_features, video_features, warn_of_other_settings
from pipeline.answers.ask_words import as_in_corpus, question_in_corpus, unknown_words
from pipeline.answers.explain import Explanation, explanation
from pipeline.answers.explain_clip import Clip, read_clip
from pipeline.answers.search import search
from pipeline.config import Answers, Config
from pipeline.corpus.descriptions import read_descriptions
from pipeline.corpus.dialogs import UNDISCLOSED, Dialog, Turn
from pipeline.dataset.dialogs import DialogDataset
from pipeline.devices import resolve_device
from pipeline.errors import UserError
from pipeline.networks.inputs import Inputs
from pipeline.progress import log
from pipeline.texts import check_text

PROMPT = "question> "


@dataclass(frozen=True)
class Request:
    """What is asked: of which video, by which system (None: the best), after what was said before.

    history: a file (see `read_history`). asked, answered: further turns. explain: whether the answers are explained.
    """

    video: Path
    questions: tuple[str, ...] = ()
    system: str | None = None
    history: Path | None = None
    asked: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    description: str | None = None
    interactive: bool = False
    explain: bool = False


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


Show = Callable[[Told], None]
"""Takes the explanations of all answers so far, after each one."""


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
    explanations: list[Explanation] = field(default_factory=list)

    def ask(self, question: str, explain: bool = False) -> str:
        """The answer to ``question``, a person's words; with its explanation in `explanations` if wanted.

        Raises `UserError` for a blank question, and when the network's scores are not finite numbers.
        """
        vocabulary = self.answerer.vocabulary
        words = question_in_corpus(question, vocabulary)
        if not words:
            raise UserError("the question is blank, expected words")
        _name_unknown(words, self.answerer)
        inputs = self._inputs(words)
        network = self.answerer.system.network
        with torch.no_grad():
            try:
                best = search(network, network.encode(inputs), self.settings)[0][0]
            except ArithmeticError as error:
                raise UserError(f"{self.answerer.name}: {error}; check the weights of model and features") from None
        answer = vocabulary.decode(best.ids)
        if explain:
            self.explanations.append(self._explanation(words, answer, inputs))
        self.turns.append(Turn(words, answer))
        return answer

    def _inputs(self, question: str) -> Inputs:
        dialog = Dialog(VIDEO, "", self.description, (*self.turns, Turn(question, UNDISCLOSED)))
        view = self.answerer.view
        if view.description != "none":
            # Whatever it is at test, here it is the text given.
            view = replace(view, description="summary")
        dataset = DialogDataset([dialog], self.answerer.vocabulary, self.features, {"model": view})
        return dataset.batch([(0, [len(self.turns)])], with_targets=False).to(self.device).views["model"]

    def _explanation(self, question: str, answer: str, inputs: Inputs) -> Explanation:
        seen = self.answerer.view
        return explanation(
            self.answerer.system.network,
            self.answerer.vocabulary,
            inputs,
            question,
            answer,
            self.description if seen.description != "none" else "",
            [f"{turn.question} {turn.answer}" for turn in self.turns] if seen.history else (),
            {name: feature.times for name, feature in self.features.items()},
        )


def ask(config: Config, request: Request, show: Show | None = None) -> None:
    """Answer the questions of ``request``, each answer a line on the standard output; then those typed, if interactive.

    The features of the video are made once and kept. show: takes the explanations after each answer, if the request
    wants them. Raises `UserError` for anything that is missing or does not fit.
    """
    began = time.monotonic()
    device = resolve_device(config.device)
    if not request.video.is_file():
        raise UserError(f"{request.video}: no such video file")
    _check_texts(request)
    answerer = open_answerer(config, request.system, request.description is not None, device)
    check_features(config, answerer.dims)
    conversation = _conversation(config, request, answerer, device)
    clip = read_clip(request.video) if request.explain else None
    opening = tuple(conversation.turns)
    log(f"{request.video.name}: ready after {time.monotonic() - began:.1f} s")
    for question in _questions(request):
        print(conversation.ask(question, explain=clip is not None), flush=True)
        if clip is not None and show is not None:
            explained = tuple(conversation.explanations)
            told = Told(
                answerer.name, answerer.label, request.video.name, conversation.description, opening, clip, explained
            )
            show(told)


def _check_texts(request: Request) -> None:
    for text in request.questions:
        check_text(text, f"question {text!r}")
    for option in ("asked", "answered"):
        for text in getattr(request, option):
            check_text(text, f"--{option} {text!r}")
    check_text(request.description or "", f"--description {request.description!r}")


def _conversation(config: Config, request: Request, answerer: Answerer, device: torch.device) -> Conversation:
    """The dialog before the first question, and the video's features; what costs little is checked first."""

    def split(text: str) -> str:
        return as_in_corpus(text, answerer.vocabulary)

    turns = [] if request.history is None else read_history(request.history, request.video.stem, split)
    turns += given_history(request.asked, request.answered, split)
    if turns and not answerer.view.history:
        log(f"{answerer.name} does not see the dialog so far: every question stands alone")
    description = _description(request, answerer)
    _name_unknown(" ".join([description, *(f"{turn.question} {turn.answer}" for turn in turns)]), answerer)
    features = video_features(request.video, config, answerer.dims)
    warn_of_other_settings(config, features)
    return Conversation(answerer, features, config.answers, device, description, turns)


def _description(request: Request, answerer: Answerer) -> str:
    """The text in front of every question, "" where there is none: the user's, or that of a file of automatic ones."""
    if request.description is not None:
        return as_in_corpus(request.description, answerer.vocabulary)
    kind = answerer.view.description
    if isinstance(kind, Path):
        found = read_descriptions(kind).get(request.video.stem, "")
        if found:
            return found
    if kind != "none":
        log(f"{answerer.name} reads a description ({kind}); without --description every question stands alone")
    return ""


def _name_unknown(text: str, answerer: Answerer) -> None:
    if unknown := unknown_words(text, answerer.vocabulary):
        log(f"not in the vocabulary of {answerer.name}: {', '.join(unknown)}")


def _questions(request: Request) -> Iterator[str]:
    """The questions given, then those typed until an empty line or the end of the input."""
    yield from request.questions
    if not request.interactive:
        return
    terminal = sys.stdin.isatty()
    if terminal:
        _edit_lines()
    while True:
        try:
            # Typed at a terminal the prompt is wanted; from a pipe it would stand among the answers.
            line = input(PROMPT if terminal else "")
        except EOFError:
            return
        except UnicodeDecodeError as error:
            raise UserError(f"a question from the standard input: not {error.encoding} ({error.reason})") from None
        if not line.strip():
            return
        yield check_text(line, f"question {line!r}")


def _edit_lines() -> None:
    """Line editing and recall at the prompt, where Python has them: importing readline is enough."""
    try:
        import readline  # noqa: F401
    except ImportError:
        return
