"""A batch that the device's memory does not hold is computed in halves."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

import torch

from pipeline.errors import UserError
from pipeline.progress import log

T = TypeVar("T")
R = TypeVar("R")


class Halving:
    """Computes batches in as many parts as the device's memory asks for; what once had to be halved stays so.

    title: whose batches they are, for the log. setting: what makes them smaller. divisible: False where a batch cannot
    be computed anew, since other processes take part in it.
    """

    def __init__(self, title: str, setting: str, divisible: bool = True) -> None:
        self._title, self._setting, self._divisible = title, setting, divisible
        self._parts = 1

    def __call__(self, items: Sequence[T], compute: Callable[[list[Sequence[T]]], R]) -> R:
        """``compute`` of the parts of ``items``, from the beginning with twice as many when memory runs out.

        Raises `UserError` when there is no room even for one item.
        """
        while True:
            parts = _cut(items, self._parts)
            try:
                return compute(parts)
            except torch.OutOfMemoryError as error:
                reason = str(error).partition(". ")[0]
            # Out here the error is gone, and with it what its traceback kept on the device.
            if len(parts) == len(items) or not self._divisible:
                raise UserError(
                    f"{self._title}: the device has no memory for a batch of {len(parts[0])} ({reason}); "
                    f"lower {self._setting}, or give device: cpu"
                )
            self._parts = 2 * len(parts)
            torch.cuda.empty_cache()
            log(f"{self._title}: the device has no memory for {len(parts[0])} at once: halved from here on ({reason})")


def _cut(items: Sequence[T], parts: int) -> list[Sequence[T]]:
    """``items`` in at most ``parts`` parts of nearly the same length, in order, none of them empty."""
    count = min(parts, len(items))
    ends = [len(items) * part // count for part in range(count + 1)]
    return [items[begin:end] for begin, end in pairwise(ends)]
