"""The log-mel patches VGGish hears, as AudioSet's published code computes them.

16 kHz mono; frames of 25 ms (400 samples, periodic Hann window) every 10 ms, no padding; magnitudes (not powers) of a
512-point Fourier transform; 64 bands from 125 to 7500 Hz whose triangles have straight sides on the mel scale;
log(mel + 0.01); patches of 96 frames (0.96 s) that do not overlap, an unfinished last one left out.
"""

import math
from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
import torch
import torchaudio.functional
from numpy.typing import NDArray
from torch import Tensor

from pipeline.features import resample
from pipeline.features.spans import padded, spans

RATE = 16000
FRAME, HOP, TRANSFORM = 400, 160, 512
BANDS, LOWEST, HIGHEST = 64, 125.0, 7500.0
LOG_OFFSET = 0.01
PATCH = 96
TOGETHER = 16
"""Patches whose spectra are held at once: a spectrum takes many times the memory of its sound."""
PATCH_SECONDS = PATCH * HOP / RATE
PATCH_SAMPLES = (PATCH - 1) * HOP + FRAME
LARGEST_KERNEL = 1 << 22
"""Weights up to which torchaudio's own function resamples. Of rates with hardly a common divisor it makes far more,
nearly all of them zero (44101 Hz: 700 million): there the same filter is applied without the zeros, in float64."""
SPAN = 1 << 18
"""Samples at 16 kHz that torchaudio's function makes at once."""
RESAMPLERS: dict[str, str] = {"resampy": "kaiser_best of resampy 0.2", "torchaudio": "torchaudio sinc_interp_hann"}
"""What the two methods of bringing sound to 16 kHz are called in a shard's attributes."""


def patch_count(samples: int) -> int:
    """Patches of so many samples at 16 kHz: whole ones, at least one of any sound, none of no sound."""
    if samples == 0:
        return 0
    frames = 1 + max(0, samples - FRAME) // HOP
    return max(1, frames // PATCH)


def resampled_count(samples: int, rate: int, method: str) -> int:
    """Samples at 16 kHz of so many at ``rate``: resampy rounds down, torchaudio up."""
    return samples * RATE // rate if method == "resampy" else -(-samples * RATE // rate)


def resampled(sound: Tensor, rate: int, method: str) -> Tensor:
    """(samples,) float32 at ``rate`` -> (samples,) at 16 kHz, on the same device, by one of `RESAMPLERS`."""
    if rate == RATE or len(sound) == 0:
        return sound
    return torch.cat(list(stream_resampled([sound], len(sound), rate, method)))


def stream_resampled(pieces: Iterable[Tensor], samples: int, rate: int, method: str) -> Iterator[Tensor]:
    """The same of a sound that comes in ``pieces`` (n,), together ``samples``: pieces of what it is at 16 kHz."""
    count = resampled_count(samples, rate, method)
    if rate == RATE:
        yield from pieces
    elif method == "resampy":
        yield from resample.stream(pieces, samples, rate, RATE, resample.kaiser_best(rate, RATE), count)
    elif RATE * rate // math.gcd(rate, RATE) ** 2 <= LARGEST_KERNEL:
        yield from _by_torchaudio(pieces, samples, rate, count)
    else:
        filters = resample.sinc_hann(rate, RATE)
        outputs = resample.stream(pieces, samples, rate, RATE, filters, count)
        yield from (output.float() for output in outputs)


def _by_torchaudio(pieces: Iterable[Tensor], samples: int, rate: int, count: int) -> Iterator[Tensor]:
    """By torchaudio's own function, on spans that overlap by its filter, of which only the middle is kept."""
    divisor = math.gcd(rate, RATE)
    phases, step = RATE // divisor, rate // divisor
    rows = -(-samples // step)
    beside = resample.sinc_hann(rate, RATE).reach // step + 1
    most = max(1, SPAN // phases)
    zeros = (rows + beside + 1) * step - samples
    inputs = spans(padded(pieces, beside * step, zeros), -(-rows // most), (most + 2 * beside) * step, most * step)
    for number, span in enumerate(inputs):
        outputs = torchaudio.functional.resample(span, rate, RATE)[beside * phases :]
        yield outputs[: min(most * phases, count - number * most * phases)]


def log_mel_patches(sound: Tensor) -> Tensor:
    """Sound at 16 kHz (samples,) in [-1, 1] -> (patches, 96, 64) float32.

    A sound shorter than a patch is padded with zeros to one patch. Computed in float64, as in the published code: where
    a band is nearly silent log(mel + 0.01) shows the rounding of float32.
    """
    patches = list(stream_patches([sound], len(sound)))
    return torch.cat(patches) if patches else torch.empty(0, PATCH, BANDS, device=sound.device)


def stream_patches(pieces: Iterable[Tensor], samples: int) -> Iterator[Tensor]:
    """The same of a sound that comes in ``pieces`` (n,), together ``samples``: up to `TOGETHER` patches at a time."""
    count = patch_count(samples)
    step = TOGETHER * PATCH * HOP
    zeros = max(0, PATCH_SAMPLES - samples)
    heard = spans(padded(pieces, 0, zeros), -(-count // TOGETHER), step + FRAME - HOP, step)
    for number, span in enumerate(heard):
        patches = min(TOGETHER, count - number * TOGETHER)
        frames = span.unfold(0, FRAME, HOP)[: patches * PATCH]
        window = torch.hann_window(FRAME, periodic=True, dtype=torch.float64, device=span.device)
        mel = torch.fft.rfft(frames.double() * window, TRANSFORM).abs() @ mel_matrix().to(span.device)
        yield torch.log(mel + LOG_OFFSET).view(patches, PATCH, BANDS).float()


def patch_times(count: int) -> NDArray[np.float64]:
    """Centres of the patches, seconds: (patches,)."""
    return (np.arange(count, dtype=np.float64) + 0.5) * PATCH_SECONDS


@cache
def mel_matrix() -> Tensor:
    """Weights (257, 64) float64 of the bands; the constant component has none.

    The sides of a band are straight on the mel scale, 1127 ln(1 + f / 700). (torchaudio's filter banks are straight in
    Hz, which is not what the published network was trained on.)
    """
    bins = _mel(torch.linspace(0, RATE / 2, TRANSFORM // 2 + 1, dtype=torch.float64)).unsqueeze(1)
    lowest, highest = 1127 * math.log1p(LOWEST / 700), 1127 * math.log1p(HIGHEST / 700)
    edges = torch.linspace(lowest, highest, BANDS + 2, dtype=torch.float64)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    matrix = torch.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre)).clamp(min=0)
    matrix[0] = 0
    return matrix


def _mel(hertz: Tensor) -> Tensor:
    return 1127 * torch.log1p(hertz / 700)
