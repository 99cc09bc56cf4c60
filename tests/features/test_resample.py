"""Resampling against resampy 0.2.2's own outputs, and against its formula by brute force.

data/resampy_0.2.2.npz holds `resampy.resample(sound(rate), rate, 16000)` (float64 in, stored as float32) by rate.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.features.logmel import log_mel_patches
from pipeline.features.resample import late_outputs, resample, sinc_table

STORED = Path(__file__).parent / "data" / "resampy_0.2.2.npz"


def sound(rate: int) -> NDArray[np.float64]:
    """A quarter of a second: a tone, a sweep up to 0.2 of the rate, a square wave."""
    t = np.arange(rate // 4) / rate
    x = 0.4 * np.sin(2 * np.pi * 440 * t) + 0.3 * np.sin(2 * np.pi * (100 + 0.4 * rate * t) * t)
    return (x + 0.1 * np.sign(np.sin(2 * np.pi * 90 * t))).astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("rate", [44100, 48000, 32000, 22050, 11025, 8000])
def test_equals_resampy(rate: int) -> None:
    expected = np.load(STORED)[str(rate)]
    found = resample(torch.from_numpy(sound(rate)), rate, 16000)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-7)
    stored = log_mel_patches(torch.from_numpy(expected))
    np.testing.assert_allclose(log_mel_patches(found), stored, atol=1e-4)


@pytest.mark.parametrize(("rate", "new_rate"), [(7, 5), (5, 7), (12, 4), (44101, 16000)])
def test_any_ratio_by_brute_force(rate: int, new_rate: int) -> None:
    """resampy's loop: outputs one after the other, time summed up, both wings of the filter from its table."""
    x = np.random.default_rng(0).normal(size=300)
    ratio = new_rate / rate
    scale = min(1.0, ratio)
    table = sinc_table() * scale
    slope = np.append(np.diff(table), 0)
    step = int(scale * 512)
    expected, time = [], 0.0
    for _ in range(int(len(x) * ratio)):
        nearest = int(time)
        total, distance = 0.0, scale * (time - nearest)
        for first, direction in ((nearest, -1), (nearest + 1, 1)):
            entry, place = int(distance * 512), first
            while entry + step <= len(table) and 0 <= place < len(x):
                total += x[place] * (table[entry] + (distance * 512 - int(distance * 512)) * slope[entry])
                entry, place = entry + step, place + direction
            distance = scale - distance
        expected.append(total)
        time += 1 / ratio
    np.testing.assert_allclose(resample(torch.from_numpy(x), rate, new_rate), expected, atol=1e-9)


def test_some_outputs_are_late_and_that_is_tested() -> None:
    assert len(late_outputs(0, len(np.load(STORED)["44100"]), 0.0, 44100, 16000)[0]) > 0
    assert len(late_outputs(0, 4000, 0.0, 48000, 16000)[0]) == 0


@pytest.mark.parametrize("samples", [0, 1, 2, 3])
def test_hardly_any_sound(samples: int) -> None:
    found = resample(torch.ones(samples), 44100, 16000)
    assert found.shape == (samples * 16000 // 44100,)
    assert found.isfinite().all()
