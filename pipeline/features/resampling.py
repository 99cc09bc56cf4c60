"""Sound brought to the rate that a network hears, by one of two published methods, whole or in pieces."""

import math
from collections.abc import Iterable, Iterator

import torch
import torchaudio.functional
from torch import Tensor

from pipeline.features import resample
from pipeline.features.spans import padded, spans

LARGEST_KERNEL = 1 << 22
"""Weights up to which torchaudio's own function resamples. Of rates with hardly a common divisor it makes far more,
nearly all of them zero (44101 to 16000 Hz: 700 million): there the same filter is applied without them, in float64."""
SPAN = 1 << 18
"""Samples that torchaudio's function makes at once."""
RESAMPLERS: dict[str, str] = {"resampy": "kaiser_best of resampy 0.2", "torchaudio": "torchaudio sinc_interp_hann"}
"""What the two methods are called in a shard's attributes."""


def resampled_count(samples: int, rate: int, new_rate: int, method: str) -> int:
    """Samples at ``new_rate`` Hz of so many at ``rate``: resampy rounds down, torchaudio up."""
    return samples * new_rate // rate if method == "resampy" else -(-samples * new_rate // rate)


def resampled(sound: Tensor, rate: int, new_rate: int, method: str) -> Tensor:
    """(samples,) float32 at ``rate`` -> (samples,) at ``new_rate`` Hz, on the same device, by one of `RESAMPLERS`."""
    if rate == new_rate or len(sound) == 0:
        return sound
    return torch.cat(list(stream_resampled([sound], len(sound), rate, new_rate, method)))


def stream_resampled(pieces: Iterable[Tensor], samples: int, rate: int, new_rate: int, method: str) -> Iterator[Tensor]:
    """The same of a sound that comes in ``pieces`` (n,), together ``samples``: pieces of what it is at ``new_rate``."""
    count = resampled_count(samples, rate, new_rate, method)
    if rate == new_rate:
        yield from pieces
    elif method == "resampy":
        yield from resample.stream(pieces, samples, rate, new_rate, resample.kaiser_best(rate, new_rate), count)
    elif new_rate * rate // math.gcd(rate, new_rate) ** 2 <= LARGEST_KERNEL:
        yield from _by_torchaudio(pieces, samples, rate, new_rate, count)
    else:
        filters = resample.sinc_hann(rate, new_rate)
        outputs = resample.stream(pieces, samples, rate, new_rate, filters, count)
        yield from (output.float() for output in outputs)


def _by_torchaudio(pieces: Iterable[Tensor], samples: int, rate: int, new_rate: int, count: int) -> Iterator[Tensor]:
    """By torchaudio's own function, on spans that overlap by its filter, of which only the middle is kept."""
    divisor = math.gcd(rate, new_rate)
    phases, step = new_rate // divisor, rate // divisor
    rows = -(-samples // step)
    beside = resample.sinc_hann(rate, new_rate).reach // step + 1
    most = max(1, SPAN // phases)
    zeros = (rows + beside + 1) * step - samples
    inputs = spans(padded(pieces, beside * step, zeros), -(-rows // most), (most + 2 * beside) * step, most * step)
    for number, span in enumerate(inputs):
        outputs = torchaudio.functional.resample(span, rate, new_rate)[beside * phases :]
        yield outputs[: min(most * phases, count - number * most * phases)]
