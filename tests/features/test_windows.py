"""Windows by hand, and against indexing a whole clip at once."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.features.windows import Window, centre_times, cut_windows, in_pieces, join_windows, row_count, some, whole


@pytest.mark.parametrize(
    ("frames", "stride", "rows"),
    [(1, 16, 1), (15, 16, 1), (16, 16, 1), (31, 16, 1), (32, 16, 2), (9, 4, 2), (720, 4, 180)],
)
def test_rows(frames: int, stride: int, rows: int) -> None:
    assert row_count(frames, stride) == rows


def windows_of(frames: int, stride: int, window: int, piece: int, first: int = 0) -> list[Window]:
    """Windows of a clip whose frames are the numbers from ``first`` on."""
    clip = torch.arange(first, first + frames).view(-1, 1)
    return list(cut_windows(torch.split(clip, piece), whole(frames, stride).begins, window))


def numbers(windows: list[Window]) -> list[list[int]]:
    """The windows as a network gets them: joined, then looked up in the table."""
    frames, table = join_windows(windows)
    return [frames[list(row)].flatten().tolist() for row in table]


def cut(frames: int, window: int, stride: int, piece: int) -> list[list[int]]:
    return numbers(windows_of(frames, stride, window, piece))


def test_by_hand() -> None:
    assert cut(1, 4, 4, 8) == [[0, 0, 0, 0]]
    assert cut(3, 4, 4, 8) == [[0, 1, 2, 0]]
    assert cut(6, 4, 2, 8) == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 4, 4]]
    assert cut(7, 2, 3, 8) == [[0, 1], [3, 4]]


@pytest.mark.parametrize("piece", [1, 3, 16, 100])
@pytest.mark.parametrize(("window", "stride"), [(16, 16), (16, 4), (4, 7), (2, 1)])
def test_pieces_do_not_matter(piece: int, window: int, stride: int) -> None:
    for frames in (1, 2, 5, 16, 17, 40, 63, 64):
        expected = []
        for row in range(max(1, frames // stride)):
            first = row * stride
            expected.append([i if i < frames else first for i in range(first, first + window)])
        assert cut(frames, window, stride, piece) == expected


def test_a_long_clip_is_held_in_part() -> None:
    taken = 0

    def pieces() -> Iterator[Tensor]:
        nonlocal taken
        for begin in range(0, 10_000, 10):
            taken = begin
            yield torch.arange(begin, begin + 10)

    windows = cut_windows(pieces(), whole(10_000, 4).begins, 16)
    for _ in range(10):
        window = next(windows)
    assert window.frames[0] == window.first == 36
    assert taken <= 50
    assert window.frames.untyped_storage().nbytes() <= 8 * 40


def test_every_frame_is_joined_once() -> None:
    frames, table = join_windows(windows_of(22, 4, 8, 5))
    assert frames.flatten().tolist() == list(range(22))
    assert table == (
        (0, 1, 2, 3, 4, 5, 6, 7),
        (4, 5, 6, 7, 8, 9, 10, 11),
        (8, 9, 10, 11, 12, 13, 14, 15),
        (12, 13, 14, 15, 16, 17, 18, 19),
        (16, 17, 18, 19, 20, 21, 16, 16),
    )


def test_clips_are_joined_apart() -> None:
    """A batch that begins inside a clip and goes on with the whole of a short one and the begin of a third."""
    first, short, third = windows_of(20, 4, 8, 6), windows_of(3, 4, 8, 6, first=100), windows_of(30, 4, 8, 6, first=200)
    batch = first[2:] + short + third[:2]
    frames, _ = join_windows(batch)
    assert frames.flatten().tolist() == [*range(8, 20), 100, 101, 102, *range(200, 212)]
    assert numbers(batch) == [
        [8, 9, 10, 11, 12, 13, 14, 15],
        [12, 13, 14, 15, 16, 17, 18, 19],
        [16, 17, 18, 19, 16, 16, 16, 16],
        [100, 101, 102, 100, 100, 100, 100, 100],
        [200, 201, 202, 203, 204, 205, 206, 207],
        [204, 205, 206, 207, 208, 209, 210, 211],
    ]


def test_centres_by_hand() -> None:
    frames = np.arange(40) / 10
    np.testing.assert_allclose(centre_times(frames, 16, 16, 10), [0.8, 2.4])
    np.testing.assert_allclose(centre_times(frames, 16, 10, 10), [0.8, 1.8, 2.8, 3.5])
    np.testing.assert_allclose(centre_times(frames[:1], 16, 16, 10), [0.05])
    np.testing.assert_allclose(centre_times(np.array([0.0, 0.5, 2.0]), 2, 2, 10), [0.3])


def test_some_windows_by_hand() -> None:
    found = some(np.array([0, 2, 3]), 70, 16, 16, after=0)
    assert found.runs == (range(16), range(32, 64))
    assert found.begins == (0, 16, 32)
    flow = some(np.array([0, 2, 3]), 64, 16, 16, after=1)
    assert flow.runs == (range(17), range(32, 64))
    assert flow.begins == (0, 17, 33)
    assert some(np.array([0, 2]), 5, 1, 1, after=0).runs == (range(1), range(2, 3))


def test_runs_in_pieces() -> None:
    runs = (range(3), range(5, 12), range(20, 21))
    assert list(in_pieces(runs, 4)) == [[range(3), range(5, 6)], [range(6, 10)], [range(10, 12), range(20, 21)]]
    assert list(in_pieces(runs, 100)) == [list(runs)]


@pytest.mark.parametrize(("window", "stride", "after"), [(16, 16, 0), (16, 4, 0), (8, 12, 1), (1, 1, 0), (16, 4, 1)])
def test_some_windows_are_those_of_the_whole_clip(window: int, stride: int, after: int) -> None:
    for frames in (1, 5, 20, 70):
        every = numbers(windows_of(frames, stride, window, 7))
        for rows in (range(0, len(every), 2), range(0, len(every), 3), range(len(every))):
            cut = some(np.array(rows), frames, window, stride, after)
            read = torch.tensor([number for run in cut.runs for number in run]).view(-1, 1)
            assert numbers(list(cut_windows(read.split(5), cut.begins, window))) == [every[row] for row in rows]
