"""Where a run is: which of its jobs are done, which run, and how long the rest will take.

Two trainings that may run side by side, and scores that wait for both:

>>> jobs = {1: Job(("train", "a"), "train a"), 2: Job(("train", "b"), "train b")}
>>> jobs[3] = Job(("score", "a"), "score a", needs=(1, 2))
>>> durations = Durations()
>>> for key, seconds in ((("train", "a"), 60.0), (("train", "b"), 40.0), (("score", "a"), 10.0)):
...     durations.add(key, seconds)
>>> Run(jobs, durations, cores=1).left(now=0.0)
Left(seconds=110.0, untimed=0)
>>> run = Run(jobs, durations, cores=2)
>>> run.left(now=0.0)  # The score waits for the longer one.
Left(seconds=70.0, untimed=0)
>>> run.started(1, now=0.0)
>>> run.left(now=50.0)  # All of b, and what waits for it.
Left(seconds=50.0, untimed=0)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import NamedTuple

from pipeline.following.durations import Durations, Key


@dataclass(frozen=True)
class Job:
    """A job of a run.

    name: for a person. timed: whether it is one that takes long, whose time is kept. needs: numbers of jobs that come
    before it. cores, gpus: how many it takes.
    """

    key: Key
    name: str
    timed: bool = True
    needs: tuple[int, ...] = ()
    cores: int = 1
    gpus: int = 0


class Left(NamedTuple):
    """What is left of a run: seconds, of the jobs of which these are known, and how many jobs' are not."""

    seconds: float
    untimed: int


class Run:
    """The jobs of a run by number, as they start and end. Times are seconds of any one clock.

    cores, gpus: how many jobs' cores and GPUs there are at a time; gpus None: no limit but the cores.
    """

    def __init__(self, jobs: Mapping[int, Job], durations: Durations, cores: int, gpus: int | None = None) -> None:
        self.jobs, self.durations = jobs, durations
        self._cores, self._gpus = max(1, cores), gpus
        self._order = list(TopologicalSorter({n: job.needs for n, job in jobs.items()}).static_order())
        self._done: set[int] = set()
        self._running: dict[int, float] = {}

    @property
    def done(self) -> int:
        """Jobs that are done."""
        return len(self._done)

    @property
    def running(self) -> list[Job]:
        """Jobs that run, the longest first."""
        return [self.jobs[number] for number in self._running]

    def started(self, number: int, now: float) -> None:
        """A job has begun."""
        if number in self.jobs:
            self._running[number] = now

    def ended(self, number: int) -> None:
        """A job has failed; it may be tried again."""
        self._running.pop(number, None)

    def finished(self, number: int, now: float, seconds: float | None = None) -> None:
        """A job is done, in ``seconds`` where that is known better than by the clock."""
        if number not in self.jobs:
            return
        begun = self._running.pop(number, None)
        self._done.add(number)
        if seconds is None and begun is not None:
            seconds = now - begun
        if seconds is not None:
            self.durations.add(self.jobs[number].key, seconds)

    def left(self, now: float) -> Left:
        """What is left: no less than the longest chain of jobs that wait for each other, nor than all on all cores.

        Jobs whose time is not kept are short: where this run has had none of them yet they count as nothing.
        """
        seconds: dict[int, float] = {}
        untimed = 0
        for number, job in self.jobs.items():
            if number in self._done:
                continue
            expected = self.durations.expected(job.key)
            untimed += expected is None and job.timed
            begun = self._running.get(number, now)
            seconds[number] = max(0.0, (expected or 0.0) - (now - begun))
        on_cores = sum(taken * min(self.jobs[n].cores, self._cores) for n, taken in seconds.items()) / self._cores
        on_gpus = 0.0
        if self._gpus:
            on_gpus = sum(taken * min(self.jobs[n].gpus, self._gpus) for n, taken in seconds.items()) / self._gpus
        return Left(max(self._longest(seconds), on_cores, on_gpus), untimed)

    def _longest(self, seconds: Mapping[int, float]) -> float:
        """The longest chain of jobs that are left, each of which waits for the one before."""
        ends: dict[int, float] = {}
        for number in self._order:
            if number in seconds:
                before = max((ends.get(other, 0.0) for other in self.jobs[number].needs), default=0.0)
                ends[number] = before + seconds[number]
        return max(ends.values(), default=0.0)
