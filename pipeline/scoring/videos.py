"""Answers about one video are alike: what is drawn or exchanged to judge a score is a video with all its answers.

Legend: N items, M videos, S statistics.

>>> videos = numbered(["YEDU4", "YEDU4", "0A8CF"])
>>> videos.tolist()
[0, 0, 1]
>>> summed(np.array([[1.0], [2.0], [5.0]]), videos).tolist()
[[3.0], [5.0]]
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def numbered(video_ids: Sequence[str]) -> NDArray[np.intp]:
    """(N,) the number of each item's video, in the order in which they first stand there."""
    places: dict[str, int] = {}
    return np.array([places.setdefault(video_id, len(places)) for video_id in video_ids], dtype=np.intp)


def summed(values: NDArray[np.float64], videos: NDArray[np.intp] | None) -> NDArray[np.float64]:
    """(M, S) sums over each video's items of ``values`` (N, S); None: every item is a video of its own."""
    if videos is None:
        return values
    sums = np.zeros((videos.max() + 1, values.shape[1]))
    np.add.at(sums, videos, values)
    return sums
