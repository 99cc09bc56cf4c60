"""Items made ahead of their use, in a thread of their own: reading overlaps computing."""

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

Item = TypeVar("Item")


def prefetched(items: Iterable[Item], depth: int) -> Generator[Item, None, None]:
    """The same items in the same order; up to ``depth`` >= 1 of them are made before they are asked for.

    One thread takes them all from ``items``, so that these need not be safe to use from several. What they raise is
    raised here, in its place. The thread ends with the items, or when this iterator is closed: at most the item that
    is being made is waited for.
    """
    source = iter(items)
    end = object()
    ahead: deque[Future[Item | object]] = deque()
    pool = ThreadPoolExecutor(1, "prefetch")
    try:
        ahead.extend(pool.submit(next, source, end) for _ in range(depth))
        while (item := ahead.popleft().result()) is not end:
            ahead.append(pool.submit(next, source, end))
            yield cast(Item, item)
    finally:
        pool.shutdown(cancel_futures=True)
