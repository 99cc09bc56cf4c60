"""Measure the scorer on this machine: `python benchmarks/scores.py`.

Seconds of `avsd score` for one system and for the seven of a table, with their ratio, and where the seconds go.
docs/performance.md says what each section measures and how.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from benchmarks.results import Row
    from benchmarks.scored_answers import ScoredAnswers

SECTIONS = ("whole", "parts")
ROOT = Path(__file__).resolve().parent.parent
OFFICIAL_ITEMS, QUICK_ITEMS = 1710, 40
TRIALS = 1000
"""The default of `avsd score`, of resamples and of randomisations."""
P = ParamSpec("P")
T = TypeVar("T")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status. A missed goal is a result, not a failure."""
    chosen = _parse(arguments)
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from benchmarks.command import run

    return run(_measure, chosen)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the scorer on this machine.")
    parser.add_argument("--hypotheses", type=Path, nargs="+", help="result files; fewer than --systems: variants added")
    parser.add_argument("--references", type=Path, help="their references; without both, answers about made scenes")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="what to measure")
    parser.add_argument("--systems", type=int, default=7, help="how many are scored together")
    parser.add_argument("--repeats", type=int, default=3, help="repetitions, turn about; the fastest counts")
    parser.add_argument("--seed", type=int, default=1, help="of made answers")
    parser.add_argument("--json", type=Path, help="where to write the figures and the facts of the machine")
    parser.add_argument("--quick", action="store_true", help="few items, to see that everything runs: no figures")
    chosen = parser.parse_args(arguments)
    if (chosen.hypotheses is None) != (chosen.references is None):
        parser.error("--hypotheses and --references go together")
    for name, least in (("systems", 2), ("repeats", 1)):
        if getattr(chosen, name) < least:
            parser.error(f"--{name} {getattr(chosen, name)}: expected {least} or more")
    return chosen


def _measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the sections, print the table, and return everything for JSON."""
    import torch

    from benchmarks import machine, results, scored_answers
    from benchmarks.command import rows_of
    from pipeline.scoring.java import versions

    if chosen.references is None:
        items = QUICK_ITEMS if chosen.quick else OFFICIAL_ITEMS
        work = scored_answers.make(items, chosen.systems, chosen.seed)
    else:
        work = scored_answers.read(chosen.hypotheses, chosen.references, chosen.systems, chosen.seed)
    facts = machine.facts(torch.device("cpu"), machine.available_cores())
    print(
        f"{facts['cpu']}, {facts['cores']} cores, Java {versions()['java']}, {facts['date']}\n{len(work.references)} "
        f"items, {len(work.systems)} systems ({work.made} of them made)"
    )
    measures = {
        "whole": lambda: _whole(work, chosen.repeats, folder),
        "parts": lambda: _parts(work, chosen.repeats),
    }
    rows = rows_of(SECTIONS, chosen.sections, lambda name: measures[name]())
    print(results.table(rows), *results.verdicts(rows), sep="\n")
    settings = {
        "hypotheses": [str(path) for path in chosen.hypotheses or ()],
        "items": len(work.references),
        "systems": len(work.systems),
        "made": work.made,
        "repeats": chosen.repeats,
        "seed": chosen.seed,
        "quick": chosen.quick,
        **versions(),
    }
    return {"machine": facts, "settings": settings, "rows": [row.record() for row in rows]}


def _whole(work: "ScoredAnswers", repeats: int, folder: Path) -> "list[Row]":
    """`avsd score` as a process of its own, intervals, comparisons and files included."""
    import torch

    from benchmarks import timing
    from benchmarks.results import Goal, Row

    paths, references = work.write(folder)
    calls = {name: _command(chosen, references, folder) for name, chosen in (("one", paths[:1]), ("all", paths))}
    took = timing.interleaved(calls, repeats, torch.device("cpu"))
    return [
        Row("whole", "one system", "s", took["one"]),
        Row("whole", f"{len(paths)} systems over one", "s", took["all"], took["one"], Goal("at most", 2)),
    ]


def _command(paths: Sequence[Path], references: Path, folder: Path) -> Callable[[], None]:
    from benchmarks.scored_answers import command_line
    from pipeline.errors import UserError

    command = [sys.executable, "-m", "pipeline", *command_line(paths, references, folder)]

    def call() -> None:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        if done.returncode != 0:
            raise UserError(f"avsd score failed: {done.stderr.strip()[-500:]}")

    return call


def _parts(work: "ScoredAnswers", repeats: int) -> "list[Row]":
    """Each part by itself, one after the other; in `avsd score` METEOR's work goes on beside the others."""
    from benchmarks.results import Row

    runs = [{count: _part_times(work, count) for count in (1, len(work.systems))} for _ in range(repeats)]
    one, every = ({name: min(run[count][name] for run in runs) for name in runs[0][count]} for count in runs[0])
    return [Row("parts", name, "s", seconds, one.get(name)) for name, seconds in every.items()]


def _part_times(work: "ScoredAnswers", count: int) -> dict[str, float]:
    """Seconds of each part for the first ``count`` systems."""
    from pipeline.scoring import metrics, significance
    from pipeline.scoring.bootstrap import intervals
    from pipeline.scoring.filters import apply_filter
    from pipeline.scoring.meteor import Meteor
    from pipeline.scoring.tokenizer import tokenize

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


if __name__ == "__main__":
    sys.exit(main())
