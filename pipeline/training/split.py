"""Dialogs of a split as batches of whole dialogs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from pipeline.dataset.batch import Batch
from pipeline.dataset.batches import epoch_batches, ordered_batches
from pipeline.dataset.dialogs import DialogDataset


@dataclass(frozen=True)
class Split:
    """Training or validation dialogs. turns, lengths: turns and longest answer of each dialog, for batching."""

    dataset: DialogDataset
    turns: tuple[int, ...]
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, dataset: DialogDataset) -> Self:
        """All dialogs of ``dataset``."""
        turns = tuple(len(dialog.turns) for dialog in dataset.dialogs)
        longest = (max(len(turn.answer.split()) for turn in dialog.turns) for dialog in dataset.dialogs)
        return cls(dataset, turns, tuple(longest))

    def shuffled(self, batch_turns: int, seed: int, epoch: int) -> list[list[int]]:
        """Dialogs of each batch of an epoch of training."""
        return epoch_batches(self.turns, self.lengths, batch_turns, seed, epoch)

    def in_order(self, batch_turns: int) -> list[list[int]]:
        """Dialogs of each batch of a validation."""
        return ordered_batches(self.turns, self.lengths, batch_turns)

    def read(self, dialogs: Sequence[int]) -> Batch:
        """All turns of ``dialogs`` with their targets."""
        return self.dataset.batch([(dialog, None) for dialog in dialogs])
