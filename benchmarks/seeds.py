"""Train, answer and score every system with several seeds: `python benchmarks/seeds.py --seeds 3 2 1`.

One run's order of systems may be luck. This runs the workflow once a seed in the same results folder, where features
stay and everything behind them is made anew, and prints the mean and the spread of every system's scores, and of the
differences the paper's order is made of. The last seed's run stays in the folder, all scores in RESULTS/seeds.
"""

import argparse
import itertools
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ORDER = ("ours_man_man", "jst", "st_context", "st", "ours_none_none", "ours_man_none")
"""The paper's order by CIDEr, best first."""
MEASURES = ("right", "BLEU-1", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr")

Scores = dict[str, dict[str, list[float]]]
"""By system, then measure: a value a seed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from pipeline.config import load
    from pipeline.errors import UserError

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
    parser = argparse.ArgumentParser(description="Mean and spread of every system's scores over seeds.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 2, 1], help="training.seed of each run, in order")
    parser.add_argument("--configfile", nargs="*", default=[], help="laid over config.yaml, as for snakemake")
    parser.add_argument("--cores", default="all", help="as for snakemake")
    parser.add_argument("--print-only", action="store_true", help="print what earlier runs left in RESULTS/seeds")
    return parser.parse_args(arguments)


def run(seed: int, chosen: argparse.Namespace, results: Path) -> None:
    """Run the workflow with ``seed`` up to the scores, and keep these in RESULTS/seeds/SEED."""
    from pipeline.errors import UserError

    command = [sys.executable, "-m", "snakemake", "scores", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--cores", str(chosen.cores), "--config", f"training={{seed: {seed}}}"]
    if chosen.configfile:
        command += ["--configfile", *chosen.configfile]
    if subprocess.run(command, check=False).returncode:
        raise UserError(f"seed {seed}: the workflow failed (see its messages above); run the command again to go on")
    kept = results / "seeds" / str(seed)
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(results / "scores", kept)


def gather(results: Path, seeds: Sequence[int], systems: Sequence[str], test_set: str) -> Scores:
    """What `run` kept; a system without scores of this test set for every seed is left out."""
    found: Scores = {}
    for system in systems:
        paths = [results / "seeds" / str(seed) / system / f"{test_set}.json" for seed in seeds]
        if all(path.is_file() for path in paths):
            read = [measures(json.loads(path.read_text())) for path in paths]
            found[system] = {name: [values[name] for values in read] for name in read[0]}
    return found


def measures(scores: Mapping[str, Any]) -> dict[str, float]:
    """The metrics, and on scenes the share of right answers in the questions that have a ground truth."""
    grounded = scores["grounded"]
    if not grounded:
        return dict(scores["metrics"])
    right, of = (sum(category[key] for category in grounded.values()) for key in ("right", "of"))
    return {"right": right / of, **scores["metrics"]}


def system_table(found: Scores) -> list[str]:
    """Mean ± standard deviation over seeds, a line a system."""
    names = [name for name in MEASURES if name in next(iter(found.values()))]
    lines = [f"| system | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for system, values in found.items():
        lines.append(f"| {system} | {' | '.join(spread(values[name]) for name in names)} |")
    return lines


def order_table(found: Scores) -> list[str]:
    """Each step of the paper's order: the better system less the next one, seed by seed."""
    chain = [system for system in ORDER if system in found]
    names = [name for name in ("right", "CIDEr") if name in found[chain[0]]] if chain else []
    lines = [f"| the paper's order | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for better, worse in itertools.pairwise(chain):
        cells = []
        for name in names:
            differences = [a - b for a, b in zip(found[better][name], found[worse][name], strict=True)]
            above = sum(difference > 0 for difference in differences)
            cells.append(f"{spread(differences, sign='+')} ({above} of {len(differences)} above 0)")
        lines.append(f"| {better} − {worse} | {' | '.join(cells)} |")
    return lines


def spread(values: Sequence[float], sign: str = "") -> str:
    """Mean ± standard deviation."""
    deviation = statistics.stdev(values) if len(values) > 1 else float("nan")
    return f"{statistics.mean(values):{sign}.3f} ± {deviation:.3f}"


if __name__ == "__main__":
    sys.exit(main())
