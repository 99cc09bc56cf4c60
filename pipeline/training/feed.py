"""The batches of a training in their order, read a little ahead."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from pipeline.config import Training
from pipeline.dataset.batch import Batch
from pipeline.dataset.batches import deal
from pipeline.training.split import Split

A = TypeVar("A")
T = TypeVar("T")
BATCHES_AHEAD = 2


@dataclass(frozen=True)
class Step:
    """This process's part of a batch that all processes learn from together.

    units: what it reads, of those of the whole batch, and batch: read. share: its words among all words of the whole
    batch; 0 for a process that none is left for: it goes through the motions with a part of another's, so that nobody
    waits for it. words, turns, video_ids: of the whole batch. last: whether the epoch ends with it.
    """

    units: list[int]
    whole: list[int]
    batch: Batch
    share: float
    words: int
    turns: int
    video_ids: tuple[str, ...]
    last: bool


@dataclass(frozen=True)
class _Place:
    """A batch before it is read: all its units, and whether it is its epoch's last."""

    units: list[int]
    last: bool


class Feed:
    """The batches that process ``rank`` of ``world`` reads; their order depends on the seed and the epoch alone.

    pinned: in page-locked memory, which a GPU reads while it computes.
    """

    def __init__(self, split: Split, settings: Training, rank: int, world: int, pinned: bool) -> None:
        self._split, self._settings, self._rank, self._world, self._pinned = split, settings, rank, world, pinned

    def left(self, epoch: int, batch: int) -> int:
        """Batches from number ``batch`` of ``epoch`` to the end of the last epoch."""
        return sum(len(self._order(number)) for number in range(epoch, self._settings.epochs)) - batch

    def steps(self, epoch: int, batch: int) -> Generator[Step, None, None]:
        """Those batches."""
        return ahead(self._read, self._places(epoch, batch))

    def part(self, step: Step, units: Sequence[int]) -> tuple[Batch, float]:
        """Some units of a step's batch, and their words among all words of the whole batch."""
        if len(units) == len(step.units):
            return step.batch, step.share
        batch = prepared(self._split.read(units, step.whole), self._pinned)
        return batch, sum(self._split.words[unit] for unit in units) / step.words

    def _order(self, epoch: int) -> list[list[int]]:
        """The units of each batch of ``epoch``."""
        return self._split.shuffled(self._settings.batch_turns, self._settings.seed, epoch)

    def _places(self, first: int, batch: int) -> Iterator[_Place]:
        for epoch in range(first, self._settings.epochs):
            order = self._order(epoch)
            for number in range(batch if epoch == first else 0, len(order)):
                yield _Place(order[number], number == len(order) - 1)

    def _read(self, place: _Place) -> Step:
        split, units = self._split, place.units
        own = deal(units, split.words, self._world)[self._rank]
        words = sum(split.words[unit] for unit in units)
        read = own or units[:1]
        return Step(
            read,
            units,
            prepared(split.read(read, units), self._pinned),
            share=sum(split.words[unit] for unit in own) / words,
            words=words,
            turns=sum(split.turns[unit] for unit in units),
            video_ids=tuple(split.video_ids(units)),
            last=place.last,
        )


def prepared(batch: Batch, pinned: bool) -> Batch:
    """The batch for its way to the device: ``pinned``, in page-locked memory, which a GPU reads while it computes."""
    return batch.map(Tensor.pin_memory) if pinned else batch


def ahead(read: Callable[[A], T], places: Iterable[A]) -> Generator[T, None, None]:
    """``read`` of each place in order, done in a thread a little ahead, so that reading overlaps with computing."""
    with ThreadPoolExecutor(1) as thread:
        waiting: deque[Future[T]] = deque()
        for place in places:
            waiting.append(thread.submit(read, place))
            if len(waiting) > BATCHES_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
