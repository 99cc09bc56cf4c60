"""The reduction of a network's rows, after they are computed."""

from collections.abc import Iterator

import numpy as np
import torch

from pipeline.config import Reduce
from pipeline.features.batching import Rows
from pipeline.features.reduce import reduced, reduced_times


def fewer_steps(rows: Iterator[Rows], reduction: Reduce | None) -> Iterator[Rows]:
    """``rows`` with the steps that a reduction leaves of each video; all of them without one.

    Those of a video are held together: a spectrum is that of the whole.
    """
    if reduction is None:
        yield from rows
        return
    for video_id, parts, times in rows:
        values = torch.from_numpy(np.concatenate(list(parts)))
        left = reduced(values, reduction.rate, reduction.method, reduction.norm)
        yield video_id, iter([left.numpy()]), reduced_times(times, reduction.rate, reduction.method)
