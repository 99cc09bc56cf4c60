"""Features of a dialog's videos, padded for a batch."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.progress import log
from pipeline.tensors import FeatureSequences


class KnowsVideos(Protocol):
    """Anything that has something for some videos."""

    def __contains__(self, video_id: str, /) -> bool:
        """Whether it has this video's."""


class Store(KnowsVideos, Protocol):
    """What is needed of a `FeatureStore`."""

    dims: int

    def read(self, video_id: str) -> NDArray[np.float32]:
        """The video's steps (steps, dims)."""


class FeatureReader:
    """One feature of many videos. A video that the store does not have has no step.

    What was read is kept up to ``cache_bytes`` and never given up again: epochs read every video once, in ever new
    order, and a cache that made room for the latest would lose most before its next use.
    """

    def __init__(self, store: Store, cache_bytes: int) -> None:
        self._store = store
        self._kept: dict[str, NDArray[np.float32]] = {}
        self._room = cache_bytes

    def read(self, video_id: str) -> NDArray[np.float32]:
        """The video's steps (steps, dims)."""
        kept = self._kept.get(video_id)
        if kept is not None:
            return kept
        if video_id not in self._store:
            return np.zeros((0, self._store.dims), np.float32)
        values = self._store.read(video_id)
        if values.nbytes <= self._room:
            self._kept[video_id] = values
            self._room -= values.nbytes
        return values

    def batch(self, video_ids: Sequence[str]) -> FeatureSequences:
        """The videos' steps (B, L, D), at least one padded step long."""
        found = [self.read(video_id) for video_id in video_ids]
        longest = max([len(values) for values in found] + [1])
        padded = np.zeros((len(found), longest, self._store.dims), np.float32)
        for row, values in enumerate(found):
            padded[row, : len(values)] = values
        return FeatureSequences(torch.from_numpy(padded), torch.tensor([len(values) for values in found]))


def missing(feature: str, store: Store, video_ids: Sequence[str], most: float) -> list[str]:
    """Those of ``video_ids`` that the store lacks, with a warning; more than the share ``most`` is a `UserError`."""
    return lacking(
        store,
        video_ids,
        most,
        said=(f"feature {feature}: ", " are not in its shards"),
        mend="extract or import them",
        otherwise="dialogs about them go without it",
    )


def lacking(
    known: KnowsVideos, video_ids: Sequence[str], most: float, *, said: tuple[str, str], mend: str, otherwise: str
) -> list[str]:
    """Those of ``video_ids`` that are not ``known``, with a warning; more than the share ``most`` is a `UserError`.

    said: what stands before and behind "1 of 9 videos". mend: what to do about the error; otherwise: what comes of it.
    """
    lost = [video_id for video_id in video_ids if video_id not in known]
    more = ", ..." if len(lost) > 3 else ""
    found = f"{said[0]}{len(lost)} of {len(video_ids)} videos{said[1]} ({', '.join(lost[:3])}{more})"
    if len(lost) > most * len(video_ids):
        raise UserError(f"{found}, at most {most:.0%} may be missing; {mend}")
    if lost:
        log(f"warning: {found}; {otherwise}")
    return lost
