"""Measure the scorer on this machine: `python -m benchmarks.scoring`.

Seconds of `avsd score` for one system and for the seven of a table, with their ratio, and where the seconds go.
docs/performance.md says what each section measures and how.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.scoring import scored_answers, sections
from benchmarks.shared import command, machine
from pipeline.scoring.java import versions

SECTIONS = {"whole": sections.whole, "parts": sections.parts}
OFFICIAL_ITEMS, QUICK_ITEMS = 1710, 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = command.parser("scoring", "scorer", list(SECTIONS), "fastest")
    parser.add_argument("--hypotheses", type=Path, nargs="+", help="result files; fewer than --systems: variants added")
    parser.add_argument("--references", type=Path, help="their references; without both, answers about made scenes")
    parser.add_argument("--systems", type=int, default=7, help="how many are scored together")
    parser.add_argument("--seed", type=int, default=1, help="of made answers")
    chosen = parser.parse_args(arguments)
    if (chosen.hypotheses is None) != (chosen.references is None):
        parser.error("--hypotheses and --references go together")
    command.expect(parser, chosen, 2, "systems")
    command.expect(parser, chosen, 1, "repeats")
    return command.run(_measure, chosen)


def _measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the sections, print the table, and return everything for JSON."""
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
    rows = command.rows_of(SECTIONS, chosen.sections, sections.ScoringBench(work, chosen.repeats, folder))
    settings = {
        "hypotheses": [str(path) for path in chosen.hypotheses or ()],
        "items": len(work.references),
        "systems": len(work.systems),
        "made": work.made,
        "seed": chosen.seed,
        **versions(),
    }
    return command.told(chosen, facts, rows, settings)


if __name__ == "__main__":
    sys.exit(main())
