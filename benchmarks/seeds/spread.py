"""Mean and spread of scores over seeds, and the tables of them."""

import itertools
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ORDER = ("ours_man_man", "jst", "st_context", "st", "ours_none_none", "ours_man_none")
"""The paper's order by CIDEr, best first."""
MEASURES = ("right", "BLEU-1", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr")

Scores = dict[str, dict[str, list[float]]]
"""By system, then measure: a value a seed."""


def gather(results: Path, seeds: Sequence[int], systems: Sequence[str], test_set: str) -> Scores:
    """What runs kept in ``results``/seeds; a system without scores of this test set for every seed is left out."""
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
