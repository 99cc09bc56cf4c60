"""Section baseline: our search with naive fusion beside the organisers' published sequential search of their network.

Both networks are trained first, each by its own code. Their weights differ, and so do their answers; the published
search takes every turn to the maximum length, so that its time hardly depends on them. Both sides read features from
the same files in the time measured: ours once a dialog, the published code once a turn.
"""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.answering.bench import ANSWERS, LONGEST, ROLE, AnswerBench, Lengths, batched, every_answer
from benchmarks.answering.searching import Runs, clock_note, steps, typical
from benchmarks.published.conversation import SECTION, started
from benchmarks.published.job import Job
from benchmarks.published.port import REPOSITORY, port_search
from benchmarks.published.search_side import ANSWERED
from benchmarks.published.sides import NpyStore
from benchmarks.shared.results import Goal, Row
from benchmarks.shared.trainees import Times
from pipeline.corpus.dialogs import write_dialogs
from pipeline.dataset.dialogs import DialogDataset
from pipeline.errors import UserError
from pipeline.progress import progress

NETWORK = "naive_fusion"
GOAL = 60.0
PUBLISHED_STEPS = 20
"""Steps of training that the published network gets."""
LEARNED_DIALOGS = 160
"""Dialogs that its batches are made of."""
SETTINGS = {"search": ANSWERS, "search, 30 words each": LONGEST}


@dataclass
class Theirs:
    """The published side's repeats, and the lengths of what the last of them answered."""

    times: Times = field(default_factory=Times)
    words: Lengths = field(default_factory=lambda: Lengths((0,)))

    def take(self, told: dict[str, Any]) -> None:
        """Note what a run told."""
        self.times.clock.append(told["clock"])
        self.times.processor.append(told["processor"])
        self.words = Lengths(tuple(told["words"]))


def measure(bench: AnswerBench) -> list[Row]:
    """Our search, natural answers and 30 words each, beside the published one where a checkout is given.

    Raises `UserError` for a folder that is no checkout of the code, for another version of it, and for a published
    search that fails.
    """
    network = bench.trained(NETWORK).cpu()
    ours, theirs = {what: Runs() for what in SETTINGS}, Theirs()
    dataset = bench.dataset(NETWORK)
    if bench.published is None:
        together = list(batched(dataset))
        with bench.limits():
            for what, settings in list(SETTINGS.items()) * bench.repeats:
                ours[what].take(partial(every_answer, network, together, settings))
    else:
        job = lay_out(bench, bench.published)
        stores = {name: NpyStore(job.features / name, dims) for name, dims in job.dims.items()}
        given = bench.answered
        # Nothing is kept: a test set's videos are each read once.
        dataset = DialogDataset(given.dialogs, given.vocabulary, stores, {ROLE: bench.view(NETWORK)}, cache_bytes=0)
        module, task = "benchmarks.published.search_side", (str(job.folder), str(PUBLISHED_STEPS))
        with started("the published search", job.folder, bench.threads, module, *task) as side:
            side.answer()
            for _ in progress(range(bench.repeats), bench.repeats, SECTION, "runs"):
                theirs.take(side.run())
                with bench.limits():
                    for what, settings in SETTINGS.items():
                        # Batches are made while they are answered.
                        ours[what].take(partial(every_answer, network, batched(dataset), settings))
    counts = {what: steps(network, list(batched(dataset)), settings) for what, settings in SETTINGS.items()}
    return [_row(bench, what, ours[what], theirs, counts[what]) for what in SETTINGS]


def lay_out(bench: AnswerBench, checkout: Path) -> Job:
    """Write what the published side reads: code, dialogs to learn from and to answer, features of both."""
    if not checkout.is_dir():
        raise UserError(f"{checkout}: no such folder; give --published a checkout of {REPOSITORY}")
    folder = bench.folder / SECTION
    folder.mkdir()
    learned = bench.learned.first(LEARNED_DIALOGS)
    both = replace(learned, dialogs=(*learned.dialogs, *bench.answered.dialogs))
    job = Job.make(folder, checkout, both, bench.threads, PUBLISHED_STEPS)
    write_dialogs(job.dialogs, learned.dialogs)
    write_dialogs(folder / ANSWERED, bench.answered.dialogs)
    port_search(checkout, job.code)
    return job


def _row(bench: AnswerBench, what: str, ours: Runs, theirs: Theirs, count: float) -> Row:
    turns = bench.answered.turns
    note = f"{turns} turns, {Lengths.of(ours.found)}; {count:.3g} of {ANSWERS.max_length + 1} steps"
    rate = turns / typical(ours.times, bench.threads)
    if bench.published is None:
        return Row(SECTION, what, "turns/s", rate, note=f"{note}; no checkout was given (--published)")
    note += f"; published {theirs.words}; {clock_note(ours.times, theirs.times)}"
    goal = Goal("at least", GOAL) if SETTINGS[what] is ANSWERS else None
    return Row(SECTION, what, "turns/s", rate, turns / typical(theirs.times, bench.threads), goal, note=note)
