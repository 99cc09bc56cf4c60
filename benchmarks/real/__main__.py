"""`python -m benchmarks.real --data FOLDER`: docs/results.md from the real dialogs in FOLDER.

Runs the workflow for the experiment, for shares of its training dialogs and for the trials, then writes the page from
what has finished. A second time there is nothing to run, and the page stays as it is. `--page-only` writes it from what
there is, and says in it what is missing. `--record` keeps what finishes in files that are small enough for the
repository, and goes on from them: what they have is not run again, on whatever machine it was. `--only` runs a part of
it: what is named as the record's files are, `all_20_epochs` or `all_20_epochs/st`.
"""

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, variance

from benchmarks.real import epochs, noise
from benchmarks.real.chosen import NOISE, Chosen, chosen
from benchmarks.real.curve import Point, Points, draw
from benchmarks.real.found import Found, gather
from benchmarks.real.harvest import harvest
from benchmarks.real.page import PICTURE, Made, page, several
from benchmarks.real.record import METRIC, Record
from benchmarks.real.runs import (
    CURVE,
    LOG,
    PLAIN,
    ROOT,
    Run,
    experiment,
    fractions,
    longer,
    more,
    student_trials,
    trials,
)
from benchmarks.real.tables import TEST_SETS
from benchmarks.real.together import Task, hand_over, side_by_side
from benchmarks.shared.command import ends_in_one_line
from pipeline.files import write_text

HELD_OUT = "the held-out tenth"
PAGE = ROOT / "docs" / "results.md"


@ends_in_one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status, 1 where something did not come to its end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real", description="docs/results.md from real dialogs.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the challenge's dialogs")
    parser.add_argument("--results", type=Path, default=Path("results-avsd-reduced"), help="folder (%(default)s)")
    parser.add_argument("--record", type=Path, help="folder of what has finished, to go on from (RESULTS/record)")
    parser.add_argument("--cores", default="all", help="as for snakemake; a training takes one")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page (%(default)s)")
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument(
        "--only", nargs="+", default=[], metavar="RUN[/SYSTEM]", help="run these alone, not all there are"
    )
    parts.add_argument("--page-only", action="store_true", help="run nothing; write the page from what there is")
    given = parser.parse_args(arguments)
    whole = experiment(given.data, given.results)
    record = Record(given.record or given.results / "record")
    wanted = chosen(given.only, all_runs(whole))
    keep(whole, record)
    say_stale(whole, record)
    complete = given.page_only or run_wanted(whole, record, wanted, given.cores)
    lacking = write(whole, record, given.page)
    print(f"{given.page}: {f'{lacking} scores are missing' if lacking else 'everything has run'}")
    return 0 if complete else 1


def large_runs(whole: Run) -> list[Run]:
    """The experiment, and its systems learning for longer: each fills a machine by itself."""
    return [whole, longer(whole)]


def small_runs(whole: Run) -> list[Run]:
    """Other numbers of dialogs and trials: few trainings each, and none waits for another run's."""
    return [*(run for _, run in fractions(whole)), more(whole), *trials(whole), student_trials(whole)]


def all_runs(whole: Run) -> list[Run]:
    """Every run there is, the experiment first."""
    return [*large_runs(whole), *small_runs(whole)]


def keep(whole: Run, record: Record) -> None:
    """Put down what the results folder has and the record has not."""
    for run in all_runs(whole):
        harvest(run, record)
    _keep_noise(whole, record)


def _keep_noise(whole: Run, record: Record) -> None:
    if epochs.read(measured := noise.found_at(whole.results), whole.config):
        write_text(record.noise, measured.read_text(encoding="utf-8"))


def say_stale(whole: Run, record: Record) -> None:
    """Name the entries that do not count, and why."""
    for run in all_runs(whole):
        for name in dict(run.answered()):
            _say_stale(record.path(run, name), record.stale(run, name))
    _say_stale(record.noise, epochs.stale(record.noise, whole.config))


def _say_stale(path: Path, others: Sequence[str]) -> None:
    if others:
        print(f"{path}: made with other settings, does not count ({'; '.join(others)[:300]})")


def run_wanted(whole: Run, record: Record, wanted: Chosen, cores: str) -> bool:
    """Run what is wanted and not recorded; whether all came to their ends.

    First the large runs, one after the other; then the others side by side, with the models that these have trained.
    """
    large, rest = (
        [(run, systems) for run in runs if (systems := _to_run(run, record, wanted))]
        for runs in (large_runs(whole), small_runs(whole))
    )
    noted = NOISE not in wanted or bool(epochs.read(record.noise, whole.config))
    if noted and not large and not rest:
        return True
    done = whole.go(cores, "vocabulary")
    for run, systems in large:
        done &= run.go(cores, systems=systems)
        harvest(run, record)
    tasks = [] if noted else [noise.task(whole.results)]
    # Those with most to do first, so that none is left alone at the end.
    for run, systems in sorted(rest, key=lambda each: -len(each[1])):
        for source in large_runs(whole):
            hand_over(source, run)
        tasks.append(_task(run, systems))
    for ended in side_by_side(tasks, cores):
        done &= ended
        keep(whole, record)
    return done


def _to_run(run: Run, record: Record, wanted: Chosen) -> list[str]:
    """The systems of a run that are wanted, can run, and are not scored on all their test sets."""
    lacking = [name for name in record.lacking(run) if name in wanted.get(run.slug, ())]
    if lacking and run.needs is not None and not run.needs.is_file():
        print(f"{run.needs}: no such file; without it {run.slug} does not run")
        return []
    return lacking


def _task(run: Run, systems: Sequence[str]) -> Task:
    log = run.results / LOG
    return Task(run.name, log, lambda cores: run.go(cores, systems=systems, log=log))


def write(whole: Run, record: Record, target: Path) -> int:
    """Write the page and its picture; returns how many scores are missing."""
    found, long = gather(whole, record), gather(longer(whole), record)
    # Of all dialogs what learned as long as others may: until there is nothing more to learn.
    others = [gather(run, record) for run in (*(run for _, run in fractions(whole)), more(whole))]
    curves = {each: _curves([*others, _longest(found, long, each)], each) for each in TEST_SETS}
    deviations = {each: _deviation(long, each) or _deviation(found, each) for each in TEST_SETS}
    labels = {name: f"{found[name].label} ({name})" for name in CURVE}
    drawn = {
        test_set: {labels[name]: points for name, points in several(made).items()} for test_set, made in curves.items()
    }
    if any(drawn.values()):
        draw(target.parent / PICTURE, drawn, deviations)
    runs = all_runs(whole)
    missing = {run.name: _named(run, lacking) for run in runs if (lacking := record.lacking(run))}
    entries = [record.read(run, name) for run in runs for name in dict(run.answered())]
    made = Made(
        found,
        long,
        longer(whole).config,
        curves,
        deviations,
        epochs.read(record.noise, whole.config),
        {run.name: gather(run, record)[PLAIN] for run in trials(whole)},
        gather(student_trials(whole), record),
        missing,
        record.notes.read_text(encoding="utf-8").strip() if record.notes.is_file() else "",
        [entry for entry in entries if entry is not None],
    )
    write_text(target, page(whole.config, made))
    return sum(len(test_sets) for lacking in missing.values() for test_sets in lacking.values())


def _named(run: Run, lacking: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """What is not scored, with the test sets as the page calls them."""
    return {name: [HELD_OUT if run.held_out else each for each in sets] for name, sets in lacking.items()}


def _deviation(found: Mapping[str, Found], test_set: str) -> float:
    """Of the CIDEr of seeds, of the learning curve's systems together; 0 where none has several."""
    values = [found[name].values(test_set, METRIC) for name in CURVE]
    variances = [variance(each) for each in values if len(each) > 1]
    return math.sqrt(mean(variances)) if variances else 0.0


def _longest(found: Mapping[str, Found], long: Mapping[str, Found], test_set: str) -> dict[str, Found]:
    """Each system as it learned for longer, where that is scored."""
    return {name: long[name] if name in long and long[name].scores[test_set] else found[name] for name in found}


def _curves(runs: Sequence[Mapping[str, Found]], test_set: str) -> dict[str, Points]:
    """CIDEr of the first seed there is of a system, over training dialogs."""
    curves: dict[str, list[Point]] = {name: [] for name in CURVE}
    for systems in runs:
        for name in curves.keys() & systems.keys():
            values, dialogs = systems[name].values(test_set, METRIC), systems[name].dialogs
            if values and dialogs is not None:
                cost = next(iter(systems[name].costs.values()), None)
                curves[name].append(Point(dialogs, values[0], None if cost is None else cost["epochs"]))
    return {name: points for name, points in curves.items() if points}


if __name__ == "__main__":
    sys.exit(main())
