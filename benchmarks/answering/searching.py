"""Sections attention, hierarchical and official: our search beside a sequential one, and the official test set."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import mean, median
from unittest import mock

from benchmarks.answering.bench import ANSWERS, LONGEST, ROLE, AnswerBench, Found, Lengths, batched, every_answer
from benchmarks.answering.sequential import sequential_search
from benchmarks.shared.results import Goal, Row
from benchmarks.shared.timing import seconds
from benchmarks.shared.trainees import Times
from pipeline.config import Answers
from pipeline.dataset.batch import Batch
from pipeline.networks.base import Generator
from pipeline.networks.inputs import Inputs
from pipeline.progress import progress

GOAL = 15.0
EQUAL = 0.99
TOLERANCE = 1e-3
OFFICIAL, OFFICIAL_SECONDS = 1710, 5.0


@dataclass
class Runs:
    """Times of a side's repeats, and what the last of them found."""

    times: Times = field(default_factory=Times)
    found: Found = field(default_factory=list)

    def take(self, call: Callable[[], Found]) -> None:
        """Run once more."""
        clock, processor = time.perf_counter(), time.process_time()
        self.found = call()
        self.times.clock.append(time.perf_counter() - clock)
        self.times.processor.append(time.process_time() - processor)


def measure_sequential(name: str, bench: AnswerBench) -> list[Row]:
    """Our search beside `sequential_search`, the same network and turns: natural answers, then 30 words each."""
    network, dataset = bench.trained(name).cpu(), bench.dataset(name)
    together = list(batched(dataset))
    places = {dialog.video_id: place for place, dialog in enumerate(dataset.dialogs)}
    keys = [key for batch in together for key in batch.keys]
    # Features are made or read before: neither side is timed reading.
    alone = [dataset.batch([(places[video], [turn])], with_targets=False).views[ROLE] for video, turn in keys]
    rows = []
    for what, settings in (("", ANSWERS), (", 30 words each", LONGEST)):
        calls = {
            "ours": partial(every_answer, network, together, settings),
            "theirs": partial(_one_by_one, network, alone, settings),
        }
        with bench.limits():
            runs = in_turns(calls, bench.repeats, f"{name}{what}")
        ours, theirs = runs["ours"], runs["theirs"]
        note = (
            f"{len(keys)} turns, {Lengths.of(ours.found)}; {steps(network, together, settings):.3g} of "
            f"{settings.max_length + 1} steps; {clock_note(ours.times, theirs.times)}"
        )
        rate, reference = (len(keys) / typical(side.times, bench.threads) for side in (ours, theirs))
        goal = Goal("at least", GOAL) if name == "attention" and settings is ANSWERS else None
        rows.append(Row(name, f"search{what}", "turns/s", rate, reference, goal, note=note))
        equal = same(ours.found, theirs.found)
        rows.append(Row(name, f"n best equal{what}", "of turns", equal, None, Goal("at least", EQUAL, "ours")))
    return rows


def measure_official(bench: AnswerBench) -> list[Row]:
    """The last turns of as many dialogs as the official test set has, by the attention network; on a CPU estimated."""
    network = bench.trained("attention")
    together = list(batched(bench.dataset("attention", bench.recipe.make(bench.official)), last_only=True))
    count = sum(batch.turns for batch in together)
    found: list[Found] = []

    def run() -> None:
        found.append(every_answer(network, [batch.to(bench.device) for batch in together], ANSWERS))

    with bench.limits():
        run()
        times = [seconds(run, bench.device) for _ in progress(range(bench.repeats), bench.repeats, "official", "runs")]
    goal = Goal("below", OFFICIAL_SECONDS, "ours") if bench.device.type == "cuda" else None
    note = str(Lengths.of(found[-1]))
    if count != OFFICIAL:
        note += f"; estimated from {count} turns"
    took = median(times) * OFFICIAL / count
    return [Row("official", f"{OFFICIAL:,} turns, each of its own video", "s", took, None, goal, note=note)]


def _one_by_one(network: Generator, turns: Sequence[Inputs], settings: Answers) -> Found:
    return [sequential_search(network, inputs, settings) for inputs in turns]


def in_turns(calls: Mapping[str, Callable[[], Found]], repeats: int, what: str) -> dict[str, Runs]:
    """``repeats`` runs of each of ``calls``, which take turns."""
    runs = {name: Runs() for name in calls}
    for name in progress(list(calls) * repeats, len(calls) * repeats, what, "runs"):
        runs[name].take(calls[name])
    return runs


def typical(times: Times, threads: int) -> float:
    """Median seconds: of processor time for one thread, which other work changes least; else by the clock."""
    return median(times.processor if threads == 1 else times.clock)


def clock_note(ours: Times, theirs: Times) -> str:
    """The ratio by the clock, with whatever else the machine did."""
    return f"ratio by the clock {median(theirs.clock) / median(ours.clock):.3g}"


def steps(network: Generator, batches: Sequence[Batch], settings: Answers) -> float:
    """Words predicted one after the other until a batch has ended, on average."""
    counts = []
    for batch in batches:
        with mock.patch.object(network, "predict", wraps=network.predict) as predict:
            every_answer(network, [batch], settings)
        counts.append(predict.call_count)
    return mean(counts)


def same(ours: Found, theirs: Found) -> float:
    """The share of turns whose n best answers are the same words in the same order, with equal scores."""
    pairs = list(zip(ours, theirs, strict=True))
    equal = [
        [answer.ids for answer in mine] == [answer.ids for answer in other]
        and all(abs(a.score - b.score) < TOLERANCE for a, b in zip(mine, other, strict=True))
        for mine, other in pairs
    ]
    return sum(equal) / len(pairs)
