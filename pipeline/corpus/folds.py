"""Training videos in parts, for models that each leave one out."""

import hashlib


def fold_of(video_id: str, folds: int) -> int:
    """The part of a video, 1 to ``folds``: a hash of its id, salted so that it has nothing to do with its shard."""
    digest = hashlib.sha256(f"fold {video_id}".encode()).digest()
    return 1 + int.from_bytes(digest[:8], "big") % folds
