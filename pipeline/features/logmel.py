"""The log-mel patches VGGish hears, as AudioSet's published code computes them.

16 kHz mono; frames of 25 ms (400 samples, periodic Hann window) every 10 ms, no padding; magnitudes (not powers) of a
512-point Fourier transform; 64 bands from 125 to 7500 Hz whose triangles have straight sides on the mel scale;
log(mel + 0.01); patches of 96 frames (0.96 s) that do not overlap, an unfinished last one left out.
"""

import math

import numpy as np
import torch
import torchaudio.functional
from numpy.typing import NDArray
from torch import Tensor

from pipeline.features.resample import resample

RATE = 16000
FRAME, HOP, TRANSFORM = 400, 160, 512
BANDS, LOWEST, HIGHEST = 64, 125.0, 7500.0
LOG_OFFSET = 0.01
PATCH = 96
PIECE = 16 * PATCH
"""Frames whose spectra are held at once."""
PATCH_SECONDS = PATCH * HOP / RATE
PATCH_SAMPLES = (PATCH - 1) * HOP + FRAME
RESAMPLERS: dict[str, str] = {"resampy": "kaiser_best of resampy 0.2", "torchaudio": "torchaudio sinc_interp_hann"}
"""What the two methods of bringing sound to 16 kHz are called in a shard's attributes."""


def patch_count(samples: int) -> int:
    """Patches of so many samples at 16 kHz: whole ones, at least one of any sound, none of no sound."""
    if samples == 0:
        return 0
    frames = 1 + max(0, samples - FRAME) // HOP
    return max(1, frames // PATCH)


def resampled(sound: Tensor, rate: int, method: str) -> Tensor:
    """(samples,) float32 at ``rate`` -> (samples,) at 16 kHz, on the same device, by one of `RESAMPLERS`."""
    if rate == RATE:
        return sound
    return resample(sound, rate, RATE) if method == "resampy" else torchaudio.functional.resample(sound, rate, RATE)


def log_mel_patches(sound: Tensor) -> Tensor:
    """Sound at 16 kHz (samples,) in [-1, 1] -> (patches, 96, 64) float32.

    A sound shorter than a patch is padded with zeros to one patch. Computed in float64, as in the published code: where
    a band is nearly silent log(mel + 0.01) shows the rounding of float32.
    """
    count = patch_count(len(sound))
    if count == 0:
        return torch.empty(0, PATCH, BANDS, device=sound.device)
    if len(sound) < PATCH_SAMPLES:
        sound = torch.nn.functional.pad(sound, (0, PATCH_SAMPLES - len(sound)))
    frames = sound.unfold(0, FRAME, HOP)[: count * PATCH]
    window = torch.hann_window(FRAME, periodic=True, dtype=torch.float64, device=sound.device)
    matrix = mel_matrix().to(sound.device)
    # In pieces: a spectrum takes many times the memory of its sound.
    pieces = (frames[begin : begin + PIECE] for begin in range(0, len(frames), PIECE))
    mel = [torch.fft.rfft(piece.double() * window, TRANSFORM).abs() @ matrix for piece in pieces]
    return torch.log(torch.cat(mel) + LOG_OFFSET).view(count, PATCH, BANDS).float()


def patch_times(count: int) -> NDArray[np.float64]:
    """Centres of the patches, seconds: (patches,)."""
    return (np.arange(count, dtype=np.float64) + 0.5) * PATCH_SECONDS


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
