"""The line on a terminal, or now and then a line in a log, from what Snakemake tells its handlers of records.

Of its own lines those about jobs that go well are left to its log file; all others, failures above all, are shown as it
shows them, and after a failure the last line of the job's log.
"""

import logging
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any, TextIO

from pipeline.errors import UserError
from pipeline.following.durations import measured
from pipeline.following.run import Left, Run
from pipeline.inert import shown
from pipeline.texts import read_end

LEFT_TO_THE_LOG = {"job_info", "group_info", "job_started", "job_finished", "progress", "shellcmd", "resources_info"}
"""Events of jobs that go well."""
CHATTER = ("Select jobs to", "Removing temporary", "Touching output", "Storing output in", "Elapsed time")
"""How records without an event begin that are about such jobs, or say what this line does at the end."""
EVERY_SECONDS = 30.0
"""Where it is no terminal: a line so often, and when another tenth of the jobs is done."""
QUICK, SHARE = 0.05, 0.05
"""A line that takes more seconds may take that share of the time: what is left of tens of thousands of jobs does."""
FRAME = " \t│|"
"""What stands beside the words of an error of usage."""
NAMED = 3
"""So many running jobs are named."""


class RunLine(logging.Handler):
    """Follows a run, and shows it on ``stream``, beside what Snakemake's own handler writes there.

    That one takes `lets_by` as a filter, and comes before this one.
    """

    def __init__(self, run: Run, stream: TextIO, benchmarks: Path) -> None:
        super().__init__()
        self._run, self._stream, self._benchmarks = run, stream, benchmarks
        self._guard = threading.RLock()
        self._terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._drawn = self._aside = False
        self._said, self._tenths = time.monotonic(), 0
        self._again = self._said
        self._begun = self._said
        self._ended = threading.Event()
        self._ticking = threading.Thread(target=self._tick, name="run line", daemon=True)
        self._ticking.start()

    def lets_by(self, record: logging.LogRecord) -> bool:
        """Whether Snakemake's own handler is to show a record; if so, the line steps aside for it."""
        if record.levelno < logging.WARNING:
            event, text = _event(record), str(record.msg)
            if event in LEFT_TO_THE_LOG or (not event and text.startswith(CHATTER)):
                return False
        with self._guard:
            self._wipe()
            self._aside = True
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Take in what a record says of the run, and show where it is."""
        with self._guard:
            now = time.monotonic()
            self._follow(_event(record), record.__dict__, now)
            self._aside = False
            if self._terminal:
                self._show(now)

    def _follow(self, event: str, said: dict[str, Any], now: float) -> None:
        if event == "job_info":
            self._run.started(int(said["jobid"]), now)
        elif event == "job_finished":
            number = int(said["job_id"])
            self._run.finished(number, now, self._measured(number))
        elif event == "job_error":
            self._run.ended(int(said["jobid"]))
            self._quote(said["log"])

    def close(self) -> None:
        """The end of the run: the line goes, and what was done is said."""
        if not self._ended.is_set():
            self._ended.set()
            with self._guard:
                self._wipe()
                took = words(time.monotonic() - self._begun, exactly=True)
                self._write(f"{self._run.done} of {len(self._run.jobs)} jobs done in {took}\n")
        super().close()

    def _tick(self) -> None:
        while not self._ended.wait(1.0):
            with self._guard:
                if not self._aside and not self._ended.is_set():
                    self._show(time.monotonic())

    def _show(self, now: float) -> None:
        if self._terminal:
            begun = time.monotonic()
            if begun >= self._again:
                width = max(20, shutil.get_terminal_size().columns) - 1
                self._write(f"\r{line(self._run, now, width)}\x1b[K")
                self._drawn = True
                took = time.monotonic() - begun
                self._again = begun + took / SHARE if took > QUICK else begun
            return
        tenths = 10 * self._run.done // max(1, len(self._run.jobs))
        if self._run.done < len(self._run.jobs) and (tenths > self._tenths or now - self._said >= EVERY_SECONDS):
            self._write(f"{line(self._run, now)}\n")
            self._said, self._tenths = now, tenths

    def _wipe(self) -> None:
        if self._drawn:
            self._write("\r\x1b[K")
            self._drawn = False

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal is gone; the run goes on
            self._ended.set()

    def _measured(self, number: int) -> float | None:
        """What a job's benchmark says it took; beside it the clock has what it waited for in a queue."""
        job = self._run.jobs.get(number)
        if job is None or not job.timed:
            return None
        return measured(self._benchmarks.joinpath(*job.key[:-1], f"{job.key[-1]}.tsv"))

    def _quote(self, logs: list[str]) -> None:
        """The last line with words of a failed job's log, which says what was wrong: it may stand in a frame."""
        for path in map(Path, logs):
            try:
                said = [text for text in read_end(path).splitlines() if any(map(str.isalnum, text))]
            except UserError:  # not permitted, gone since: Snakemake has told of the failure and named the file
                continue
            if said:
                self._wipe()
                self._write(f"{shown(path)} ends with: {shown(said[-1].strip(FRAME))}\n")


def line(run: Run, now: float, width: int | None = None) -> str:
    """Where a run is: jobs done of all, what runs, what is left; what does not go into ``width`` is cut off."""
    parts = [f"{run.done} of {len(run.jobs)} jobs"]
    names = [shown(job.name) for job in run.running]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    rest = remaining(run.left(now), len(run.jobs) - run.done)
    # The names give way, so that the time stays in sight.
    now_running = ", ".join(names[:NAMED]) + more
    if width is not None:
        room = width - len(parts[0]) - len(rest) - 6
        now_running = now_running if len(now_running) <= room else f"{now_running[: max(0, room - 3)]}..."
    text = " | ".join(part for part in (*parts, now_running, rest) if part)
    return text if width is None else text[:width]


def remaining(left: Left, jobs: int) -> str:
    """What is left of a run with so many ``jobs`` to do; nothing where most of it was never timed.

    >>> remaining(Left(250.0, 0), 9), remaining(Left(250.0, 2), 9), remaining(Left(250.0, 5), 9)
    ('about 4 min left', 'at least 4 min left', '')
    """
    if jobs == 0 or 2 * left.untimed > jobs:
        return ""
    return f"{'at least' if left.untimed else 'about'} {words(left.seconds)} left"


def words(seconds: float, exactly: bool = False) -> str:
    """A time for a person, roughly unless ``exactly`` to the second is asked for.

    >>> [words(each) for each in (3, 44, 89, 90, 3599, 7000)], words(534.2, exactly=True)
    (['10 s', '50 s', '1 min', '2 min', '1 h 0 min', '1 h 57 min'], '8 min 54 s')
    """
    if exactly:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    if seconds <= 55:
        return f"{max(10, -int(-seconds // 10) * 10)} s"
    minutes = max(1, int(seconds / 60 + 0.5))
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _event(record: logging.LogRecord) -> str:
    found: Any = getattr(record, "event", None)
    return "" if found is None else str(found)
