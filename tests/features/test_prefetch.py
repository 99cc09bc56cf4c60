"""Items made ahead: order, errors, how far ahead, and that no thread is left."""

import threading
import time
from collections.abc import Iterator

import pytest

from pipeline.errors import UserError
from pipeline.features.prefetch import prefetched


def threads() -> int:
    return sum(thread.name.startswith("prefetch") for thread in threading.enumerate())


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    assert threads() == 0
    yield
    assert threads() == 0


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 3, 20])
def test_order(count: int, depth: int) -> None:
    assert list(prefetched(range(count), depth)) == list(range(count))


def test_items_are_made_by_one_other_thread() -> None:
    makers = list(prefetched((threading.get_ident() for _ in range(10)), 3))
    assert len(set(makers)) == 1
    assert makers[0] != threading.get_ident()


def test_none_and_empty_items_are_items() -> None:
    assert list(prefetched([None, (), None], 1)) == [None, (), None]


@pytest.mark.parametrize("error", [UserError("shard.h5: no frames"), KeyError("it")])
def test_errors_come_in_their_place(error: Exception) -> None:
    def failing() -> Iterator[int]:
        yield from (1, 2, 3)
        raise error

    items = prefetched(failing(), 2)
    assert [next(items) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(type(error)) as caught:
        next(items)
    assert caught.value is error
    assert next(items, "end") == "end"


def test_only_so_many_are_made_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            made.append(item)
            yield item

    ahead = prefetched(items(), 3)
    for taken in range(5):
        assert next(ahead) == taken
        deadline = time.monotonic() + 60
        while len(made) < taken + 4 and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.01)
        assert len(made) == taken + 4
    ahead.close()
    assert len(made) == 8


def test_stopping_early_waits_for_the_item_at_work_alone() -> None:
    started, go = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 0
        started.set()
        go.wait(60)
        yield 1
        raise AssertionError("made after the end")

    ahead = prefetched(items(), 4)
    assert next(ahead) == 0
    assert started.wait(60)
    threading.Timer(0.05, go.set).start()
    ahead.close()
    assert go.is_set()


def test_a_reader_that_is_dropped_stops() -> None:
    def first(items: Iterator[int]) -> int:
        return next(items)

    assert first(prefetched(range(100), 2)) == 0


def test_the_next_item_is_made_while_one_is_used() -> None:
    making = [threading.Event() for _ in range(5)]

    def items() -> Iterator[int]:
        for item, event in enumerate(making):
            event.set()
            yield item

    for item in prefetched(items(), 1):
        assert item == 4 or making[item + 1].wait(60)
