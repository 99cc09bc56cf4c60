"""What a record says of the systems of a run: all seeds of one together."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.real.record import Cost, Entry, Record, Scored, unpacked
from benchmarks.real.runs import Run
from pipeline.config import TEST_SETS
from pipeline.scoring.pooled import Seeds


@dataclass(frozen=True)
class Found:
    """A system of a run, all its seeds together.

    scores: by test set, of every seed that has some, by the seed's entry. answers: by test set, `METRIC` of each answer
    by the seed's number. costs: of every seed that is trained; empty for a system that answers with another's model.
    dialogs: learned from; None where nothing is recorded.
    """

    name: str
    label: str
    seeds: int
    scores: Mapping[str, Mapping[str, Scored]]
    answers: Mapping[str, Seeds]
    costs: Mapping[str, Cost]
    dialogs: int | None

    def values(self, test_set: str, metric: str) -> list[float]:
        """A metric of every seed that is scored."""
        return [scores["metrics"][metric] for scores in self.scores.get(test_set, {}).values()]

    @property
    def answering(self) -> float | None:
        """Seconds on a core that answering took, all seeds and test sets; None where none is known."""
        known = [scored["seconds"] for seeds in self.scores.values() for scored in seeds.values()]
        seconds = [each for each in known if each is not None]
        return sum(seconds) if seconds else None


def gather(run: Run, record: Record) -> dict[str, Found]:
    """Every system of a run by name, its further seeds with it, in the order of `run`."""
    config = run.config
    found = {}
    for name in config.run:
        system = config.systems[name]
        if system.seed_of in config.run:
            continue
        seeds = {seed: number for number, seed in enumerate(config.seeds_of(name), 1) if seed in config.run}
        entries = {seed: entry for seed in seeds if (entry := record.read(run, seed)) is not None}
        costs = {seed: entry["cost"] for seed, entry in entries.items() if entry["cost"] is not None}
        scores: dict[str, dict[str, Scored]] = {test_set: _scored(entries, test_set) for test_set in TEST_SETS}
        answers: dict[str, dict[int, dict[str, float]]] = {
            test_set: {seeds[seed]: unpacked(each["answers"], record.path(run, seed)) for seed, each in scored.items()}
            for test_set, scored in scores.items()
        }
        dialogs = next((entry["dialogs"].get("training") for entry in entries.values()), None)
        found[name] = Found(name, system.label, len(seeds), scores, answers, costs, dialogs)
    return found


def _scored(entries: Mapping[str, Entry], test_set: str) -> dict[str, Scored]:
    return {seed: entry["scores"][test_set] for seed, entry in entries.items() if test_set in entry["scores"]}
