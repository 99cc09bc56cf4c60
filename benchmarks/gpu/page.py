"""The GPU part of docs/performance.md from the figures of a check: `python -m benchmarks.gpu.page OUT.json`."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.gpu.goals import CHARADES, FAST, MANY, RIGHT, verdict
from benchmarks.gpu.records import row_of
from benchmarks.shared.command import ends_in_one_line
from benchmarks.shared.own_process import ROOT
from benchmarks.shared.results import Row
from pipeline.errors import UserError
from pipeline.files import write_text
from pipeline.texts import read_json

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- gpu figures: begin -->", "<!-- gpu figures: end -->"
TITLES = {
    RIGHT: "Right: beside the CPU",
    FAST: "Fast",
    MANY: "Many: two processes",
    CHARADES: "The whole of Charades",
}
COLUMNS = ("what", "unit", "figure", "reference", "ratio", "goal", "share of the machine", "")


@ends_in_one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """Write the figures into the page; returns the exit status, 1 with one line for figures that are none of a GPU."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.page", description="GPU figures into the docs.")
    parser.add_argument("json", type=Path, help="what `python -m benchmarks.gpu --json` wrote")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page (%(default)s)")
    chosen = parser.parse_args(arguments)
    found = read_json(chosen.json)
    write_text(chosen.page, placed(chosen.page.read_text(encoding="utf-8"), text(chosen.json, found)))
    return 0


def text(path: Path, found: dict[str, Any]) -> str:
    """The machine, and a table a section. Raises `UserError` for figures of tiny sizes or of a CPU."""
    machine = found.get("machine") or {}
    if found.get("quick") or not machine.get("gpu"):
        kind = "tiny sizes" if found.get("quick") else "a CPU"
        raise UserError(f"{path}: figures of {kind}, expected those of a GPU; run the check on one, without --quick")
    rows = [row_of(record) for record in found["rows"]]
    lines = [_machine(machine, found["seconds"])]
    for section, title in TITLES.items():
        lines += ["", f"**{title}**", "", *_table([row for row in rows if row.section == section])]
    ended = [f"{step['section']}, {step['step']}: {step['ended']}" for step in found["steps"] if step["ended"]]
    if ended:
        lines += ["", f"Not measured: {'; '.join(ended)}."]
    return "\n".join(lines)


def placed(page: str, figures: str) -> str:
    """The page with ``figures`` between its two marks. Raises `UserError` without them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"docs/performance.md: no place for the figures; expected a line {BEGIN} and a line {END}")
    return f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}"


def _machine(machine: dict[str, Any], seconds: float) -> str:
    return (
        f"`python -m benchmarks.gpu`, {seconds:.0f} s on {machine['cards']} x {machine['gpu']} "
        f"({machine['memory_gib']} GiB, CUDA {machine['cuda']}, cuDNN {machine['cudnn']}), {machine['cores']} cores of "
        f"{machine['cpu']}, Python {machine['python']}, PyTorch {machine['torch']}, {machine['date'][:10]}."
    )


def _table(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return ["Not measured."]
    lines = [_line(COLUMNS), _line("---" for _ in COLUMNS)]
    for row in rows:
        _, what, unit, ours, reference, ratio, goal, shares, note = row.cells()
        lines.append(_line((what, unit, ours, reference, ratio, f"{goal} {_strong(row)}".strip(), shares, note)))
    return lines


def _strong(row: Row) -> str:
    word = verdict(row)
    return f"**{word}**" if word not in ("", "met") else word


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
