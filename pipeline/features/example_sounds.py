"""Sounds that random networks are scaled on: others give nearly the same vector for every sound."""

import torch
from torch import Tensor

from pipeline.features.checkpoints import RANDOM_SEED


def example_sounds(rate: int, samples: int) -> list[Tensor]:
    """Silence, tones, sweeps, beats and noise of several pitches and loudnesses: 33 of (samples,) at ``rate`` Hz."""
    generator = torch.Generator().manual_seed(RANDOM_SEED)
    seconds = torch.arange(samples) / rate
    sounds = [torch.zeros(samples)]
    for pitch in torch.logspace(2.3, 3.7, 8).tolist():
        tone = torch.sin(2 * torch.pi * pitch * seconds)
        sweep = torch.sin(2 * torch.pi * pitch * seconds * (0.5 + seconds))
        beats = tone * (torch.sin(2 * torch.pi * 4 * seconds) > 0)
        noise = torch.randn(samples, generator=generator) * (pitch / 5000)
        loudness = float(torch.rand(1, generator=generator)) * 0.5 + 0.02
        sounds += [loudness * tone, loudness * sweep, loudness * beats, 0.3 * noise]
    return sounds
