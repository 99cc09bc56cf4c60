"""Batches that cross videos give every video its own rows, in order."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.features import batching
from pipeline.features.batching import Coming, Source, by_video, compute_in_batches


@pytest.mark.parametrize("late", [0, 1], ids=["at once", "a video late, as from a GPU"])
def test_rows_return_to_their_videos(late: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Coming, "late", late)
    sizes = {"a": 3, "b": 0, "c": 1, "d": 7, "e": 0}
    batches: list[int] = []

    def videos() -> Iterator[Source[Tensor]]:
        for number, (video_id, count) in enumerate(sizes.items()):
            yield video_id, count, (torch.full((2, 2), 10.0 * number + row) for row in range(count))

    def compute(batch: Sequence[Tensor]) -> Tensor:
        batches.append(len(batch))
        return torch.stack([torch.stack([item[0, 0], -item[1, 1]]) for item in batch])

    found = dict(compute_in_batches(videos(), 4, 2, compute))
    assert list(found) == list(sizes)
    assert batches == [4, 4, 3]
    for number, (video_id, count) in enumerate(sizes.items()):
        expected = [[10.0 * number + row, -(10.0 * number + row)] for row in range(count)]
        assert found[video_id].shape == (count, 2)
        assert found[video_id].tolist() == expected


def test_wide_rows_come_in_smaller_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps: 5 of 3 values each, 4 bytes a value, of which 24 bytes are held, come two at a time."""
    monkeypatch.setattr(batching, "PART_BYTES", 24)
    found = list(
        compute_in_batches([("a", 5, list(torch.arange(5.0).view(5, 1)))], 1, 3, lambda batch: batch[0].expand(1, 3))
    )
    assert [values[:, 2].tolist() for _, values in found] == [[0.0, 1.0], [2.0, 3.0], [4.0]]


def test_shapes_are_not_mixed() -> None:
    shapes: list[torch.Size] = []

    def compute(batch: Sequence[Tensor]) -> Tensor:
        together = torch.stack(list(batch))
        shapes.append(together.shape)
        return together.sum(1, keepdim=True)

    videos: list[Source[Tensor]] = [("a", 2, [torch.ones(3)] * 2), ("b", 3, [torch.ones(5)] * 3)]
    found = dict(compute_in_batches(videos, 4, 1, compute))
    assert shapes == [(2, 3), (3, 5)]
    assert found["a"].flatten().tolist() == [3, 3]
    assert found["b"].flatten().tolist() == [5, 5, 5]


def test_videos_come_out_before_the_shard_is_read() -> None:
    read: list[str] = []

    def videos() -> Iterator[Source[Tensor]]:
        for video_id in "abcdef":
            read.append(video_id)
            yield video_id, 4, [torch.ones(1)] * 4

    first = next(compute_in_batches(videos(), 4, 1, lambda batch: torch.stack(list(batch))))
    assert first[0] == "a"
    assert read == ["a"]


@pytest.mark.parametrize("size", [1, 3, 4, 7, 50])
@pytest.mark.parametrize("part", [1, 4, 5, 20])
def test_a_long_video_comes_in_parts(size: int, part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, nothing lost at the borders, and no more held than a part and a batch."""
    monkeypatch.setattr(batching, "PART", part)
    sizes = {"a": 2, "b": 23, "c": 0, "d": 10, "e": 1}
    computed = 0

    def videos() -> Iterator[Source[Tensor]]:
        for number, (video_id, count) in enumerate(sizes.items()):
            yield video_id, count, (torch.tensor([100.0 * number + row]) for row in range(count))

    def compute(batch: Sequence[Tensor]) -> Tensor:
        nonlocal computed
        computed += len(batch)
        return torch.stack(list(batch))

    taken = 0
    found: dict[str, list[float]] = {}
    for video_id, parts in by_video(compute_in_batches(videos(), size, 1, compute)):
        found[video_id] = []
        for values in parts:
            assert computed - taken < part + size
            taken += len(values)
            found[video_id] += values[:, 0].tolist()
            assert values.shape == (len(values), 1)
    assert list(found) == list(sizes)
    for number, (video_id, count) in enumerate(sizes.items()):
        np.testing.assert_array_equal(found[video_id], 100.0 * number + np.arange(count))
