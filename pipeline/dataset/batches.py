"""Which dialogs make a batch."""

from collections.abc import Sequence

import numpy as np

POOL_BATCHES = 20
"""Batches' worth of shuffled dialogs that are sorted by length together: alike in a batch, new every epoch."""


def epoch_batches(
    turns: Sequence[int], lengths: Sequence[int], batch_turns: int, seed: int, epoch: int
) -> list[list[int]]:
    """Batches of whole dialogs for one epoch of training; every dialog stands in exactly one.

    turns, lengths: of each dialog, its turns and any measure of its length. A batch holds about ``batch_turns`` turns,
    and dialogs of like length. A function of its arguments: a resumed run gets the same batches.
    """
    generator = np.random.default_rng((seed, epoch))
    order = generator.permutation(len(turns)).tolist()
    mean = sum(turns) / max(len(turns), 1)
    pool = max(1, round(POOL_BATCHES * batch_turns / mean)) if mean else 1
    arranged: list[int] = []
    for begin in range(0, len(order), pool):
        arranged += sorted(order[begin : begin + pool], key=lambda dialog: lengths[dialog])
    batches = _cut(arranged, turns, batch_turns)
    return [batches[place] for place in generator.permutation(len(batches))]


def ordered_batches(turns: Sequence[int], lengths: Sequence[int], batch_turns: int) -> list[list[int]]:
    """Batches of whole dialogs for evaluation, always the same: shortest first, about ``batch_turns`` turns each."""
    return _cut(sorted(range(len(turns)), key=lambda dialog: lengths[dialog]), turns, batch_turns)


def _cut(dialogs: Sequence[int], turns: Sequence[int], batch_turns: int) -> list[list[int]]:
    """Cut where a batch comes nearest to ``batch_turns`` turns."""
    batches: list[list[int]] = []
    filled = 0
    for dialog in dialogs:
        if not batches or filled + turns[dialog] - batch_turns > batch_turns - filled:
            batches.append([])
            filled = 0
        batches[-1].append(dialog)
        filled += turns[dialog]
    return batches
