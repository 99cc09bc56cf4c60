"""`python -m benchmarks.real --data FOLDER`: docs/results.md from the real dialogs in FOLDER.

Runs the workflow for the experiment, for shares of its training dialogs, for the trials and with what these chose, then
writes the page from what has finished. A second time there is nothing to run, and the page stays as it is.
`--page-only` writes the page from what there is, and says in it what is missing.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.real import noise
from benchmarks.real.curve import Points, draw
from benchmarks.real.found import Found, gather
from benchmarks.real.order import METRIC
from benchmarks.real.page import PICTURE, Made, page
from benchmarks.real.runs import (
    CURVE,
    NOTED,
    PLAIN,
    ROOT,
    Run,
    chosen,
    experiment,
    fractions,
    missing,
    student_trials,
    trials,
)
from pipeline.errors import UserError
from pipeline.files import write_text
from pipeline.layout import Layout
from pipeline.report.results import read_if_there

PAGE = ROOT / "docs" / "results.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status, 1 where something did not come to its end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real", description="docs/results.md from real dialogs.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the challenge's dialogs")
    parser.add_argument("--results", type=Path, default=Path("results-avsd-reduced"), help="folder (%(default)s)")
    parser.add_argument("--cores", default="all", help="as for snakemake; a training takes one")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page (%(default)s)")
    parser.add_argument("--page-only", action="store_true", help="run nothing; write the page from what there is")
    given = parser.parse_args(arguments)
    try:
        whole = experiment(given.data, given.results)
        complete = given.page_only or run_all(whole, given.cores)
        lacking = write(whole, given.page)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{given.page}: {f'{len(lacking)} scores are missing' if lacking else 'everything has run'}")
    return 0 if complete else 1


def run_all(whole: Run, cores: str) -> bool:
    """Every run there is, one after another; whether all came to their ends."""
    done = whole.go(cores, "vocabulary")
    noise.measure(whole.results, NOTED)
    noise.hand_over(whole.results, NOTED)
    done &= whole.go(cores)
    for _, run in fractions(whole):
        done &= run.go(cores)
    for run in [*trials(whole), student_trials(whole), chosen(whole)]:
        done &= run.go(cores)
    return done


def write(whole: Run, target: Path) -> list[str]:
    """Write the page and its picture; returns the scores that are missing."""
    found = gather(whole)
    shares, tried, students, best = fractions(whole), trials(whole), student_trials(whole), chosen(whole)
    curves = _curves(whole, found, [run for _, run in shares])
    several = {f"{found[name].label} ({name})": points for name, points in curves.items() if len(points) > 1}
    if several:
        draw(target.parent / PICTURE, several, "Official test set, one seed")
    lacking = missing([whole, *(run for _, run in shares), *tried, students, best])
    made = Made(
        found,
        curves,
        noise.read(whole.results),
        {run.name: gather(run)[PLAIN] for run in tried},
        gather(students),
        gather(best),
        lacking,
        _date(whole),
    )
    write_text(target, page(whole.config(), made))
    return lacking


def _curves(whole: Run, found: Mapping[str, Found], shares: Sequence[Run]) -> dict[str, Points]:
    """Official CIDEr of a system's first seed over training dialogs."""
    curves: dict[str, list[tuple[float, float]]] = {name: [] for name in CURVE}
    for run, systems in [*((run, gather(run)) for run in shares), (whole, found)]:
        counts = read_if_there(Layout(run.results).corpus / "statistics.json")
        for name, points in curves.items():
            scores = systems[name].scores["official"].get(name)
            if counts is not None and scores is not None:
                points.append((counts["training"]["dialogs"], scores["metrics"][METRIC]))
    return {name: points for name, points in curves.items() if points}


def _date(whole: Run) -> str:
    """The day of the newest scores."""
    times = [path.stat().st_mtime for path in whole.results.glob("scores/*/*.json")]
    return datetime.fromtimestamp(max(times), UTC).date().isoformat() if times else "no day yet"


if __name__ == "__main__":
    sys.exit(main())
