"""Scores as `avsd score` prints them."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from pipeline.progress import console
from pipeline.scoring.significance import SIGNIFICANT

Result = Mapping[str, Any]
_LOG_WIDTH = 120


def print_scores(results: Sequence[Result]) -> None:
    """Print metrics with their intervals, grounded accuracy, comparisons, and each different signature."""
    # A log file has no width of its own, and the table does not fit into the 80 columns it would be given.
    terminal = console(width=None if sys.stdout.isatty() else _LOG_WIDTH)
    terminal.print(_scores(results))
    for table in (_grounded(results), _comparisons(results)):
        if table is not None:
            terminal.print(table)
    if any(result["intervals"] for result in results):
        terminal.print("± half the width of the 95 % interval (bootstrap over videos)")
    for line in dict.fromkeys(signature_line(result["signature"]) for result in results):
        terminal.print(line, soft_wrap=True)


def signature_line(signature: Mapping[str, Any]) -> str:
    """The signature on one line: two scores may be compared when theirs are equal."""
    parts = {
        "filter": signature["filter"],
        "filtered": signature["filtered"],
        "refs": signature["references"],
        "items": signature["items"],
        "refsha": signature["references_sha256"][:12],
        "tok": signature["tokenizer"],
        "pycocoevalcap": signature["pycocoevalcap"],
        "meteor": signature["meteor"],
        **({"spice": signature["spice"]} if "spice" in signature else {}),
        "java": signature["java"],
        "avsd": signature["avsd"],
    }
    return "|".join(f"{name}:{value}" for name, value in parts.items())


def _scores(results: Sequence[Result]) -> Table:
    table = _table("Scores", list(results[0]["metrics"]))
    for result in results:
        bounds = result["intervals"]
        cells = [
            Text(f"{value:.4f}" + (f"\n±{(bounds[metric][1] - bounds[metric][0]) / 2:.4f}" if bounds else ""))
            for metric, value in result["metrics"].items()
        ]
        table.add_row(_label(result["hypotheses"]), *cells)
    return table


def _grounded(results: Sequence[Result]) -> Table | None:
    scored = [result for result in results if result["grounded"]]
    if not scored:
        return None
    categories = list(dict.fromkeys(category for result in scored for category in result["grounded"]))
    table = _table("Grounded accuracy: right of asked (share of the most frequent value)", categories)
    for result in scored:
        cells = []
        for category in categories:
            part = result["grounded"].get(category)
            cells.append(Text("-" if part is None else f"{part['right']}/{part['of']}\n({part['base_rate']:.2f})"))
        table.add_row(_label(result["hypotheses"]), *cells)
    return table


def _comparisons(results: Sequence[Result]) -> Table | None:
    """Differences to the one system that all are compared with, and their p values below."""
    compared = [result for result in results if result["against"]]
    if not compared:
        return None
    first = compared[0]["against"]
    parts = {_label(result["hypotheses"]): _differences(result["against"]) for result in compared}
    names = list(dict.fromkeys(name for found in parts.values() for name in found))
    title = (
        f"Difference to {_label(first['hypotheses'])}, p below it (paired approximate randomisation, "
        f"{first['randomisations']} trials; * p < {SIGNIFICANT:g})"
    )
    table = _table(title, names)
    for label, found in parts.items():
        table.add_row(label, *(_difference(found[name]) if name in found else "-" for name in names))
    return table


def _differences(against: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    accuracy = (against["grounded"] or {}).get("all")
    return {**against["metrics"], **({"grounded": accuracy} if accuracy else {})}


def _difference(found: Mapping[str, float]) -> Text:
    mark = "*" if found["p"] < SIGNIFICANT else " "
    return Text(f"{found['difference']:+z.4f}{mark}\n{found['p']:.3f} ")


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("answers", overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _label(path: str) -> str:
    """The end of the result file's path: `answers/jst/trial.json` reads `jst/trial`."""
    return "/".join(Path(path).with_suffix("").parts[-2:])
