"""Measure the search for answers on this machine: `python benchmarks/answers.py`.

Turns a second with ratios to sequential searches, and goals met or missed. docs/performance.md says what each section
measures and how.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.answering import AnswerBench
    from benchmarks.results import Row

SECTIONS = ("baseline", "attention", "hierarchical", "official")
STEPS, QUICK_STEPS = 300, 2
DIALOGS, QUICK_DIALOGS = 7, 2
OFFICIAL = {"cpu": 128, "cuda": 1710}
QUICK_OFFICIAL = 5
ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status. A missed goal is a result, not a failure."""
    chosen = _parse(arguments)
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from benchmarks.command import run

    return run(_measure, chosen)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the search for answers on this machine.")
    parser.add_argument("--dialogs", type=Path, nargs="+", default=[], help="AVSD dialog files; without, made dialogs")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="what to measure")
    parser.add_argument("--device", default="auto", help="of section official and of training: auto, cpu, cuda ...")
    parser.add_argument("--threads", type=int, default=1, help="threads, on as many cores, where the CPU computes")
    parser.add_argument("--repeats", type=int, default=3, help="repetitions, turn about; the median counts")
    parser.add_argument("--steps", type=int, help=f"of training before ({STEPS})")
    parser.add_argument("--dialogs-count", type=int, help=f"dialogs answered a repetition ({DIALOGS})")
    parser.add_argument("--seed", type=int, default=1, help="of made dialogs, weights and order")
    parser.add_argument("--published", type=Path, help="checkout of the organisers' code, for the section baseline")
    parser.add_argument("--json", type=Path, help="where to write the figures and the facts of the machine")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything runs: no figures")
    chosen = parser.parse_args(arguments)
    for name in ("threads", "repeats", "steps", "dialogs_count"):
        value = getattr(chosen, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} {value}: expected 1 or more")
    return chosen


def _measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the sections in the order of `SECTIONS`, print the table, and return everything for JSON."""
    from benchmarks import machine, results
    from benchmarks.command import rows_of

    bench = _bench(chosen, folder)
    facts = machine.facts(bench.device, machine.available_cores())
    print(
        f"{facts['cpu']}, {bench.threads} of {facts['cores']} cores, {facts['gpu'] or 'no GPU'}, PyTorch "
        f"{facts['torch']}, {facts['date']}\n{'made' if bench.answered.made else 'read'} dialogs: "
        f"{bench.answered.turns} turns answered, {bench.learned.turns} to learn from, "
        f"{len(bench.answered.vocabulary)} words"
    )
    rows = rows_of(SECTIONS, chosen.sections, lambda name: _section(name, bench))
    print(results.table(rows), *results.verdicts(rows), sep="\n")
    settings = {
        "dialogs": [str(path) for path in chosen.dialogs],
        "threads": bench.threads,
        "repeats": bench.repeats,
        "steps": bench.steps,
        "dialogs_count": bench.dialogs,
        "seed": chosen.seed,
        "quick": chosen.quick,
    }
    return {"machine": facts, "settings": settings, "rows": [row.record() for row in rows]}


def _bench(chosen: argparse.Namespace, folder: Path) -> "AnswerBench":
    from benchmarks.answering import AnswerBench
    from benchmarks.machine import available_cores
    from benchmarks.trainees import Recipe
    from pipeline.devices import resolve_device
    from pipeline.errors import UserError

    device = resolve_device(chosen.device)
    if chosen.threads > available_cores():
        raise UserError(f"--threads {chosen.threads}: this process may use {available_cores()} cores; give fewer")
    return AnswerBench(
        device=device,
        threads=chosen.threads,
        repeats=chosen.repeats,
        recipe=Recipe(tuple(str(path.resolve()) for path in chosen.dialogs), chosen.seed, chosen.quick),
        steps=chosen.steps or (QUICK_STEPS if chosen.quick else STEPS),
        dialogs=chosen.dialogs_count or (QUICK_DIALOGS if chosen.quick else DIALOGS),
        official=QUICK_OFFICIAL if chosen.quick else OFFICIAL[device.type],
        folder=folder,
        published=chosen.published,
    )


def _section(name: str, bench: "AnswerBench") -> "list[Row]":
    from benchmarks import published_search, searching

    if name == "baseline":
        return published_search.measure(bench)
    if name == "official":
        return searching.measure_official(bench)
    return searching.measure_sequential(bench, name)


if __name__ == "__main__":
    sys.exit(main())
