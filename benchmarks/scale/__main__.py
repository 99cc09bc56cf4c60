"""Measure what planning costs, by the number of shards: `python -m benchmarks.scale`.

docs/scale.md says what each section measures, and what the figures come to.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.scale.corpora import make, options
from benchmarks.scale.workflow import Ran, checkout, snakemake
from benchmarks.shared import command, machine
from benchmarks.shared.charades import VIDEOS
from benchmarks.shared.own_process import ROOT
from benchmarks.shared.results import Goal, Row
from pipeline.config import load

CHARADES = ROOT / "configs" / "charades.yaml"
FEATURES = 3
"""Of configs/charades.yaml."""
SHARDS, A_SHARD = (1_000, 3_000, 10_000), 100
"""The largest has a million videos."""
QUICK_VIDEOS, QUICK_SHARDS, QUICK_A_SHARD = 60, (4, 8, 16), 3
PLAN_SECONDS, PLAN_MEMORY, GROWTH, MILLION_SECONDS = 10.0, 1024.0, 1.2, 600.0


@dataclass(frozen=True)
class Bench:
    """What is planned: in ``folder``, ``videos`` of Charades, then shards of ``a_shard`` videos each."""

    folder: Path
    videos: int
    shards: tuple[int, ...]
    a_shard: int
    target: str

    def plan(self, corpus: Path, shards: int, target: str) -> Ran:
        """The plan of a corpus of nothing's results."""
        return self.call(corpus, shards, target, "--dry-run", "--quiet", "all")

    def call(self, corpus: Path, shards: int, target: str, *more: str) -> Ran:
        """Snakemake for a corpus, its jobs empty."""
        made = self.folder / "checkout"
        snakefile = made / "Snakefile" if made.exists() else checkout(made)
        return snakemake(snakefile, corpus / "run", CHARADES, target, *more, *options(corpus, shards))


def charades(bench: Bench) -> list[Row]:
    """The whole experiment planned; its jobs run empty; a video added."""
    corpus, shards = bench.folder / "charades", load([str(ROOT / "config.yaml"), str(CHARADES)]).corpus.shards
    make(corpus, bench.videos)
    plan = bench.plan(corpus, shards, "all")
    ran = bench.call(corpus, shards, "all", "--quiet", "all")
    jobs = plan.jobs["total"]
    again = bench.plan(corpus, shards, "all")
    (corpus / "videos" / "new.mp4").touch()
    added = bench.plan(corpus, shards, "all").jobs
    one = added["decode"] == added["extract"] == FEATURES and added["videos"] == 1
    section, note = "charades", f"{bench.videos:,} videos in {shards} shards, {jobs:,} jobs"
    return [
        Row(section, "plan", "s", plan.seconds, goal=Goal("at most", PLAN_SECONDS, "ours"), note=note),
        Row(section, "plan, processor", "s", plan.processor),
        Row(section, "plan, memory", "MiB", plan.memory, goal=Goal("at most", PLAN_MEMORY, "ours")),
        Row(section, "plan, everything done", "s", again.seconds),
        Row(section, "Snakemake, processor seconds a job", "s", ran.processor / jobs, note="planning among them"),
        Row(section, "shards that a new video plans", "", 1.0 if one else 0.0, note=f"{added['extract']} extractions"),
    ]


def growth(bench: Bench) -> list[Row]:
    """Plans of shards of the same size: seconds and memory a shard may not grow with their number."""
    rows: list[Row] = []
    first: Ran | None = None
    for shards in bench.shards:
        corpus = bench.folder / f"shards-{shards}"
        make(corpus, shards * bench.a_shard)
        plan = bench.plan(corpus, shards, bench.target)
        first, times = first or plan, shards / bench.shards[0]
        size = f"{shards * bench.a_shard:,} videos, {plan.jobs['total']:,} jobs"
        rows += [
            Row(
                "growth",
                f"plan of {shards:,} shards",
                "s",
                plan.processor,
                first.processor * times,
                Goal("at most", GROWTH),
                note=f"{size}; {plan.seconds:.0f} s by the clock",
            ),
            Row("growth", "its memory", "MiB", plan.memory, first.memory * times, Goal("at most", GROWTH)),
        ]
    return rows


SECTIONS: dict[str, Callable[[Bench], list[Row]]] = {"charades": charades, "growth": growth}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = command.parser("scale", "workflow by the number of its shards", list(SECTIONS), None)
    parser.add_argument("--shards", type=int, nargs="+", default=list(SHARDS), help="of section growth (%(default)s)")
    parser.add_argument("--target", default="features", help="of section growth: features, all ... (%(default)s)")
    chosen = parser.parse_args(arguments)
    return command.run(_measure, chosen)


def _measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the sections in the order of `SECTIONS`, print the table, and return everything for JSON."""
    sizes = (QUICK_VIDEOS, QUICK_SHARDS, QUICK_A_SHARD) if chosen.quick else (VIDEOS, tuple(chosen.shards), A_SHARD)
    bench = Bench(folder, *sizes, chosen.target)
    facts = machine.facts(torch.device("cpu"), machine.available_cores())
    print(machine.heading(facts, "one of " + str(facts["cores"])))
    rows = command.rows_of(SECTIONS, chosen.sections, bench)
    return command.told(chosen, facts, rows, {"shards": sizes[1], "a_shard": sizes[2], "target": chosen.target})


if __name__ == "__main__":
    sys.exit(main())
