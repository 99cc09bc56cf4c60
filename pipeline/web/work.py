"""Features of a video, computed in a process of their own: it can be ended at any moment, and may fail alone.

Jobs wait for their turn: one at a time computes on the device.
"""

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from pipeline import stopping
from pipeline.answers.explain_clip import Clip, read_clip
from pipeline.asking.cache import Cache
from pipeline.asking.video import VideoFeature, steps_of, video_features
from pipeline.config import Config
from pipeline.errors import UserError, refusal
from pipeline.progress import heard_by, tell

GRACE_SECONDS = 5.0
"""A process that was asked to end gets so long to put things away; then it is killed with all that it began."""
PICTURE = "picture"
"""The step that makes the clip in little."""
HEARS_EVERY = 0.1
"""Seconds until a cancelled job is seen to be one."""
SAYS_EVERY = 0.1
"""Seconds between two messages of a process, or a fast decoder would write more than anyone reads."""

# Processes come from one that has imported what they need and has no thread: they start at once, with a GPU too.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__, "pipeline.features.frames", "pipeline.features.sound"])


@dataclass(frozen=True)
class Video:
    """A file that someone chose. name: as they know it. content: its SHA-256."""

    path: Path
    name: str
    content: str

    @property
    def quoted(self) -> str:
        """Its name as it stands in a sentence."""
        return f"“{self.name}”"


@dataclass
class Known:
    """What is known of a video: its features so far, and the clip in little."""

    features: dict[str, VideoFeature] = field(default_factory=dict)
    clip: Clip | None = None

    def lacks(self, dims: Mapping[str, int]) -> dict[str, int]:
        """The features of ``dims`` that are not there."""
        return {name: size for name, size in dims.items() if name not in self.features}

    def has(self, dims: Mapping[str, int]) -> bool:
        """Whether nothing is left to be computed."""
        return self.clip is not None and not self.lacks(dims)

    def look_up(self, cache: Cache, content: str, dims: Mapping[str, int]) -> None:
        """Take from ``cache`` what it has of all this."""
        for name in self.lacks(dims):
            if (feature := cache.feature(content, name)) is not None:
                self.features[name] = feature
        if self.clip is None:
            self.clip = cache.clip(content)


State = Literal["waiting", "working", "done", "refused", "cancelled"]


@dataclass(frozen=True)
class Progress:
    """How far a job is. before: jobs that come first. steps: all of them. step: which is under way.

    share: of this step, None where it is not known; left: its seconds, likewise. words: why it was refused.
    """

    state: State
    before: int
    steps: tuple[str, ...]
    step: int
    share: float | None
    left: float | None
    words: str


class Job:
    """Everything about one video that is not known yet."""

    def __init__(self, config: Config, cache: Cache, video: Video, known: Known, dims: Mapping[str, int]) -> None:
        self._config, self._cache, self._video, self._known, self._dims = config, cache, video, known, dims
        self._changed = threading.Condition()
        self._state: State = "waiting"
        self._words = ""
        self._steps: tuple[str, ...] = ()
        self._step, self._done, self._total, self._since = 0, 0.0, 0.0, 0.0

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self._state in ("done", "refused", "cancelled")

    def progress(self, before: int) -> Progress:
        """How far it is. before: jobs that come first."""
        with self._changed:
            share = min(self._done / self._total, 1.0) if self._total else None
            spent = time.monotonic() - self._since
            left = spent / share * (1 - share) if share and spent > 1 else None
            return Progress(self._state, before, self._steps, self._step, share, left, self._words)

    def wait(self, seconds: float) -> None:
        """Until it has ended, but no longer than so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.ended, seconds)

    def cancel(self) -> None:
        """End it, with its process and the decoder; a job that has ended stays as it is."""
        with self._changed:
            self._end("cancelled")

    def run(self) -> None:
        """Do the work: what the cache has by now is taken from it."""
        try:
            self._known.look_up(self._cache, self._video.content, self._dims)
            if not self._known.has(self._dims):
                self._compute()
            with self._changed:
                self._end("done")
        except UserError as error:
            with self._changed:
                self._end("refused", str(error).replace(f"{self._video.path}:", self._video.quoted))
        except Exception:
            traceback.print_exc()
            with self._changed:
                self._end("refused", "this did not work for a reason that is a fault of the program; its log says more")

    def _end(self, state: State, words: str = "") -> None:
        if not self.ended:
            self._state, self._words = state, words
            self._changed.notify_all()

    def _compute(self) -> None:
        missing = self._known.lacks(self._dims)
        here, there = _PROCESSES.Pipe()
        with here:
            with self._changed:
                if self.ended:
                    return
                wanted = self._known.clip is None
                self._steps = (*steps_of(self._config, missing), *([PICTURE] if wanted else []))
                self._state, self._since = "working", time.monotonic()
            arguments = (there, self._config, self._video.path, missing, wanted)
            process = _PROCESSES.Process(target=_work, args=arguments, daemon=True)
            process.start()
            there.close()
            try:
                self._listen(here)
            finally:
                if not self.ended:
                    process.join(GRACE_SECONDS)  # it has said all it had to say
                end_process(process)

    def _listen(self, here: Connection) -> None:
        """Take what the process says until it is done."""
        while not self.ended:
            try:
                if not here.poll(HEARS_EVERY):
                    continue
                kind, value = here.recv()
            except (EOFError, OSError):
                raise UserError(f"{self._video.path}: the work on it ended too early, choose it again") from None
            if kind == "step":
                self._note(*value)
            elif kind == "refused":
                raise UserError(value)
            else:
                self._keep(*value)
                return

    def _note(self, label: str, done: float, total: float) -> None:
        with self._changed:
            rest = self._steps[self._step + 1 :]
            if label != self._steps[self._step] and label in rest:
                self._step += 1 + rest.index(label)
                self._since = time.monotonic()
            self._done, self._total = done, total

    def _keep(self, features: dict[str, VideoFeature], clip: Clip | None) -> None:
        for name, feature in features.items():
            self._cache.keep_feature(self._video.content, name, feature)
        self._known.features.update(features)
        if clip is not None:
            self._cache.keep_clip(self._video.content, clip)
            self._known.clip = clip


class Bench:
    """Where jobs are done, one at a time, in the order in which they came."""

    def __init__(self) -> None:
        forkserver.ensure_running()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="bench")
        self._jobs: list[Job] = []
        self._lock = threading.Lock()

    def submit(self, job: Job) -> Job:
        """Put a job behind the others."""
        with self._lock:
            self._jobs = [*(each for each in self._jobs if not each.ended), job]
        self._worker.submit(job.run)
        return job

    def progress(self, job: Job) -> Progress:
        """How far a job is."""
        with self._lock:
            ahead = self._jobs[: self._jobs.index(job)] if job in self._jobs else []
        return job.progress(sum(not each.ended for each in ahead))

    def close(self) -> None:
        """End everything."""
        for job in self._jobs:
            job.cancel()
        self._worker.shutdown(cancel_futures=True)


def end_process(process: multiprocessing.process.BaseProcess) -> None:
    """End a process and whatever it began; it may have ended already."""
    process.terminate()
    process.join(GRACE_SECONDS)
    if process.is_alive():
        with suppress(ProcessLookupError):
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.join()


def _work(connection: Connection, config: Config, path: Path, dims: Mapping[str, int], clip: bool) -> None:
    """What a process does: it says how far it is, then what came of it."""
    os.setsid()  # a group of its own, with the decoder: Ctrl-C is for the server, which ends all of it
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    last, said = "", 0.0

    def say(label: str, done: float, total: float) -> None:
        nonlocal last, said
        now = time.monotonic()
        if label != last or now - said > SAYS_EVERY:
            connection.send(("step", (label, done, total)))
            last, said = label, now

    with stopping.watched():
        try:
            with heard_by(say):
                features = video_features(path, config, dims)
                if clip:
                    tell(PICTURE, 0, 0)
                little = read_clip(path, config.media) if clip else None
            connection.send(("done", (features, little)))
        except UserError as error:
            connection.send(("refused", str(error)))
        except (OSError, MemoryError) as error:
            if (refused := refusal(error)) is None:
                raise
            connection.send(("refused", refused))


def _end_with(connection: Connection) -> None:
    """End this process when whoever started it is gone: nothing is ever sent to it."""
    with suppress(EOFError, OSError):
        connection.recv()
    os.kill(os.getpid(), signal.SIGTERM)
