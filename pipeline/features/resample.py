"""Sound brought to another rate as the published VGGish front end has it: resampy 0.2's `kaiser_best`.

Band-limited interpolation (Smith, "Digital Audio Resampling"): an output is the sum of the inputs around its time,
each weighted by a windowed sinc that is read from a table by linear interpolation. resampy steps through the table by a
whole number of entries, which makes the filter of most rates a little wider than the theory's; this is kept, since it
moves log-mel values of real sound by some hundredths.

A sound passes through in spans that overlap by the filter, so that its length costs no memory.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.features.spans import padded, spans

ZEROS, PRECISION = 64, 512
"""Zero crossings of the sinc on either side, and table entries between two of them."""
BETA, ROLLOFF = 14.769656459379492, 0.9475937167399596
HANN_ZEROS, HANN_ROLLOFF = 6, 0.99
"""torchaudio's: zero crossings on either side, and where the filter ends."""
TOGETHER, BLOCKS = 32, 4096
"""Neighbouring outputs, and blocks of them, computed by one product."""
MOST = 1 << 22
"""Outputs made of one span: rates with hardly a common divisor have blocks of up to a second."""


@dataclass(frozen=True)
class Filters:
    """Weights of the inputs around an output, float64.

    An output at time t, in input samples, is the sum of inputs floor(t) - reach to floor(t) + reach - 1, weighted.
    Times repeat after new_rate / gcd outputs: the phases. ``weights`` (phases, 2 x reach); ``late`` (2 x reach,), of
    the outputs `late_outputs` knows, None where there are none.
    """

    weights: Tensor
    late: Tensor | None

    @property
    def reach(self) -> int:
        """Inputs on either side."""
        return self.weights.shape[1] // 2


def resample(sound: Tensor, rate: int, new_rate: int) -> Tensor:
    """(samples,) at ``rate`` Hz -> (floor(samples x new_rate / rate),) float64 at ``new_rate``, on the same device."""
    count = len(sound) * new_rate // rate
    outputs = list(stream([sound], len(sound), rate, new_rate, kaiser_best(rate, new_rate), count))
    return torch.cat(outputs) if outputs else sound.new_empty(0, dtype=torch.float64)


def stream(
    pieces: Iterable[Tensor], samples: int, rate: int, new_rate: int, filters: Filters, count: int
) -> Iterator[Tensor]:
    """``pieces`` (n,) of a sound at ``rate`` Hz -> pieces of its first ``count`` samples at ``new_rate``, float64.

    ``pieces`` hold together ``samples``. Which outputs are computed by one product depends on ``count`` alone, so the
    result does not depend on how the sound was cut.
    """
    divisor = math.gcd(rate, new_rate)
    phases, step = new_rate // divisor, rate // divisor
    repeats = -(-TOGETHER // phases)
    period, stride = phases * repeats, step * repeats
    blocks = -(-count // period)
    most = max(1, min(BLOCKS, MOST // period))
    reach = filters.reach
    zeros = max(0, blocks * stride - samples) + reach
    inputs = spans(padded(pieces, reach, zeros), -(-blocks // most), most * stride + 2 * reach, most * stride)
    time = 0.0
    for number, span in enumerate(inputs):
        begin = number * most * period
        outputs = _outputs(span, filters.weights, period, stride, min(most, blocks - number * most))[: count - begin]
        if filters.late is not None:
            chosen, time = late_outputs(begin, len(outputs), time, rate, new_rate)
            windows = span.unfold(0, 2 * reach, step)[(chosen // phases).to(span.device)]
            outputs.index_copy_(0, chosen.to(span.device), windows.double() @ filters.late.to(span.device))
        yield outputs


def _outputs(span: Tensor, weights: Tensor, period: int, stride: int, blocks: int) -> Tensor:
    """``blocks`` x ``period`` outputs, for ``stride`` inputs each, of a span that begins reach inputs before them."""
    width = weights.shape[1]
    result = span.new_empty(blocks, period, dtype=torch.float64)
    for first in range(0, period, TOGETHER):
        begins = [output * stride // period for output in range(first, min(first + TOGETHER, period))]
        kernel = weights.new_zeros(begins[-1] - begins[0] + width, len(begins))
        for column, origin in enumerate(begins):
            row = origin - begins[0]
            kernel[row : row + width, column] = weights[(first + column) % len(weights)]
        windows = span[begins[0] :].unfold(0, len(kernel), stride)[:blocks]
        result[:, first : first + len(begins)] = windows.double() @ kernel.to(span.device)
    return result.flatten()


@lru_cache(maxsize=4)
def kaiser_best(rate: int, new_rate: int) -> Filters:
    """The filter of this name in resampy 0.2. Sound has floor(samples x new_rate / rate) outputs."""
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
    return Filters(torch.from_numpy(weights[:-1]), torch.from_numpy(weights[-1]))


@lru_cache(maxsize=4)
def sinc_hann(rate: int, new_rate: int) -> Filters:
    """The default filter of torchaudio, `sinc_interp_hann`. Sound has ceil(samples x new_rate / rate) outputs."""
    divisor = math.gcd(rate, new_rate)
    phases, step = new_rate // divisor, rate // divisor
    base = min(phases, step) * HANN_ROLLOFF
    reach = math.ceil(HANN_ZEROS * step / base) + 1
    outputs = torch.arange(phases).unsqueeze(1)
    inputs = outputs * step // phases + torch.arange(-reach, reach)
    # In float32 and in torchaudio's order of steps: where there are many phases, its rounding of times shows.
    zeros = ((inputs / step - outputs / phases) * base).clamp(-HANN_ZEROS, HANN_ZEROS)
    window = torch.cos(zeros * math.pi / HANN_ZEROS / 2).square()
    angle = zeros * math.pi
    weights = torch.where(angle == 0, 1, angle.sin() / angle) * (window * (base / step))
    return Filters(weights.double(), None)


def late_outputs(begin: int, count: int, time: float, rate: int, new_rate: int) -> tuple[Tensor, float]:
    """Outputs whose time is a whole input sample, but just below it when summed up in floating point as resampy does.

    The sample before then counts as the nearest one on the left, at distance 1: by the rounded step through the table
    that is another filter than the one at distance 0. Looks at ``count`` outputs from ``begin`` on, a multiple of the
    phases, whose time summed up so far is ``time`` (0.0 at the beginning); gives their places, counted from ``begin``,
    and the time of the output after them.
    """
    divisor = math.gcd(rate, new_rate)
    phases, step = new_rate // divisor, rate // divisor
    increments = np.full(count + 1, 1 / (new_rate / rate))
    increments[0] = time
    times = np.cumsum(increments)
    whole = np.arange(0, count, phases)
    late = times[whole] < (begin + whole) // phases * step
    return torch.from_numpy(whole[late]), float(times[-1])


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
