"""Step fast: what training costs: a step's launches and waits, an epoch from shards on disk, every loss."""

from collections.abc import Iterator

from benchmarks.gpu.card import Card
from benchmarks.gpu.goals import FAST
from benchmarks.gpu.launches import launches, waits
from benchmarks.shared.results import Row
from benchmarks.training import epoch, learning
from benchmarks.training.bench import Amount, TrainingBench
from pipeline.config import parse
from pipeline.training.train import train

EPOCH = "epoch of 76,590 turns, {}"
MADE = 32
"""Dialogs enough for the steps whose launches are counted."""


def measure(card: Card) -> Iterator[Row]:
    """One step of the attention network, then `avsd train` itself, whose second epoch counts."""
    yield from _step(card)
    workload = card.recipe.make(card.sizes.epoch_dialogs)
    results = card.folder / "results"
    epoch.prepare(results, workload)
    train(parse(epoch.settings(card.recipe, str(card.device), results)), epoch.SYSTEM)
    last = epoch.curves(results)[-1]
    note = f"estimated from {workload.turns:,} turns"
    took = epoch.TURNS / last["turns_per_second"]
    yield card.fast(Row(FAST, "epoch from shards: waiting", "share", last["data_wait"]))
    yield card.fast(Row(FAST, EPOCH.format("ce"), "s", took, note=f"from shards; {note}"))
    yield from card.peak("training, ce")


def measure_losses(card: Card) -> Iterator[Row]:
    """Every loss on batches in memory that are on the device already, and what an epoch of it would take."""
    amount = Amount(card.sizes.losses, 0, 0)
    bench = TrainingBench(device=card.device, repeats=1, recipe=card.recipe, amount=amount, folder=card.folder)
    for row in learning.measure_losses(bench):
        yield Row(FAST, f"training, {row.what}", "turns/s", row.ours, note="batches on the device already")
        if row.what in ("st", "joint"):
            note = f"estimated from {card.sizes.losses} batches"
            yield Row(FAST, EPOCH.format(row.what), "s", epoch.TURNS / row.ours, note=note)
    yield from card.peak("training, every loss side by side")


def _step(card: Card) -> Iterator[Row]:
    workload = card.recipe.make(MADE)
    trainee = learning.ours(card.recipe, workload, card.device)
    first = next(workload.batches({"model": workload.view("none")}))
    there = first.to(card.device)
    trainee.step(there)
    assert first.targets is not None
    note = f"{first.turns} turns, {int(first.targets.lengths.max())} words in the longest answer"
    yield Row(
        FAST, "training step: launches", "launches", launches(lambda: trainee.step(there), card.device), note=note
    )
    if card.cuda:
        row = Row(FAST, "training step: waits for the device", "waits", waits(lambda: trainee.step(there)))
        yield card.fast(row)
