"""Sections whole and parts: `avsd score` for one system and for all, and where the seconds go."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

import torch

from benchmarks.scoring.scored_answers import ScoredAnswers, command_line
from benchmarks.shared.own_process import environment
from benchmarks.shared.results import Goal, Row
from benchmarks.shared.timing import interleaved
from pipeline.errors import UserError
from pipeline.scoring import metrics, significance
from pipeline.scoring.bootstrap import intervals
from pipeline.scoring.filters import apply_filter
from pipeline.scoring.meteor import Meteor
from pipeline.scoring.tokenizer import tokenize

TRIALS = 1000
"""The default of `avsd score`, of resamples and of randomisations."""
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class ScoringBench:
    """What both sections are given. folder: scratch."""

    work: ScoredAnswers
    repeats: int
    folder: Path


def whole(bench: ScoringBench) -> list[Row]:
    """`avsd score` as a process of its own, intervals, comparisons and files included."""
    paths, references = bench.work.write(bench.folder)
    calls = {name: _command(chosen, references, bench.folder) for name, chosen in (("one", paths[:1]), ("all", paths))}
    took = interleaved(calls, bench.repeats, torch.device("cpu"))
    return [
        Row("whole", "one system", "s", took["one"]),
        Row("whole", f"{len(paths)} systems over one", "s", took["all"], took["one"], Goal("at most", 2)),
    ]


def parts(bench: ScoringBench) -> list[Row]:
    """Each part by itself, one after the other; in `avsd score` METEOR's work goes on beside the others."""
    work = bench.work
    runs = [{count: _part_times(work, count) for count in (1, len(work.systems))} for _ in range(bench.repeats)]
    one, every = ({name: min(run[count][name] for run in runs) for name in runs[0][count]} for count in runs[0])
    return [Row("parts", name, "s", seconds, one.get(name)) for name, seconds in every.items()]


def _command(paths: Sequence[Path], references: Path, folder: Path) -> Callable[[], None]:
    command = [sys.executable, "-m", "pipeline", *command_line(paths, references, folder)]

    def call() -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
        if done.returncode != 0:
            raise UserError(f"avsd score failed: {done.stderr.strip()[-500:]}")

    return call


def _part_times(work: ScoredAnswers, count: int) -> dict[str, float]:
    """Seconds of each part for the first ``count`` systems."""
    took: dict[str, float] = {}

    def timed(name: str, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        start = time.perf_counter()
        result = call(*arguments, **named)
        took[name] = took.get(name, 0.0) + time.perf_counter() - start
        return result

    texts = [apply_filter("dstc7", answer) for answers in work.systems[:count] for answer in answers]
    texts += [text for group in work.references for text in group]
    tokens = iter(timed("tokeniser", tokenize, texts))
    systems = [[next(tokens) for _ in work.references] for _ in range(count)]
    references = [[next(tokens) for _ in group] for group in work.references]
    with Meteor() as meteor:
        timed("METEOR, loading", meteor.statistics, ["a"], [["a"]])
        everything = [answer for answers in systems for answer in answers]
        lines = timed("METEOR, sentences", meteor.statistics, everything, references * count)
        size = len(references)
        for start in range(0, len(lines), size):
            timed("METEOR, corpus", meteor.evaluate, lines[start : start + size])
        timed("BLEU, ROUGE-L, CIDEr", metrics.overlap_scores, systems, references)
        measured = metrics.measure_systems(systems, references, meteor)
    timed("intervals", intervals, measured, TRIALS)
    for other in measured[1:]:
        timed("comparisons", significance.compare_scores, other, measured[0], TRIALS)
    return took
