"""Measure the training on this machine: `python -m benchmarks.training`.

Turns a second and peaks of memory with ratios to a straightforward implementation, what an epoch reads, and goals met
or missed. docs/performance.md says what each section measures and how.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.shared import command, dialog_command, machine
from benchmarks.training import baseline, epoch, learning, store_reading
from benchmarks.training.bench import AMOUNTS, QUICK, TrainingBench

SECTIONS = {
    "attention": learning.measure_attention,
    "memory": learning.measure_memory,
    "losses": learning.measure_losses,
    "store": store_reading.measure,
    "epoch": epoch.measure,
    "baseline": baseline.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    device, counted = "auto, cpu, cuda or cuda:<number>", "dialogs in the section epoch (CUDA: 7,659; CPU: none)"
    parser = dialog_command.parser("training", "training", list(SECTIONS), device, counted)
    parser.add_argument("--batches", type=int, help="batches a repetition (CPU 12, CUDA 100)")
    parser.add_argument("--videos", type=int, help="videos in the section store (9,848)")
    chosen = parser.parse_args(arguments)
    command.expect(parser, chosen, 1, "threads", "repeats", "batches", "videos", "dialogs_count")
    return command.run(_measure, chosen)


def _measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the sections in the order of `SECTIONS`, print the table, and return everything for JSON."""
    bench = _bench(chosen, folder)
    facts, workload = machine.facts(bench.device, machine.available_cores()), bench.workload
    words = f"{len(workload.dialogs)}, {workload.turns} turns, {len(workload.vocabulary)} words"
    print(dialog_command.heading(bench, facts, workload, words))
    rows = command.rows_of(SECTIONS, chosen.sections, bench)
    found = command.told(chosen, facts, rows, {**dialog_command.settings(chosen), "batches": bench.amount.batches})
    if "epoch" in chosen.sections and not bench.epoch:
        print("epoch: not measured, a CPU takes long; --dialogs-count N estimates it from N dialogs")
    return found


def _bench(chosen: argparse.Namespace, folder: Path) -> TrainingBench:
    given = dialog_command.given(chosen, folder)
    device = given["device"].type
    asked = {"batches": chosen.batches, "videos": chosen.videos, "epoch_dialogs": chosen.dialogs_count}
    usual = QUICK if chosen.quick else AMOUNTS[device]
    amount = replace(usual, **{name: value for name, value in asked.items() if value is not None})
    return TrainingBench(**given, amount=amount, epoch=chosen.dialogs_count is not None or device == "cuda")


if __name__ == "__main__":
    sys.exit(main())
