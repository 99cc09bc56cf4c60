"""What a frozen teacher says of the training turns, computed once: it says the same in every epoch.

Legend: W real target words of a batch, R those of all training turns, V vocabulary, G context vector.

Word scores take R x V values: for a thousand dialogs less than a GiB, at the paper's size several. So this is an option
(`training.cache_soft_targets`) with a bound that is refused, not crossed. The teacher passes over the turns in an order
of its own, always the same: what it says of a turn does not depend on where a training was taken up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from pipeline.dataset.batch import Batch
from pipeline.errors import UserError
from pipeline.networks.base import Decoded
from pipeline.tensors import sent_to
from pipeline.training.split import Split

MIB = 2**20


@dataclass(frozen=True)
class SoftTargets:
    """A teacher's word scores (R, V) and context vectors (R, G) of a split's turns, on the host.

    rows: of each turn (video id, turn counted from 0).
    """

    logits: Tensor
    context: Tensor
    rows: dict[tuple[str, int], range]

    @classmethod
    def of(
        cls, teach: Callable[[Batch], Decoded], split: Split, batch_turns: int, device: torch.device, most: int
    ) -> Self:
        """Those of all turns of ``split``; ``teach``: the teacher's pass, without dropout and gradient.

        most: MiB they may take; `UserError` where they take more.
        """
        rows: dict[tuple[str, int], range] = {}
        made: Self | None = None
        begin = 0
        for units in split.in_order(batch_turns):
            batch = split.read(units)
            assert batch.targets is not None
            told = teach(batch.to(device))
            if made is None:
                made = cls(*_room(told, sum(split.words), most), rows)
            end = begin + len(told.logits)
            made.logits[begin:end], made.context[begin:end] = told.logits, told.context
            for key, length in zip(batch.keys, batch.targets.lengths.tolist(), strict=True):
                rows[key] = range(begin, begin + length)
                begin += length
        assert made is not None
        return made

    def __call__(self, batch: Batch) -> Decoded:
        """What the teacher says of a batch of those turns, on the batch's device."""
        assert batch.targets is not None
        rows = torch.tensor([row for key in batch.keys for row in self.rows[key]])
        device = batch.targets.ids.device
        (logits,), (context,) = (sent_to(device, part.index_select(0, rows)) for part in (self.logits, self.context))
        return Decoded(logits, context)


def _room(told: Decoded, rows: int, most: int) -> tuple[Tensor, Tensor]:
    """Uninitialised (rows, V) and (rows, G) on the host, of the types of ``told``."""
    parts = (told.logits, told.context)
    needed = sum(rows * part.shape[1] * part.element_size() for part in parts) / MIB
    if needed > most:
        raise UserError(
            f"training.cache_soft_targets: {most} MiB, but the teacher's scores of {rows} words take {needed:.0f} MiB; "
            "raise it, or give 0 to compute them anew in every epoch"
        )
    logits, context = (part.new_empty(rows, part.shape[1], device="cpu") for part in parts)
    return logits, context
