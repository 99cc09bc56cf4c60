"""Which dialogs, or single turns, make a batch, and which of them each process takes."""

from collections.abc import Sequence

import numpy as np

POOL_BATCHES = 20
"""Batches' worth of shuffled units that are sorted by length together: alike in a batch, new every epoch."""


def epoch_batches(
    turns: Sequence[int], lengths: Sequence[int], batch_turns: int, seed: int, epoch: int
) -> list[list[int]]:
    """Batches of whole units (dialogs, or single turns) for one epoch of training; every unit stands in exactly one.

    turns, lengths: of each unit, its turns and any measure of its length. A batch holds about ``batch_turns`` turns,
    and units of like length. A function of its arguments: a resumed run gets the same batches.
    """
    generator = np.random.default_rng((seed, epoch))
    order = generator.permutation(len(turns)).tolist()
    mean = sum(turns) / max(len(turns), 1)
    pool = max(1, round(POOL_BATCHES * batch_turns / mean)) if mean else 1
    arranged: list[int] = []
    for begin in range(0, len(order), pool):
        arranged += sorted(order[begin : begin + pool], key=lambda unit: lengths[unit])
    batches = _cut(arranged, turns, batch_turns)
    return [batches[place] for place in generator.permutation(len(batches))]


def ordered_batches(turns: Sequence[int], lengths: Sequence[int], batch_turns: int) -> list[list[int]]:
    """Batches of whole units for evaluation, always the same: shortest first, about ``batch_turns`` turns each."""
    return _cut(sorted(range(len(turns)), key=lambda unit: lengths[unit]), turns, batch_turns)


def deal(units: Sequence[int], costs: Sequence[int], processes: int) -> list[list[int]]:
    """The units of a batch dealt out to ``processes``, alike in the sum of their ``costs``, each in the batch's order.

    costs: of every unit there is, not of the batch's alone. Where there are fewer units than processes, some lists are
    empty. A function of its arguments: every process finds the same.
    """
    loads = [0] * processes
    taken: list[set[int]] = [set() for _ in range(processes)]
    for unit in sorted(units, key=lambda unit: -costs[unit]):
        process = loads.index(min(loads))
        loads[process] += costs[unit]
        taken[process].add(unit)
    return [[unit for unit in units if unit in taken[process]] for process in range(processes)]


def _cut(units: Sequence[int], turns: Sequence[int], batch_turns: int) -> list[list[int]]:
    """Cut where a batch comes nearest to ``batch_turns`` turns."""
    batches: list[list[int]] = []
    filled = 0
    for unit in units:
        if not batches or filled + turns[unit] - batch_turns > batch_turns - filled:
            batches.append([])
            filled = 0
        batches[-1].append(unit)
        filled += turns[unit]
    return batches
