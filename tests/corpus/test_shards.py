"""Shards: one video in one shard, whichever way they are asked for."""

from pathlib import Path

from pipeline.corpus.shards import by_shard, in_shard, shard_name


def test_by_shard_is_in_shard_for_every_shard() -> None:
    ids = {f"V{i}": Path(f"V{i}.mp4") for i in range(50)}
    found = by_shard(ids, 7)
    assert list(found) == sorted(found)
    assert sum(len(paths) for paths in found.values()) == 50
    for shard in range(7):
        assert found.get(shard_name(shard), []) == list(in_shard(ids, shard, 7).values())
