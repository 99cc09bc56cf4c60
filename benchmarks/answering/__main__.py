"""Measure the search for answers on this machine: `python -m benchmarks.answering`.

Turns a second with ratios to sequential searches, and goals met or missed. docs/performance.md says what each section
measures and how.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.answering import searching
from benchmarks.answering.bench import AnswerBench
from benchmarks.published import search
from benchmarks.shared import command, dialog_command, machine
from benchmarks.shared.results import Row

SECTIONS: dict[str, Callable[[AnswerBench], list[Row]]] = {
    "baseline": search.measure,
    "attention": partial(searching.measure_sequential, "attention"),
    "hierarchical": partial(searching.measure_sequential, "hierarchical"),
    "official": searching.measure_official,
}
STEPS, QUICK_STEPS = 300, 2
DIALOGS, QUICK_DIALOGS = 7, 2
OFFICIAL = {"cpu": 128, "cuda": 1710}
QUICK_OFFICIAL = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    device, counted = "of section official and of training: auto, cpu, cuda ...", f"dialogs answered a run ({DIALOGS})"
    parser = dialog_command.parser("answering", "search for answers", list(SECTIONS), device, counted)
    parser.add_argument("--steps", type=int, help=f"of training before ({STEPS})")
    chosen = parser.parse_args(arguments)
    command.expect(parser, chosen, 1, "threads", "repeats", "steps", "dialogs_count")
    return command.run(_measure, chosen)


def _measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the sections in the order of `SECTIONS`, print the table, and return everything for JSON."""
    given = dialog_command.given(chosen, folder)
    bench = AnswerBench(
        **given,
        steps=chosen.steps or (QUICK_STEPS if chosen.quick else STEPS),
        dialogs=chosen.dialogs_count or (QUICK_DIALOGS if chosen.quick else DIALOGS),
        official=QUICK_OFFICIAL if chosen.quick else OFFICIAL[given["device"].type],
    )
    facts, answered = machine.facts(bench.device, machine.available_cores()), bench.answered
    words = f"{answered.turns} turns answered, {bench.learned.turns} to learn from, {len(answered.vocabulary)} words"
    print(dialog_command.heading(bench, facts, answered, words))
    rows = command.rows_of(SECTIONS, chosen.sections, bench)
    counts = {"steps": bench.steps, "dialogs_count": bench.dialogs}
    return command.told(chosen, facts, rows, {**dialog_command.settings(chosen), **counts})


if __name__ == "__main__":
    sys.exit(main())
