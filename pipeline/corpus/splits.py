"""Which videos of training are held out, or left out."""

import hashlib
from collections.abc import Iterable


def held_out(video_ids: Iterable[str], share: float) -> set[str]:
    """The ``share`` of some ids that becomes validation, or a test set, where none is given."""
    return lowest(video_ids, share, "holdout")


def lowest(video_ids: Iterable[str], share: float, salt: str) -> set[str]:
    """The ``share`` of some ids, one at least, with the lowest hashes: the order of a file does not matter.

    Salted, so that no shard of features is preferred.
    """
    ids = set(video_ids)
    return set(first(ids, max(1, round(share * len(ids))), salt))


def first(video_ids: Iterable[str], count: int, salt: str) -> list[str]:
    """At most ``count`` different ids, those with the lowest hashes."""
    ids = sorted(set(video_ids), key=lambda video_id: hashlib.sha256(f"{salt} {video_id}".encode()).digest())
    return ids[:count]
