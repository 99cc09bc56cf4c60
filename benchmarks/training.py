"""Measure the training on this machine: `python benchmarks/training.py`.

Turns a second and peaks of memory with ratios to a straightforward implementation, what an epoch reads, and goals met
or missed. docs/performance.md says what each section measures and how.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.results import Row
    from benchmarks.trainees import TrainingBench

SECTIONS = ("attention", "memory", "losses", "store", "epoch", "baseline")
ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status. A missed goal is a result, not a failure."""
    chosen = _parse(arguments)
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from benchmarks.command import run

    return run(_measure, chosen)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the training on this machine.")
    parser.add_argument("--dialogs", type=Path, nargs="+", default=[], help="AVSD dialog files; without, made dialogs")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="what to measure")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<number>")
    parser.add_argument("--threads", type=int, default=1, help="threads, on as many cores, where the CPU computes")
    parser.add_argument("--repeats", type=int, default=3, help="repetitions, turn about; the median counts")
    parser.add_argument("--batches", type=int, help="batches a repetition (CPU 12, CUDA 100)")
    parser.add_argument("--seed", type=int, default=1, help="of made dialogs, weights and order")
    parser.add_argument("--videos", type=int, help="videos in the section store (9,848)")
    parser.add_argument("--dialogs-count", type=int, help="dialogs in the section epoch (CUDA: 7,659; CPU: none)")
    parser.add_argument("--published", type=Path, help="checkout of the organisers' code, for the section baseline")
    parser.add_argument("--json", type=Path, help="where to write the figures and the facts of the machine")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything runs: no figures")
    chosen = parser.parse_args(arguments)
    for name in ("threads", "repeats", "batches", "videos", "dialogs_count"):
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
    workload = bench.workload
    print(
        f"{facts['cpu']}, {bench.threads} of {facts['cores']} cores, {facts['gpu'] or 'no GPU'}, PyTorch "
        f"{facts['torch']}, {facts['date']}\n{'made' if workload.made else 'read'} dialogs: {len(workload.dialogs)}, "
        f"{workload.turns} turns, {len(workload.vocabulary)} words"
    )
    rows = rows_of(SECTIONS, chosen.sections, lambda name: _section(name, bench))
    print(results.table(rows), *results.verdicts(rows), sep="\n")
    if "epoch" in chosen.sections and not bench.epoch:
        print("epoch: not measured, a CPU takes long; --dialogs-count N estimates it from N dialogs")
    settings = {
        "dialogs": [str(path) for path in chosen.dialogs],
        "threads": chosen.threads,
        "repeats": chosen.repeats,
        "batches": bench.amount.batches,
        "seed": chosen.seed,
        "quick": chosen.quick,
    }
    return {"machine": facts, "settings": settings, "rows": [row.record() for row in rows]}


def _bench(chosen: argparse.Namespace, folder: Path) -> "TrainingBench":
    from benchmarks import trainees
    from benchmarks.machine import available_cores
    from pipeline.devices import resolve_device
    from pipeline.errors import UserError

    device = resolve_device(chosen.device)
    if chosen.threads > available_cores():
        raise UserError(f"--threads {chosen.threads}: this process may use {available_cores()} cores; give fewer")
    amount = trainees.QUICK if chosen.quick else trainees.AMOUNTS[device.type]
    given = {"batches": chosen.batches, "videos": chosen.videos, "epoch_dialogs": chosen.dialogs_count}
    return trainees.TrainingBench(
        device=device,
        threads=chosen.threads,
        repeats=chosen.repeats,
        recipe=trainees.Recipe(tuple(str(path.resolve()) for path in chosen.dialogs), chosen.seed, chosen.quick),
        amount=replace(amount, **{name: value for name, value in given.items() if value is not None}),
        folder=folder,
        published=chosen.published,
        epoch=chosen.dialogs_count is not None or device.type == "cuda",
    )


def _section(name: str, bench: "TrainingBench") -> "list[Row]":
    from benchmarks import baseline, epoch, learning, store_reading

    measures = {
        "attention": learning.measure_attention,
        "memory": learning.measure_memory,
        "losses": learning.measure_losses,
        "store": store_reading.measure,
        "epoch": epoch.measure,
        "baseline": baseline.measure,
    }
    return measures[name](bench)


if __name__ == "__main__":
    sys.exit(main())
