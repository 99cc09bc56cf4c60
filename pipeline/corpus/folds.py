"""Training videos in parts, for models that each leave one out."""

import hashlib
from collections.abc import Iterable

from pipeline.config.folds import Fold
from pipeline.corpus.dialogs import Dialog


def fold_of(video_id: str, folds: int) -> int:
    """The part of a video, 1 to ``folds``: a hash of its id, salted so that it has nothing to do with its shard."""
    digest = hashlib.sha256(f"fold {video_id}".encode()).digest()
    return 1 + int.from_bytes(digest[:8], "big") % folds


def left_out(dialogs: Iterable[Dialog], fold: Fold | None) -> list[Dialog]:
    """Dialogs of training without those about videos of ``fold``: what a model learns from."""
    return [dialog for dialog in dialogs if fold is None or not _inside(dialog, fold)]


def inside(dialogs: Iterable[Dialog], fold: Fold | None) -> list[Dialog]:
    """Those about videos of ``fold`` alone, or all: what it is to write about."""
    return [dialog for dialog in dialogs if fold is None or _inside(dialog, fold)]


def _inside(dialog: Dialog, fold: Fold) -> bool:
    return fold_of(dialog.video_id, fold.of) == fold.number
