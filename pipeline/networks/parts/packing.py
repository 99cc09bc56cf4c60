"""Sequences of unequal length without their padding.

Legend: N sequences, L padded length, R real steps of all sequences, D dimensions.

Real steps stand time-major, longest sequence first: step 0 of every sequence, then step 1 of those that have one, and
so on. The sequences still running at a step are then always the first rows, so that a recurrence works on slices, and
padding is never read. A sequence of length 0 has no step at all.

>>> packing = Packing.of(torch.tensor([1, 3, 0, 2]), padded=4)
>>> packing.sizes, packing.index.tolist()  # Step 0 of sequences 1, 3, 0; step 1 of 1 and 3; step 2 of 1.
((3, 2, 1), [4, 12, 0, 5, 13, 6])
>>> values = torch.arange(16.0).view(4, 4, 1)
>>> packing.pack(values).squeeze(1).tolist()
[4.0, 12.0, 0.0, 5.0, 13.0, 6.0]
>>> packing.pad(packing.pack(values))[3].squeeze(1).tolist()
[12.0, 13.0, 0.0, 0.0]
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch import Tensor

from pipeline.tensors import sent_to

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Chunk:
    """Consecutive steps as a padded block (steps x rows) of the sequences running at the first of them.

    gather: (steps * rows,) packed positions that fill the block; padding repeats rows that are real. keep: (r,) those
    places of the flattened block that are real, in packed order.
    """

    steps: int
    rows: int
    gather: Tensor
    keep: Tensor


@dataclass(frozen=True)
class Packing:
    """Where the real steps of N padded sequences go.

    sizes: sequences running at each step, never rising; their sum is R. order: (N,) sequences, longest first. index:
    (R,) positions of the steps in the flattened (N x L) sequences. rows, padded: N and L. last: (N,) packed position
    of each sequence's last step, -1 where it has none. first: (N,) the same of its first step. reverse: (R,) for each
    step the packed position of the one as far from the other end of its sequence.
    """

    sizes: tuple[int, ...]
    rows: int
    padded: int
    order: Tensor
    index: Tensor
    first: Tensor
    last: Tensor
    reverse: Tensor

    @classmethod
    def of(cls, lengths: Tensor, padded: int, device: torch.device = CPU) -> "Packing":
        """The packing, on ``device``, of sequences of ``lengths`` (N,) on the host, padded to ``padded`` steps."""
        descending, order = torch.sort(lengths, descending=True, stable=True)
        longest = int(descending[0]) if len(lengths) else 0
        running = descending.unsqueeze(0) > torch.arange(longest).unsqueeze(1)
        step, place = running.nonzero(as_tuple=True)
        sizes = running.sum(1)
        starts = torch.cumsum(sizes, 0) - sizes
        rank = torch.empty_like(order)
        rank[order] = torch.arange(len(order))
        present = lengths > 0
        first = torch.where(present, rank, -1)
        last = torch.full_like(rank, -1)
        last[present] = starts[lengths[present] - 1] + rank[present]
        index = order[place] * padded + step
        reverse = starts[descending[place] - 1 - step] + place
        host = cls(tuple(sizes.tolist()), len(order), padded, order, index, first, last, reverse)
        return host.to(device)

    def to(self, device: torch.device) -> "Packing":
        """The same on ``device``, from the host."""
        moved = sent_to(device, self.order, self.index, self.first, self.last, self.reverse)
        return Packing(self.sizes, self.rows, self.padded, *moved)

    @property
    def slices(self) -> list[tuple[int, int]]:
        """Start and end of every step among the packed rows."""
        ends = list(accumulate(self.sizes))
        return [(end - size, end) for size, end in zip(self.sizes, ends, strict=True)]

    def chunks(self, waste: int) -> list[Chunk]:
        """All steps in blocks that hold at most ``waste`` padding steps each."""
        chunks, begin, padding = [], 0, 0
        for step in range(1, len(self.sizes) + 1):
            padding += self.sizes[begin] - self.sizes[step] if step < len(self.sizes) else 0
            if step == len(self.sizes) or padding > waste:
                chunks.append(self._chunk(begin, step))
                begin, padding = step, 0
        moved = sent_to(self.index.device, *(numbers for chunk in chunks for numbers in (chunk.gather, chunk.keep)))
        pairs = zip(moved[::2], moved[1::2], strict=True)
        return [replace(chunk, gather=gather, keep=keep) for chunk, (gather, keep) in zip(chunks, pairs, strict=True)]

    def _chunk(self, begin: int, end: int) -> Chunk:
        """The steps from ``begin`` to ``end``, on the host."""
        rows = self.sizes[begin]
        place = torch.arange(rows)
        real = place < torch.tensor(self.sizes[begin:end]).unsqueeze(1)
        starts = torch.tensor([start for start, _ in self.slices[begin:end]]).unsqueeze(1)
        gather = torch.where(real, starts + place, starts).flatten()
        keep = real.flatten().nonzero().squeeze(1)
        return Chunk(end - begin, rows, gather, keep)

    def pack(self, values: Tensor) -> Tensor:
        """Real steps (R, ...) of ``values`` (N, L, ...)."""
        return values.flatten(0, 1).index_select(0, self.index)

    def pad(self, packed: Tensor) -> Tensor:
        """Padded sequences (N, L, D) of ``packed`` (R, D), zero beyond each length."""
        flat = packed.new_zeros(self.rows * self.padded, packed.shape[1])
        return flat.index_copy(0, self.index, packed).view(self.rows, self.padded, packed.shape[1])

    def row_major(self) -> Tensor:
        """(R,) packed positions in the order sequence 0's steps, then sequence 1's ..."""
        return torch.argsort(self.index)


def pick(packed: Tensor, positions: Tensor) -> Tensor:
    """Rows (N, D) of ``packed`` (R, D) at ``positions`` (N,), zero where a position is -1."""
    rows = torch.cat((packed, packed.new_zeros(1, packed.shape[1])))
    return rows.index_select(0, positions.remainder(len(rows)))


def before(sizes: Sequence[int]) -> Tensor:
    """(R,) packed position of the step before each, on the host; of a first step itself.

    sizes: sequences that have a first step, a second ...
    """
    starts = (0, *accumulate(sizes))
    parts = [torch.arange(start, start + size) for start, size in zip((0, *starts), sizes, strict=False)]
    return torch.cat(parts)
