"""The reduction of what a network is given, or gives, to a fraction of its time steps (a front end of extraction).

Values have time as their first dimension: (N, ...) becomes (M, ...) with M = ceil(rate N), differentiably. Methods:
`downsample` keeps the steps floor(m / rate); `spectral` crops the spectrum along time (spectral pooling, SimPF: Liu et
al., 2022); `mean` and `max` pool as many bins of equal length, which share a step where N / M is not whole.
"""

import math
from fractions import Fraction
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Method = Literal["downsample", "spectral", "mean", "max"]
Norm = Literal["mean", "ortho"]


def reduced_count(count: int, rate: float) -> int:
    """Steps that are left of ``count``: ceil(rate x count), the rate taken as the decimal it is written as."""
    return math.ceil(_exact(rate) * count)


def kept_steps(count: int, rate: float) -> NDArray[np.int64]:
    """Steps that `downsample` keeps: floor(m / rate) for m = 0 .. ceil(rate x count) - 1, all below ``count``."""
    exact = _exact(rate)
    return np.array([math.floor(m / exact) for m in range(reduced_count(count, rate))], np.int64)


def reduced(values: Tensor, rate: float, method: Method, norm: Norm = "mean") -> Tensor:
    """(N, ...) float -> (ceil(rate N), ...); a rate of 1 gives the same values. ``norm`` is that of `spectral`."""
    if reduced_count(len(values), rate) == len(values):
        return values
    if method == "downsample":
        return values[torch.from_numpy(kept_steps(len(values), rate)).to(values.device)]
    if method == "spectral":
        return spectral_pool(values, rate, norm)
    return _bins_pooled(values, rate, method)


def spectral_pool(values: Tensor, rate: float, norm: Norm = "mean") -> Tensor:
    """Low temporal frequencies of (N, ...) alone, on a grid of M = ceil(rate N) steps.

    The first floor(M / 2) + 1 bins of the Fourier transform along time, of the last one of an even M the real part, are
    transformed back. That is the centre of the two-dimensional spectrum, cropped along time (the crop leaves the other
    dimension as it is). ``norm`` `mean` scales by M / N, which keeps a constant; `ortho` is a pair of orthonormal
    transforms, which makes a constant sqrt(N / M) times as large.
    """
    before, after = len(values), reduced_count(len(values), rate)
    if before == after:
        return values
    spectrum = torch.fft.rfft(values, dim=0)[: after // 2 + 1]
    if after % 2 == 0:
        spectrum = torch.cat([spectrum[:-1], torch.complex(spectrum[-1:].real, torch.zeros_like(spectrum[-1:].real))])
    scale = after / before if norm == "mean" else math.sqrt(after / before)
    pooled: Tensor = torch.fft.irfft(spectrum, n=after, dim=0) * scale
    return pooled


def positions(count: int, rate: float, method: Method) -> NDArray[np.float64]:
    """Where each step that is left lies among the ``count`` there were: (ceil(rate x count),), from 0 to count - 1.

    Of a bin the middle; of `spectral`, whose steps are samples of the smoothed course, where the sample is taken.
    """
    left = reduced_count(count, rate)
    if left == count or method == "downsample":
        return kept_steps(count, rate).astype(np.float64)
    steps = np.arange(left)
    if method == "spectral":
        return np.asarray(steps * (count / left), np.float64)
    first, last = steps * count // left, -(-(steps + 1) * count // left) - 1
    return np.asarray((first + last) / 2, np.float64)


def reduced_times(times: NDArray[np.float64], rate: float, method: Method) -> NDArray[np.float64]:
    """Seconds (N,) of the steps -> (ceil(rate N),) seconds of those that are left."""
    if len(times) == 0:
        return times
    return np.interp(positions(len(times), rate, method), np.arange(len(times)), times)


def _bins_pooled(values: Tensor, rate: float, method: Method) -> Tensor:
    """Bins floor(m N / M) to ceil((m + 1) N / M): PyTorch's adaptive pooling."""
    left = reduced_count(len(values), rate)
    rows = values.flatten(1).T.unsqueeze(0) if values.dim() > 1 else values.view(1, 1, -1)
    pooled = (F.adaptive_avg_pool1d if method == "mean" else F.adaptive_max_pool1d)(rows, left)
    return pooled[0].T.reshape(left, *values.shape[1:])


def _exact(rate: float) -> Fraction:
    """0.6 is 6 / 10: as a binary fraction, 0.6 x 5 could be a little more than 3, and 3 / 0.6 a little less than 5."""
    return Fraction(str(rate))
