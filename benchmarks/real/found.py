"""What finished runs left: scores of every seed, and what training and answering cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.real.runs import Run
from pipeline.config import TEST_SETS, Config
from pipeline.layout import Layout
from pipeline.report.results import read_if_there
from pipeline.systems.system import INFO
from pipeline.texts import read_records

Scores = Mapping[str, Any]


@dataclass(frozen=True)
class Cost:
    """What a trained model took.

    seconds: of training, validation apart, on the clock. turns: learned from in a second, of the fastest epoch. torch:
    version of PyTorch.
    """

    seconds: float
    epochs: int
    best_epoch: int
    perplexity: float
    turns: float
    commit: str
    torch: str


@dataclass(frozen=True)
class Found:
    """A system of a run, all its seeds together.

    scores: by test set, of every seed that has some, by the seed's entry. costs: of every seed that is trained; empty
    for a system that answers with another's model. answering: seconds on a core, by test set, of all seeds.
    """

    name: str
    label: str
    seeds: int
    scores: Mapping[str, Mapping[str, Scores]]
    costs: Mapping[str, Cost]
    answering: Mapping[str, float]

    def values(self, test_set: str, metric: str) -> list[float]:
        """A metric of every seed that is scored."""
        return [scores["metrics"][metric] for scores in self.scores.get(test_set, {}).values()]

    def items(self, test_set: str, metric: str) -> list[dict[str, float]]:
        """A metric of every answer, a mapping a seed."""
        scored = self.scores.get(test_set, {}).values()
        return [{key: item[metric] for key, item in scores["items"].items()} for scores in scored]


def gather(run: Run) -> dict[str, Found]:
    """Every system of a run by name, its further seeds with it, in the order of `run`."""
    config = run.config()
    names = [name for name in config.run if config.systems[name].seed_of not in config.run]
    return {name: _found(config, name) for name in names}


def _found(config: Config, name: str) -> Found:
    seeds = [name, *(other for other in config.run if config.systems[other].seed_of == name)]
    layout = Layout(config.results)
    scores: dict[str, dict[str, Scores]] = {}
    answering: dict[str, float] = {}
    for test_set in TEST_SETS:
        read = {seed: _scores(layout, seed, test_set) for seed in seeds}
        scores[test_set] = {seed: found for seed, found in read.items() if found is not None}
        answering[test_set] = sum(_processor(layout, f"{seed}.{test_set}") for seed in scores[test_set])
    costs = {seed: cost for seed in seeds if (cost := _cost(layout, seed)) is not None}
    return Found(name, config.systems[name].label, len(seeds), scores, costs, answering)


def _scores(layout: Layout, name: str, test_set: str) -> Scores | None:
    path = layout.scores(name, test_set)
    # While a job makes them again, the old ones are still there.
    found: Scores | None = read_if_there(path) if layout.finished(path).exists() else None
    return found


def _cost(layout: Layout, name: str) -> Cost | None:
    folder = layout.model(name)
    info = read_if_there(folder / INFO)
    if info is None or not layout.finished(folder / "model.safetensors").exists():
        return None
    rates = [float(line["turns_per_second"] or "nan") for line in read_records(folder / "curves.csv")]
    known = info["metrics"]
    return Cost(
        known["seconds"],
        known["epochs"],
        known["best_epoch"],
        known["validation_perplexity"],
        max(rates),
        info["commit"] or "unknown",
        info["versions"]["torch"],
    )


def _processor(layout: Layout, answers: str) -> float:
    """Seconds on a core that writing answers took, as Snakemake wrote them down."""
    path = layout.root / "benchmarks" / "answer" / f"{answers}.tsv"
    return float(read_records(path, "excel-tab")[0]["cpu_time"] or "nan") if path.is_file() else float("nan")
