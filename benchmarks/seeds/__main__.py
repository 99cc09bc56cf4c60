"""Train, answer and score every system with several seeds: `python -m benchmarks.seeds --seeds 3 2 1`.

One run's order of systems may be luck. This runs the workflow once a seed in the same results folder, where features
stay and everything behind them is made anew, and prints the mean and the spread of every system's scores, and of the
differences the paper's order is made of. The last seed's run stays in the folder, all scores in RESULTS/seeds.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.seeds.spread import gather, order_table, system_table
from benchmarks.shared.own_process import ROOT
from pipeline.config import load
from pipeline.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    chosen = _parse(arguments)
    try:
        config = load([str(ROOT / "config.yaml"), *chosen.configfile])
        for seed in [] if chosen.print_only else chosen.seeds:
            run(seed, chosen, config.results)
        for test_set in ("trial", "official"):
            found = gather(config.results, chosen.seeds, config.run, test_set)
            if found:
                print(f"\n## {test_set}, seeds {', '.join(map(str, chosen.seeds))}: mean ± standard deviation\n")
                print("\n".join([*system_table(found), "", *order_table(found)]))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.seeds", description="Mean and spread of every system's scores over seeds."
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 2, 1], help="training.seed of each run, in order")
    parser.add_argument("--configfile", nargs="*", default=[], help="laid over config.yaml, as for snakemake")
    parser.add_argument("--cores", default="all", help="as for snakemake")
    parser.add_argument("--print-only", action="store_true", help="print what earlier runs left in RESULTS/seeds")
    return parser.parse_args(arguments)


def run(seed: int, chosen: argparse.Namespace, results: Path) -> None:
    """Run the workflow with ``seed`` up to the scores, and keep these in RESULTS/seeds/SEED."""
    command = [sys.executable, "-m", "snakemake", "scores", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--cores", str(chosen.cores), "--config", f"training={{seed: {seed}}}"]
    if chosen.configfile:
        command += ["--configfile", *chosen.configfile]
    if subprocess.run(command, check=False).returncode:
        raise UserError(f"seed {seed}: the workflow failed (see its messages above); run the command again to go on")
    kept = results / "seeds" / str(seed)
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(results / "scores", kept)


if __name__ == "__main__":
    sys.exit(main())
