"""Section baseline: training our naive fusion beside the organisers' published code, on the same turns and cores."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.published.conversation import SECTION, started
from benchmarks.published.job import Job
from benchmarks.published.port import REPOSITORY
from benchmarks.shared.results import Goal, Row
from benchmarks.shared.workload import Workload
from pipeline.errors import UserError
from pipeline.progress import progress

GOAL = 5.0
BATCHES = 20
DIALOGS = 320
"""Dialogs that make the published code's batches as alike as the paper's corpus does: it sorts turns by history, then
by steps of video, then by question. 7,659 turns of each history in some thirty lengths of video leave about 250 to sort
by question; made features are all of one length, so that as many dialogs do. With 2,000 its answers are sorted, too."""
SIDES = {"theirs": "the published code", "ours": "our training"}


@dataclass(frozen=True)
class Measured:
    """One side. rates, processor_rates, losses: of every run, turns/s of wall-clock and of processor time, and the mean
    loss of a word. turns: of a run. peak: memory, MiB. weights: parameters of the network.
    """

    turns: int
    rates: tuple[float, ...]
    processor_rates: tuple[float, ...]
    losses: tuple[float, ...]
    peak: float
    weights: int

    @property
    def rate(self) -> float:
        """Median turns/s."""
        return median(self.rates)


@dataclass(frozen=True)
class Comparison:
    """Both sides on ``threads`` cores."""

    ours: Measured
    theirs: Measured
    threads: int

    @property
    def ratio(self) -> float:
        """Our turns/s over the published code's."""
        return self.ours.rate / self.theirs.rate

    @property
    def processor_ratio(self) -> float:
        """The same of processor time, which other work on the machine changes less."""
        return median(self.ours.processor_rates) / median(self.theirs.processor_rates)

    def rows(self) -> list[Row]:
        """The rows of the section."""
        ours, theirs = self.ours, self.theirs
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        note = f"{threads}, {ours.turns} and {theirs.turns} turns; ratio of processor time {self.processor_ratio:.3g}"
        losses = f"loss of a word after {len(ours.losses)} runs {ours.losses[-1]:.2f} and {theirs.losses[-1]:.2f}"
        return [
            Row(SECTION, "naive fusion", "turns/s", ours.rate, theirs.rate, Goal("at least", GOAL), note=note),
            Row(SECTION, "peak memory", "MiB", ours.peak, theirs.peak, note=threads),
            Row(SECTION, "weights", "", ours.weights, theirs.weights, note=losses),
        ]


def measure(checkout: Path, workload: Workload, threads: int, repeats: int = 3, batches: int = BATCHES) -> Comparison:
    """Train our naive fusion and the published code in ``checkout`` on ``workload``, ``repeats`` runs each, in turns.

    The workload should have about `DIALOGS` dialogs. A run is ``batches`` of the batches that each side makes of all
    of them, evenly spread from long ones to short: the published code sorts turns by history and length and cuts them
    into 64 of as many videos; ours takes whole dialogs, about 64 turns. Both read the same `<id>.npy` files anew for
    every batch, in a thread ahead, and see the history.
    Loading and the first step are not timed. Raises `UserError` for a folder that is no checkout of the code, for
    another version of it, for a workload without its features, and for a side that fails.
    """
    if not checkout.is_dir():
        raise UserError(f"{checkout}: no such folder; give --published a checkout of {REPOSITORY}")
    with tempfile.TemporaryDirectory(prefix="avsd-benchmark-") as folder, ExitStack() as stack:
        Job.make(Path(folder), checkout, workload, threads, batches)
        module = "benchmarks.published.sides"
        sides = {
            name: stack.enter_context(started(who, Path(folder), threads, module, name, folder))
            for name, who in SIDES.items()
        }
        weights = {name: int(side.answer()["weights"]) for name, side in sides.items()}
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in SIDES}
        for name in progress(list(SIDES) * repeats, len(SIDES) * repeats, SECTION, "runs"):
            runs[name].append(sides[name].run())
        found = {name: _measured(runs[name], side.end()["peak"], weights[name]) for name, side in sides.items()}
    return Comparison(found["ours"], found["theirs"], threads)


def _measured(runs: Sequence[Mapping[str, float]], peak: float, weights: int) -> Measured:
    return Measured(
        int(runs[0]["turns"]),
        tuple(run["turns"] / run["seconds"] for run in runs),
        tuple(run["turns"] / run["processor"] for run in runs),
        tuple(run["loss"] for run in runs),
        peak,
        weights,
    )
