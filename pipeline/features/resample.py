"""Sound brought to another rate as the published VGGish front end has it: resampy 0.2's `kaiser_best`.

Band-limited interpolation (Smith, "Digital Audio Resampling"): an output is the sum of the inputs around its time,
each weighted by a windowed sinc that is read from a table by linear interpolation. resampy steps through the table by a
whole number of entries, which makes the filter of most rates a little wider than the theory's; this is kept, since it
moves log-mel values of real sound by some hundredths.
"""

import math
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

ZEROS, PRECISION = 64, 512
"""Zero crossings of the sinc on either side, and table entries between two of them."""
BETA, ROLLOFF = 14.769656459379492, 0.9475937167399596
TOGETHER, BLOCKS = 32, 4096
"""Neighbouring outputs, and blocks of them, computed by one product."""


def resample(sound: Tensor, rate: int, new_rate: int) -> Tensor:
    """(samples,) at ``rate`` Hz -> (floor(samples x new_rate / rate),) float64 at ``new_rate``, on the same device."""
    count = len(sound) * new_rate // rate
    divisor = math.gcd(rate, new_rate)
    phases, step = new_rate // divisor, rate // divisor
    weights, late, reach = filters(rate, new_rate)
    repeats = -(-TOGETHER // phases)
    period, stride = phases * repeats, step * repeats
    blocks = -(-count // period)
    padded = F.pad(sound, (reach, reach + stride * (blocks + 1)))
    result = padded.new_empty(blocks, period, dtype=torch.float64)
    for first in range(0, period, TOGETHER):
        last = min(first + TOGETHER, period)
        begins = [output * step // phases for output in range(first, last)]
        kernel = weights.new_zeros(begins[-1] - begins[0] + weights.shape[1], last - first)
        for column, origin in enumerate(begins):
            row = origin - begins[0]
            kernel[row : row + weights.shape[1], column] = weights[(first + column) % phases]
        kernel = kernel.to(sound.device)
        windows = padded[begins[0] :].unfold(0, len(kernel), stride)[:blocks]
        # A product copies its windows: in slices, so that a long sound costs little more memory than itself.
        for begin in range(0, blocks, BLOCKS):
            result[begin : begin + BLOCKS, first:last] = windows[begin : begin + BLOCKS].double() @ kernel
    result = result.flatten()[:count]
    chosen = late_outputs(count, rate, new_rate).to(sound.device)
    windows = padded.unfold(0, weights.shape[1], step)[chosen // phases]
    return result.index_copy(0, chosen, windows.double() @ late.to(sound.device))


@lru_cache(maxsize=8)
def filters(rate: int, new_rate: int) -> tuple[Tensor, Tensor, int]:
    """Weights (phases, 2 x reach) float64, those of a late output (2 x reach,), and reach.

    An output at time t, in input samples, is the sum of inputs floor(t) - reach to floor(t) + reach - 1, weighted.
    Times repeat after new_rate / gcd outputs: the phases. For late outputs see `late_outputs`.
    """
    ratio = new_rate / rate
    scale = min(1.0, ratio)
    table = sinc_table() * scale
    slope = np.append(np.diff(table), 0)
    step = int(scale * PRECISION)
    divisor = math.gcd(rate, new_rate)
    phases = new_rate // divisor
    reach = len(table) // step + 2
    weights = np.zeros((phases + 1, 2 * reach))
    for phase, row in enumerate(weights):
        late = phase == phases
        at = reach - 1 if late else reach
        behind = scale if late else scale * (phase * (rate // divisor) % phases) / phases
        left, right = _wing(table, slope, step, behind), _wing(table, slope, step, scale - behind)
        row[at - len(left) + 1 : at + 1] = left[::-1]
        row[at + 1 : at + 1 + len(right)] = right
    return torch.from_numpy(weights[:-1]), torch.from_numpy(weights[-1]), reach


def late_outputs(count: int, rate: int, new_rate: int) -> Tensor:
    """Outputs whose time is a whole input sample, but just below it when summed up in floating point as resampy does.

    The sample before then counts as the nearest one on the left, at distance 1: by the rounded step through the table
    that is another filter than the one at distance 0.
    """
    divisor = math.gcd(rate, new_rate)
    phases, step = new_rate // divisor, rate // divisor
    increments = np.full(max(count, 1), 1 / (new_rate / rate))
    increments[0] = 0
    whole = np.arange(0, count, phases)
    times = np.cumsum(increments)[whole]
    return torch.from_numpy(whole[times < whole // phases * step])


def _wing(table: NDArray[np.float64], slope: NDArray[np.float64], step: int, distance: float) -> NDArray[np.float64]:
    """Weights of the inputs on one side, nearest first; ``distance`` to the nearest, in units of zero crossings."""
    place = distance * PRECISION
    offset = int(place)
    entries = offset + step * np.arange((len(table) - offset) // step)
    wing: NDArray[np.float64] = table[entries] + (place - offset) * slope[entries]
    return wing


def sinc_table() -> NDArray[np.float64]:
    """One half of the windowed sinc: (ZEROS x PRECISION + 1,)."""
    half = ZEROS * PRECISION
    taper = np.kaiser(2 * half + 1, BETA)[half:]
    windowed: NDArray[np.float64] = taper * ROLLOFF * np.sinc(ROLLOFF * np.linspace(0, ZEROS, half + 1))
    return windowed
