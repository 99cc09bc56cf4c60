"""Mean and spread of scores over seeds, and the tables of them."""

import itertools
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.scoring.names import CHOSEN, DETECTED, FILLED, RETRIEVED

ORDER = ("ours_man_man", "jst", "st_context", "st", "ours_none_none", "ours_man_none")
"""The paper's order by CIDEr, best first."""
MEASURES = ("right", "BLEU-1", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr")
OF_TASKS = {
    CHOSEN: ("accuracy",),
    RETRIEVED: ("R@1", "R@5", "median rank"),
    FILLED: ("accuracy",),
    DETECTED: ("F1",),
}
"""What is told of those that say nothing themselves, by their task's metrics."""
SAID = ("right", "CIDEr")
"""What is told of those that do, where tasks stand beside one another."""

Scores = dict[str, dict[str, list[float]]]
"""By system, then measure: a value a seed."""


def gather(kept: Path, seeds: Sequence[int], systems: Sequence[str], test_set: str) -> Scores:
    """What runs kept in ``kept``/SEED; a system without scores of this test set for every seed is left out."""
    found: Scores = {}
    for system, read in _read(kept, seeds, systems, test_set).items():
        by_seed = [measures(scores) for scores in read]
        found[system] = {name: [values[name] for values in by_seed] for name in by_seed[0]}
    return found


def gather_bases(kept: Path, seeds: Sequence[int], systems: Sequence[str], test_set: str) -> Scores:
    """What could be had without looking, by what that is, likewise: of the first of ``systems`` that says it."""
    found: Scores = {}
    for read in _read(kept, seeds, systems, test_set).values():
        by_seed = [bases(scores) for scores in read]
        for label, values in by_seed[0].items():
            found.setdefault(label, {name: [each[label][name] for each in by_seed] for name in values})
    return found


def _read(
    kept: Path, seeds: Sequence[int], systems: Sequence[str], test_set: str
) -> dict[str, list[Mapping[str, Any]]]:
    found = {}
    for system in systems:
        paths = [kept / str(seed) / system / f"{test_set}.json" for seed in seeds]
        if all(path.is_file() for path in paths):
            found[system] = [json.loads(path.read_text()) for path in paths]
    return found


def measures(scores: Mapping[str, Any]) -> dict[str, float]:
    """The metrics, and on scenes the share of right answers in the questions that have a ground truth."""
    grounded = scores.get("grounded")
    if not grounded:
        return dict(scores["metrics"])
    right, of = (sum(category[key] for category in grounded.values()) for key in ("right", "of"))
    return {"right": right / of, **scores["metrics"]}


def bases(scores: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    """What scores say could be had without looking: by chance, or by the most frequent words."""
    if "base" in scores:
        return {"most frequent words": scores["base"]}
    return dict(scores.get("base_rates") or ({"by chance": scores["chance"]} if "chance" in scores else {}))


def system_table(found: Scores, measured: Sequence[str] = MEASURES) -> list[str]:
    """Mean ± standard deviation over seeds, a line a system."""
    names = [name for name in measured if any(name in values for values in found.values())]
    lines = [f"| system | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for system, values in found.items():
        cells = [spread(values[name]) if name in values else "" for name in names]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return lines


def order_table(found: Scores) -> list[str]:
    """Each step of the paper's order: the better system less the next one, seed by seed."""
    chain = [system for system in ORDER if system in found]
    return difference_table(found, list(itertools.pairwise(chain)), SAID, "the paper's order")


def difference_table(
    found: Scores, pairs: Sequence[tuple[str, str]], measured: Sequence[str], title: str = "difference"
) -> list[str]:
    """The first system of each pair less the second, seed by seed."""
    known = [(first, second) for first, second in pairs if first in found and second in found]
    names = [name for name in measured if any(name in found[first] for first, _ in known)]
    lines = [f"| {title} | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for first, second in known:
        cells = []
        for name in names:
            if name not in found[second]:
                cells.append("")
                continue
            differences = [a - b for a, b in zip(found[first][name], found[second][name], strict=True)]
            above = sum(difference > 0 for difference in differences)
            cells.append(f"{spread(differences, sign='+')} ({above} of {len(differences)} above 0)")
        lines.append(f"| {first} − {second} | {' | '.join(cells)} |")
    return lines


def spread(values: Sequence[float], sign: str = "") -> str:
    """Mean ± standard deviation."""
    deviation = statistics.stdev(values) if len(values) > 1 else float("nan")
    return f"{statistics.mean(values):{sign}.3f} ± {deviation:.3f}"
