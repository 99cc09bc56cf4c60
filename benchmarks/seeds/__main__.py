"""Train, answer and score every system with several seeds: `python -m benchmarks.seeds --seeds 3 2 1`.

    python -m benchmarks.seeds --target matching --seeds 3 2 1
    python -m benchmarks.seeds --target matching --seeds 3 2 1 --configfile configs/jsfusion.yaml

One run's order of systems may be luck. This runs the workflow once a seed in the same results folder, where features
stay and everything behind them is made anew, and prints the mean and the spread of every system's scores, and of the
differences that matter: those that the paper's order is made of, or of `snakemake matching`, task by task, between
systems that are alike but for one thing. The last seed's run stays in the folder; all scores are kept, those of the
target `scores` in RESULTS/seeds/SEED, those of `matching` in RESULTS/seeds/matching/SEED.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.seeds.pairs import pairs
from benchmarks.seeds.spread import (
    OF_TASKS,
    SAID,
    difference_table,
    gather,
    gather_bases,
    order_table,
    system_table,
)
from benchmarks.shared.command import ended_well, ends_in_one_line
from benchmarks.shared.own_process import ROOT
from pipeline.config import CHALLENGE, Config, load
from pipeline.errors import UserError
from pipeline.files import write_text
from pipeline.layout import Layout
from pipeline.plan.matching import beside
from pipeline.tasks.registry import TASKS

SCORES, MATCHING = TARGETS = ("scores", "matching")


@ends_in_one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    chosen = _parse(arguments)
    config = load([str(ROOT / "config.yaml"), *chosen.configfile])
    if chosen.target == MATCHING:
        config = beside(config)
    kept = config.results / "seeds" / (MATCHING if chosen.target == MATCHING else "")
    for seed in [] if chosen.print_only else chosen.seeds:
        run(seed, chosen)
        keep(config, chosen.target, kept / str(seed))
    tables = matching_tables if chosen.target == MATCHING else paper_tables
    for lines in tables(config, kept, chosen.seeds):
        print("\n".join(["", *lines]))
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.seeds", description="Mean and spread of every system's scores over seeds."
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 2, 1], help="training.seed of each run, in order")
    parser.add_argument("--target", choices=TARGETS, default=SCORES, help="the systems of `run`, or of `matching.run`")
    parser.add_argument("--configfile", nargs="*", default=[], help="laid over config.yaml, as for snakemake")
    parser.add_argument("--cores", default="all", help="as for snakemake")
    parser.add_argument("--print-only", action="store_true", help="print what earlier runs left in RESULTS/seeds")
    return parser.parse_args(arguments)


def run(seed: int, chosen: argparse.Namespace) -> None:
    """Run the workflow with ``seed`` up to the target."""
    if not ended_well(command(seed, chosen)):
        raise UserError(f"seed {seed}: the workflow failed (see its messages above); run the command again to go on")


def command(seed: int, chosen: argparse.Namespace) -> list[str]:
    """Snakemake's command line for a seed."""
    made = ["snakemake", chosen.target, "--snakefile", str(ROOT / "Snakefile")]
    made += ["--cores", str(chosen.cores), "--config", f"training={{seed: {seed}}}"]
    return [*made, *(["--configfile", *chosen.configfile] if chosen.configfile else [])]


def keep(config: Config, target: str, kept: Path) -> None:
    """Copy the scores of a run to ``kept``: of `scores` all there are, of `matching` those of its systems.

    Another configuration has other systems, whose scores of the same seed stay beside them.
    """
    layout = Layout(config.results)
    if target == SCORES:
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(config.results / "scores", kept)
        return
    for name in config.run:
        for test_set in (each for each in CHALLENGE if each in config.systems[name].test_sets):
            write_text(kept / name / f"{test_set}.json", layout.scores(name, test_set).read_text())


def paper_tables(config: Config, kept: Path, seeds: Sequence[int]) -> Iterator[list[str]]:
    """Every system of `run`, and the steps of the paper's order."""
    for test_set in CHALLENGE:
        found = gather(kept, seeds, config.run, test_set)
        if found:
            yield [_heading(test_set, seeds), "", *system_table(found), "", *order_table(found)]


def matching_tables(config: Config, kept: Path, seeds: Sequence[int]) -> Iterator[list[str]]:
    """Task by task the systems of `matching.run`, what chance would have, and the differences that say something."""
    tasks = dict.fromkeys(config.systems[name].task for name in config.run)
    for test_set in CHALLENGE:
        compared = pairs(config, test_set)
        for task in tasks:
            systems = [name for name in config.run if config.systems[name].task == task]
            found, own = gather(kept, seeds, systems, test_set), TASKS[task].metrics
            if not found:
                continue
            measured = OF_TASKS.get(own, SAID if TASKS[task].sentences else own)
            rows = {**found, **gather_bases(kept, seeds, systems, test_set)}
            lines = [_heading(f"{task}, {test_set}", seeds), "", *system_table(rows, measured)]
            # Of ranks less is better, so that a difference would read the other way round.
            shares = [measure for measure in measured if "rank" not in measure]
            differences = difference_table(found, [pair for pair in compared if pair[0] in found], shares)
            yield [*lines, "", *differences] if len(differences) > 2 else lines


def _heading(what: str, seeds: Sequence[int]) -> str:
    return f"## {what}, seeds {', '.join(map(str, seeds))}: mean ± standard deviation"


if __name__ == "__main__":
    sys.exit(main())
