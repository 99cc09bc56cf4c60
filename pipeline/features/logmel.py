"""The log-mel patches VGGish hears, as AudioSet's published code computes them.

16 kHz mono; frames of 25 ms (400 samples, periodic Hann window) every 10 ms, no padding; magnitudes (not powers) of a
512-point Fourier transform; 64 bands from 125 to 7500 Hz whose triangles have straight sides on the mel scale;
log(mel + 0.01); patches of 96 frames (0.96 s) that do not overlap, an unfinished last one left out.
"""

import math
from collections.abc import Iterable, Iterator
from functools import cache

import torch
from torch import Tensor

from pipeline.features.hearing import Hearing
from pipeline.features.spans import padded, spans

RATE = 16000
FRAME, HOP, TRANSFORM = 400, 160, 512
BANDS, LOWEST, HIGHEST = 64, 125.0, 7500.0
LOG_OFFSET = 0.01
PATCH = 96
TOGETHER = 16
"""Patches whose spectra are held at once: a spectrum takes many times the memory of its sound."""
PATCH_SAMPLES = (PATCH - 1) * HOP + FRAME


def patch_count(samples: int) -> int:
    """Patches of so many samples at 16 kHz: whole ones, at least one of any sound, none of no sound."""
    if samples == 0:
        return 0
    frames = 1 + max(0, samples - FRAME) // HOP
    return max(1, frames // PATCH)


def whole_frames(samples: int) -> int:
    """Frames of so many samples at 16 kHz, those of a patch of any sound, none of no sound."""
    return 1 + (max(samples, PATCH_SAMPLES) - FRAME) // HOP if samples else 0


def log_mel_patches(sound: Tensor) -> Tensor:
    """Sound at 16 kHz (samples,) in [-1, 1] -> (patches, 96, 64) float32.

    A sound shorter than a patch is padded with zeros to one patch. Computed in float64, as in the published code: where
    a band is nearly silent log(mel + 0.01) shows the rounding of float32.
    """
    frames = list(HEARING.log_mel([sound], len(sound)))
    return (torch.cat(frames) if frames else torch.empty(0, BANDS, device=sound.device)).view(-1, PATCH, BANDS)


def stream_log_mel(pieces: Iterable[Tensor], samples: int, frames: int, offset: float) -> Iterator[Tensor]:
    """log(mel + ``offset``) of the first ``frames`` frames of a sound that comes in ``pieces`` (n,): (n, 64) at a time.

    ``pieces`` are together ``samples``; silence follows up to a patch.
    """
    most = TOGETHER * PATCH
    zeros = max(0, PATCH_SAMPLES - samples)
    heard = spans(padded(pieces, 0, zeros), -(-frames // most), most * HOP + FRAME - HOP, most * HOP)
    for number, span in enumerate(heard):
        cut = span.unfold(0, FRAME, HOP)[: min(most, frames - number * most)]
        window = torch.hann_window(FRAME, periodic=True, dtype=torch.float64, device=span.device)
        mel = torch.fft.rfft(cut.double() * window, TRANSFORM).abs() @ mel_matrix().to(span.device)
        yield torch.log(mel + offset).float()


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


def _frame_count(samples: int) -> int:
    return patch_count(samples) * PATCH


def _log_mel(pieces: Iterable[Tensor], samples: int) -> Iterator[Tensor]:
    return stream_log_mel(pieces, samples, _frame_count(samples), LOG_OFFSET)


HEARING = Hearing(RATE, _frame_count, _log_mel, math.log(LOG_OFFSET), 0.5, PATCH, PATCH, 1)
