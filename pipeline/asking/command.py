"""`avsd ask`: questions about any video file, answered by a trained system."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from pipeline.answers.explain import Explanation
from pipeline.answers.explain_clip import read_clip
from pipeline.asking.conversation import Conversation, Told
from pipeline.asking.history import Before, given_history, read_history
from pipeline.asking.opening import Party, converse, gather
from pipeline.asking.system import open_answerer
from pipeline.asking.video import check_video, video_features, warn_of_other_settings
from pipeline.asking.words import as_in_corpus, unknown_words
from pipeline.config import Config
from pipeline.devices import resolve_device
from pipeline.errors import UserError
from pipeline.progress import log, say
from pipeline.texts import check_sentence, check_text, quoted
from pipeline.texts.limits import LONGEST_SENTENCE

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


Show = Callable[[Told], None]
"""Takes the explanations of all answers so far, after each one."""


def ask(config: Config, request: Request, show: Show | None = None) -> None:
    """Answer the questions of ``request``, each answer a line on the standard output; then those typed, if interactive.

    The features of the video are made once and kept. show: takes the explanations after each answer, if the request
    wants them. Raises `UserError` for anything that is missing or does not fit.
    """
    began = time.monotonic()
    device = resolve_device(config.device)
    _check_texts(request)
    before = _before(request)
    check_video(request.video)
    answerer = open_answerer(config, request.system, request.description is not None, device)
    party = gather(config, answerer, request.description, request.video.stem, device)
    conversation = _conversation(config, request, before, party, device)
    clip = read_clip(request.video, config.media) if request.explain else None
    opening = tuple(conversation.turns)
    log(f"{request.video.name}: ready after {time.monotonic() - began:.1f} s")
    explained: list[Explanation] = []
    for question in _questions(request):
        reply = conversation.ask(question, explain=clip is not None)
        say(reply.answer)
        if clip is not None and reply.explanation is not None and show is not None:
            explained.append(reply.explanation)
            name, described = request.video.name, conversation.description
            show(Told(answerer.name, answerer.label, name, described, opening, clip, tuple(explained)))


def _check_texts(request: Request) -> None:
    if any(not question.strip() for question in request.questions):
        raise UserError("the question is blank, expected words")
    given = {"question": request.questions, "--asked": request.asked, "--answered": request.answered}
    for name, texts in {**given, "--description": (request.description or "",)}.items():
        for text in texts:
            _checked(text, name)


def _checked(text: str, name: str) -> str:
    """A text of the command line, or of the standard input."""
    where = f"{name} {quoted(text)}"
    return check_sentence(check_text(text, where), where, blank=True)


def _before(request: Request) -> Before:
    """The dialog before: a file's, and what the options give."""
    written = None if request.history is None else read_history(request.history, request.video.stem)
    given = given_history(request.asked, request.answered)
    return lambda split: [*(written(split) if written else ()), *given(split)]


def _conversation(config: Config, request: Request, before: Before, party: Party, device: torch.device) -> Conversation:
    """The dialog before the first question, and the video's features; what costs little is checked first."""
    answerer = party.answerer
    turns = before(lambda text: as_in_corpus(text, answerer.vocabulary))
    if turns and not answerer.view.history:
        log(f"{answerer.name} does not see the dialog so far: every question stands alone")
    given = " ".join([party.description or "", *(f"{turn.question} {turn.answer}" for turn in turns)])
    if unknown := unknown_words(given, answerer.vocabulary):
        log(f"not in the vocabulary of {answerer.name}: {', '.join(unknown)}")
    features = video_features(request.video, config, party.dims)
    warn_of_other_settings(config, features)
    return converse(config, party, features, turns, device)


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
            line = input(PROMPT) if terminal else sys.stdin.readline(LONGEST_SENTENCE + 1)
        except EOFError:
            return
        except UnicodeDecodeError as error:
            raise UserError(f"a question from the standard input: not {error.encoding} ({error.reason})") from None
        if not line.strip():
            return
        yield _checked(line.removesuffix("\n"), "question")


def _edit_lines() -> None:
    """Line editing and recall at the prompt, where Python has them: importing readline is enough."""
    try:
        import readline  # noqa: F401
    except ImportError:
        return
