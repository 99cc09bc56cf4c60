"""What the page does, without the page: who asks about which video, what was answered, what is under way."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.answers.explain_answers import by_hash
from pipeline.answers.explain_clip import Clip, read_clip
from pipeline.asking.cache import Cache, content_of
from pipeline.asking.conversation import Conversation, Reply
from pipeline.asking.opening import Party, converse, gather
from pipeline.asking.system import Answerer, choose, open_answerer, trained_systems
from pipeline.config import Config
from pipeline.config.needs import read_at_test
from pipeline.corpus.dialogs import Dialog, Turn, read_dialogs
from pipeline.corpus.videos import find_videos
from pipeline.devices import resolve_device
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.plan.jobs import Jobs
from pipeline.progress import log
from pipeline.texts import check_sentence, check_text
from pipeline.web.work import Bench, Job, Known, Progress, Video

VISITS = 100
"""Visits that are remembered: those that nobody came back to for longest are forgotten."""
EXAMPLES = 4
LOOKS_EVERY = 0.3
"""Seconds between two reports of a job's progress."""


class LeftError(Exception):
    """The person has another video by now, or is gone: nobody waits for what was asked."""


@dataclass(frozen=True)
class Example:
    """A clip of the trial set with its true dialog. content: the file's SHA-256. picture: a JPEG of its middle."""

    path: Path
    dialog: Dialog
    content: str
    picture: bytes


@dataclass(frozen=True)
class Other:
    """What another system answers to the same question; ``refused`` says why it does not."""

    name: str
    label: str
    answer: str
    refused: str = ""


@dataclass
class Asked:
    """A question as it was typed, what a system answered, and what it was told of the video. others: see `compare`."""

    question: str
    reply: Reply
    name: str
    label: str
    told: str
    others: list[Other] = field(default_factory=list)


@dataclass
class Visit:
    """One person's dialog about one video. turns: as the corpus has them, the history of the next question.

    left: whether nobody waits for it any more.
    """

    video: Video
    known: Known = field(default_factory=Known)
    turns: list[Turn] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    job: Job | None = None
    left: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def cancel(self) -> None:
        """End what is computed for it."""
        if self.job is not None:
            self.job.cancel()

    def leave(self) -> None:
        """Nobody waits for it any more."""
        self.left = True
        self.cancel()

    def check(self) -> None:
        """Raises `LeftError` where nobody waits for it any more."""
        if self.left:
            raise LeftError

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        """What is done in it is of no use to somebody who has left: `check` follows it, and comes before its errors."""
        try:
            yield
        except UserError:
            self.check()
            raise
        self.check()


class Desk:
    """Trained systems, the people who ask them, and the bench on which their videos are worked at."""

    def __init__(self, config: Config, cache_bytes: int) -> None:
        self.config, self.device = config, resolve_device(config.device)
        self.systems = answering(config)
        self.best = choose(config, described=False)
        self._cache = Cache(Layout(config.results).web, config, cache_bytes)
        self.examples = list(self._examples())
        self._answerers: dict[str, Answerer] = {}
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._coming: dict[str, object] = {}
        self._lock, self._answering = threading.Lock(), threading.Lock()
        self.bench = Bench()
        self.answerer(self.best)

    def _examples(self) -> Iterator[Example]:
        """A few clips of the trial set with their dialogs; none where the run has no videos, or no trial set."""
        folder, dialogs = Jobs(self.config).video_folder, Layout(self.config.results).dialogs("trial")
        if folder is None or not folder.is_dir() or not dialogs.is_file():
            return
        files = find_videos(folder, self.config.videos_recursive).files
        there = [dialog for dialog in read_dialogs(dialogs) if dialog.video_id in files]
        for dialog in by_hash(there)[:EXAMPLES]:
            path = files[dialog.video_id]
            try:
                content = content_of(path)
                clip = self._clip(path, content)
            except UserError as error:
                log(f"warning: {path.name} is no example: {error}")
                continue
            if clip.frames:
                yield Example(path, dialog, content, clip.frames[len(clip.frames) // 2][1])

    def _clip(self, path: Path, content: str) -> Clip:
        """The clip in little: kept from before, or made now and kept."""
        clip = self._cache.clip(content)
        if clip is None:
            clip = read_clip(path, self.config.media)
            self._cache.keep_clip(content, clip)
        return clip

    def answerer(self, name: str) -> Answerer:
        """A trained system, which is loaded once. Raises `UserError` for any other."""
        with self._lock:
            if name not in self._answerers:
                self._answerers[name] = open_answerer(self.config, name, False, self.device)
            return self._answerers[name]

    def reads_description(self, name: str) -> bool:
        """Whether a person's description can be given to a system."""
        return self.config.systems[name].told("test") != "none"

    def visit(self, person: str) -> Visit:
        """The dialog of a person. Raises `UserError` while they have not chosen a video."""
        with self._lock:
            if person not in self._visits:
                raise UserError("choose a video first")
            self._visits.move_to_end(person)
            return self._visits[person]

    def begin(self, person: str, path: Path) -> Visit:
        """A new dialog, about the video in ``path``; the one before is over, whatever was computed for it too.

        Raises `UnusableVideoError` for a video that is gone, or may not be read, `LeftError` when the person has chosen
        another while it was read.
        """
        coming = object()
        self.leave(person)
        with self._lock:
            self._coming[person] = coming
        try:
            visit = Visit(Video(path, path.name, content_of(path)))
        except UserError:
            self._arrived(person, coming, None)
            raise
        self._arrived(person, coming, visit)
        return visit

    def _arrived(self, person: str, coming: object, visit: Visit | None) -> None:
        """The video was read, or could not be (no visit): the dialog is the person's, if they still wait for it."""
        with self._lock:
            if self._coming.get(person) is not coming:
                raise LeftError
            del self._coming[person]
            if visit is not None:
                self._visits[person] = visit
            while len(self._visits) > VISITS:
                self._visits.popitem(last=False)[1].leave()

    def leave(self, person: str) -> None:
        """Forget a person; nothing more is computed for them."""
        with self._lock:
            self._coming.pop(person, None)
            visit = self._visits.pop(person, None)
        if visit is not None:
            visit.leave()

    def close(self) -> None:
        """End everything."""
        self.bench.close()

    def party(self, visit: Visit, name: str, description: str) -> Party:
        """Who takes part when the system ``name`` is asked. description: what the person wrote, if the system reads it.

        Raises `UserError` for a description that is too long or no text.
        """
        given = checked(description, "the description") if self.reads_description(name) else ""
        return gather(self.config, self.answerer(name), given or None, Path(visit.video.name).stem, self.device)

    def prepare(self, visit: Visit, dims: Mapping[str, int]) -> Iterator[Progress]:
        """Make what ``dims`` and the picture need, and say how far it is. It ends when all is there.

        Raises `UserError` when the video cannot be used or the work was cancelled, `LeftError` when nobody waits.
        """
        visit.known.look_up(self._cache, visit.video.content, dims)
        while not visit.known.has(dims):
            with visit.lock:
                visit.check()
                if visit.job is None or visit.job.ended:
                    visit.job = self.bench.submit(Job(self.config, self._cache, visit.video, visit.known, dims))
                job = visit.job
            while not job.ended:
                yield self.bench.progress(job)
                job.wait(LOOKS_EVERY)
            last = self.bench.progress(job)
            visit.check()
            if last.state == "cancelled":
                raise UserError("cancelled: nothing more is computed for this video until you ask")
            if last.state == "refused":
                raise UserError(last.words)
        visit.check()

    def ask(self, visit: Visit, party: Party, question: str) -> Asked:
        """Answer, explain, and note it in the history. The party's features must be there (`prepare`).

        Raises `UserError` for a question that is blank, too long or no text, `LeftError` when nobody waits.
        """
        text = checked(question, "the question")
        with visit.lock:
            with self._answering, visit.waited_for():
                conversation = self._conversation(visit, party, visit.turns)
                reply = conversation.ask(text, explain=True)
            visit.turns = conversation.turns
            answerer = party.answerer
            asked = Asked(text, reply, answerer.name, answerer.label, conversation.description)
            visit.asked.append(asked)
            return asked

    def compare(self, visit: Visit, description: str) -> Iterator[Progress | int]:
        """What each trained system answers to the last question, after the dialog that came before it.

        Yields the progress of what has to be computed for them, then how many have answered. One that cannot answer
        says why. Raises `UserError` and `LeftError` as `prepare` does, the former before the first question, too.
        """
        if not visit.asked:
            raise UserError("ask a question first")
        asked, before = visit.asked[-1], visit.turns[:-1]
        parties: list[Party | UserError] = []
        for name in self.systems:
            try:
                parties.append(self.party(visit, name, description))
            except UserError as error:
                parties.append(error)
        dims = {key: size for party in parties if isinstance(party, Party) for key, size in party.dims.items()}
        yield from self.prepare(visit, dims)
        others: list[Other] = []
        for name, party in zip(self.systems, parties, strict=True):
            label = self.config.systems[name].label
            try:
                if isinstance(party, UserError):
                    raise party
                with self._answering, visit.waited_for():
                    answer = self._conversation(visit, party, before).ask(asked.question).answer
                others.append(Other(name, label, answer))
            except UserError as error:
                others.append(Other(name, label, "", str(error)))
            yield len(others)
        visit.check()
        asked.others = others

    def _conversation(self, visit: Visit, party: Party, turns: Sequence[Turn]) -> Conversation:
        return converse(self.config, party, visit.known.features, turns, self.device)

    def truth(self, visit: Visit) -> Dialog | None:
        """The true dialog about an example's clip."""
        return next((each.dialog for each in self.examples if each.content == visit.video.content), None)


def answering(config: Config) -> list[str]:
    """The trained systems that answer; one that reads what another says of the video, if that is trained too."""
    trained = trained_systems(config)
    asked = [name for name in trained if config.systems[name].asked]
    return [name for name in asked if all(read.system in trained for read in read_at_test(config, name, "trial"))]


def checked(text: str, what: str) -> str:
    """``text`` without the space around it. Raises `UserError` where it is too long or no text."""
    return check_sentence(check_text(text, what), what, blank=True).strip()
