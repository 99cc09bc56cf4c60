"""Does a retriever know which of two events comes first? `python -m benchmarks.events`.

    python -m benchmarks.events --configfile configs/jsfusion.yaml
    python -m benchmarks.events --systems retriever --test-sets official

JSFusion's convolutions see neighbouring words beside neighbouring frames. This takes every video of the test sets whose
text tells what happens first and what then, scores the text and the same one with the two events exchanged, and prints
in what share of the videos the true order scores higher. Half is chance; ties count against the system.
"""

import argparse
import sys
from collections.abc import Sequence

import torch

from benchmarks.events.probe import probe
from benchmarks.shared.command import ends_in_one_line, expect
from benchmarks.shared.own_process import ROOT
from pipeline.config import CHALLENGE, load
from pipeline.errors import UserError


@ends_in_one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    chosen = _parse(arguments)
    torch.set_num_threads(chosen.cores)
    config = load([str(ROOT / "config.yaml"), *chosen.configfile])
    systems = chosen.systems or [name for name in config.compared if config.systems[name].finds]
    if not systems:
        raise UserError("matching.run: no system that finds videos; name one with --systems")
    print(f"| {' and '.join(chosen.test_sets)} | the true order scores higher (%) | 95 % interval | ties | videos |")
    print("|---|---|---|---|---|", flush=True)
    for name in systems:
        found = probe(config, name, chosen.test_sets, chosen.resamples)
        label = f"{config.systems[name].label} ({name})"
        ends = f"{100 * found.low:.1f} to {100 * found.high:.1f}"
        print(f"| {label} | {100 * found.share:.1f} | {ends} | {found.ties} | {found.of} |", flush=True)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.events", description="Does a retriever know which of two events comes first?"
    )
    parser.add_argument("--systems", nargs="+", help="retrievers; default: those of matching.run")
    parser.add_argument("--configfile", nargs="*", default=[], help="laid over config.yaml, as for snakemake")
    parser.add_argument("--test-sets", nargs="+", choices=CHALLENGE, default=list(CHALLENGE), help="whose videos")
    parser.add_argument("--resamples", type=int, default=10_000, help="draws of videos for the interval")
    parser.add_argument("--cores", type=int, default=1, help="cores to compute on")
    chosen = parser.parse_args(arguments)
    expect(parser, chosen, 1, "resamples", "cores")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
