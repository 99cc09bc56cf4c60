"""Ranks of right answers among candidates; ties count against whoever has ranked."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def ranks(scores: ArrayLike, right: ArrayLike) -> NDArray[np.int64]:
    """The rank (R,) of each row's right column: 1 and as many as score at least what it does, a score of no number too.

    scores: (R, C). right: (R,) the right column of each.

    >>> ranks([[0.9, 0.1, 0.5], [0.2, 0.2, 0.1], [float("nan"), 1.0, 0.0]], [0, 1, 1])
    array([1, 2, 2])
    """
    given = np.asarray(scores, np.float64)
    own = np.take_along_axis(given, np.asarray(right, np.int64)[:, None], 1)
    # Not "less than": so that what is no number is never behind anything.
    return np.asarray((~(given < own)).sum(1), np.int64)


def mean_precisions(scores: ArrayLike, right: ArrayLike) -> list[float]:
    """Average precision of each row that has a right column: the mean, over these, of the share of right ones so far.

    scores: (R, C). right: (R, C) bool. Of equal scores wrong columns stand first.

    >>> mean_precisions([[0.9, 0.1, 0.5, 0.2], [0.3, 0.3, 0.1, 0.0]], [[True, False, False, True], [0, 1, 0, 0]])
    [0.8333333333333333, 0.5]
    """
    found = []
    for row, own in zip(np.asarray(scores, np.float64), np.asarray(right, bool), strict=True):
        if own.any():
            places = np.flatnonzero(own[np.lexsort((own, -row))]) + 1
            found.append(float((np.arange(1, len(places) + 1) / places).mean()))
    return found
