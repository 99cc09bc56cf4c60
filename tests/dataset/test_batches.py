"""Batches of whole dialogs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset.batches import deal, epoch_batches, ordered_batches


@given(st.lists(st.integers(1, 12), max_size=60), st.integers(1, 64), st.integers(0, 5), st.integers(0, 5))
def test_each_dialog_once_and_batches_near_the_size(turns: list[int], size: int, seed: int, epoch: int) -> None:
    lengths = [7 * turn % 5 for turn in turns]
    for batches in (epoch_batches(turns, lengths, size, seed, epoch), ordered_batches(turns, lengths, size)):
        assert sorted(dialog for batch in batches for dialog in batch) == list(range(len(turns)))
        for batch in batches:
            total = sum(turns[dialog] for dialog in batch)
            # Without its last dialog a batch is nearer to the size from below than it is from above with it.
            assert len(batch) == 1 or total - size <= size - (total - turns[batch[-1]])


def test_ten_turn_dialogs() -> None:
    assert [len(batch) for batch in ordered_batches([10] * 20, [1] * 20, 64)] == [6, 6, 6, 2]
    # 70 turns are nearer to 66 than 60 are, and no farther from 65.
    assert [len(batch) for batch in ordered_batches([10] * 20, [1] * 20, 66)] == [7, 7, 6]
    assert [len(batch) for batch in ordered_batches([10] * 20, [1] * 20, 65)] == [7, 7, 6]
    assert ordered_batches([1, 1, 1], [3, 1, 2], 2) == [[1, 2], [0]]


def test_function_of_seed_and_epoch_and_new_each_epoch() -> None:
    turns, lengths = [10] * 100, list(range(100))
    first = epoch_batches(turns, lengths, 30, 1, 0)
    assert first == epoch_batches(turns, lengths, 30, 1, 0)
    assert first != epoch_batches(turns, lengths, 30, 1, 1)
    assert first != epoch_batches(turns, lengths, 30, 2, 0)


def test_dialogs_of_a_batch_are_of_like_length() -> None:
    lengths = list(range(1000))
    batches = epoch_batches([10] * 1000, lengths, 50, 1, 0)
    spread = [max(lengths[d] for d in batch) - min(lengths[d] for d in batch) for batch in batches]
    # Five out of a thousand at random lie 667 apart in the mean; five neighbours out of a pool of a hundred, 40.
    assert sum(spread) / len(spread) == pytest.approx(40, abs=20)
    means = [sum(lengths[d] for d in batch) / len(batch) for batch in batches]
    assert means != sorted(means)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(1, 6))
def test_each_unit_is_dealt_out_once_and_loads_are_alike(costs: list[int], processes: int) -> None:
    units = list(range(len(costs)))[::2]
    dealt = deal(units, costs, processes)
    assert len(dealt) == processes
    assert sorted(unit for own in dealt for unit in own) == units
    assert all(own == sorted(own) for own in dealt)
    loads = [sum(costs[unit] for unit in own) for own in dealt]
    # What was dealt out last went to the least loaded.
    assert max(loads) - min(loads) <= max(costs[unit] for unit in units)


def test_one_process_takes_all_in_order_and_fewer_units_leave_some_without() -> None:
    assert deal([3, 0, 2], [1, 1, 9, 4], 1) == [[3, 0, 2]]
    assert deal([3, 0, 2], [1, 1, 9, 4], 2) == [[2], [3, 0]]
    assert deal([1], [5, 5], 3) == [[1], [], []]
