"""Streams: a long sound passes through in pieces of any size, and each step cuts them to the spans it needs."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor


def spans(pieces: Iterable[Tensor], count: int, size: int, step: int) -> Iterator[Tensor]:
    """Spans [i * step, i * step + size) for i < ``count`` of what ``pieces`` (n,) make one after the other.

    A span that reaches past the end is as long as there is. ``size`` is at least ``step``. All pieces are taken, also
    those behind the last span, so that whoever made them knows where it stands.
    """
    held: list[Tensor] = []
    length = done = 0
    for piece in pieces:
        if done == count:
            continue
        held.append(piece)
        length += len(piece)
        while done < count and length >= size:
            together = torch.cat(held)
            yield together[:size]
            held, length, done = [together[step:]], length - step, done + 1
    if done < count:
        together = torch.cat(held)
        for begin in range(0, (count - done) * step, step):
            yield together[begin : begin + size]


def padded(pieces: Iterable[Tensor], before: int, after: int) -> Iterator[Tensor]:
    """``pieces`` (n,) with so many zeros before and after them; nothing where there is no piece."""
    last: Tensor | None = None
    for piece in pieces:
        if last is None:
            yield piece.new_zeros(before)
        yield piece
        last = piece
    if last is not None:
        yield last.new_zeros(after)
