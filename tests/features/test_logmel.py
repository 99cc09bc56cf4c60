"""The log-mel front end against AudioSet's published formulas, written again in plain NumPy."""

import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.features.logmel import (
    HEARING,
    PATCH_SAMPLES,
    log_mel_patches,
    mel_matrix,
    patch_count,
)
from pipeline.features.resampling import resampled


def reference_mel_matrix() -> NDArray[np.float64]:
    """Triangles with straight sides on the mel scale, one band and one bin at a time."""

    def mel(hertz: float) -> float:
        return float(1127.0 * np.log(1.0 + hertz / 700.0))

    edges = np.linspace(mel(125), mel(7500), 64 + 2)
    matrix = np.zeros((257, 64))
    for band in range(64):
        lower, centre, upper = edges[band : band + 3]
        for k in range(1, 257):
            at = mel(k * 8000 / 256)
            matrix[k, band] = max(0.0, min((at - lower) / (centre - lower), (upper - at) / (upper - centre)))
    return matrix


def reference_patches(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frame by frame: periodic Hann window, magnitudes of a 512-point transform, bands, logarithm."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi / 400 * np.arange(400))
    matrix = reference_mel_matrix()
    rows = []
    begin = 0
    while begin + 400 <= len(samples):
        spectrum = np.abs(np.fft.rfft(samples[begin : begin + 400] * window, 512))
        rows.append(np.log(spectrum @ matrix + 0.01))
        begin += 160
    count = len(rows) // 96
    return np.array(rows[: count * 96]).reshape(count, 96, 64)


def read_wave(path: Path) -> NDArray[np.float64]:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def test_mel_matrix() -> None:
    np.testing.assert_allclose(mel_matrix(), reference_mel_matrix(), atol=1e-6)


def test_real_sound(shared: Path) -> None:
    samples = read_wave(shared / "data" / "reference" / "vggish_test.wav")
    expected = reference_patches(samples)
    found = log_mel_patches(torch.from_numpy(samples).float())
    assert found.shape == expected.shape == (4, 96, 64)
    assert np.abs(expected - expected.mean()).max() > 1
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("length", [15599, 15600, 16000, 30959, 30960, 50000])
def test_made_sound(length: int) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, length)
    expected = reference_patches(samples if length >= 15600 else np.pad(samples, (0, 15600 - length)))
    found = log_mel_patches(torch.from_numpy(samples).float())
    assert found.shape == expected.shape
    assert len(found) == patch_count(length)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_short_and_no_sound() -> None:
    assert PATCH_SAMPLES == 15600
    assert log_mel_patches(torch.zeros(0)).shape == (0, 96, 64)
    short = log_mel_patches(torch.ones(50))
    assert short.shape == (1, 96, 64)
    assert short[0, 0].max() > short[0, 50].max()
    np.testing.assert_allclose(short[0, 1:], np.log(0.01), atol=1e-6)


def test_times() -> None:
    np.testing.assert_allclose(HEARING.times(np.arange(3.0 * 96)), [0.48, 1.44, 2.40])
    assert HEARING.times(np.zeros(0)).shape == (0,)
    # Sounds of 0.2 s, which silence fills up to a patch; of a patch and a bit; and of 2.95 s, three patches.
    np.testing.assert_allclose(HEARING.times(np.arange(96.0), 0.2), [0.1])
    np.testing.assert_allclose(HEARING.times(np.arange(96.0), 0.976), [0.48])
    np.testing.assert_allclose(HEARING.times(np.arange(3.0 * 96), 2.95), [0.48, 1.44, 2.40])


@pytest.mark.parametrize("method", ["resampy", "torchaudio"])
@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_resampling_keeps_a_tone(rate: int, method: str) -> None:
    tone = torch.sin(2 * torch.pi * 440 * torch.arange(rate) / rate)
    found = resampled(tone, rate, 16000, method)
    assert len(found) == 16000
    expected = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    np.testing.assert_allclose(found[200:-200], expected[200:-200], atol=5e-3)


def test_equal_rate_changes_nothing() -> None:
    tone = torch.rand(100)
    assert resampled(tone, 16000, 16000, "resampy") is tone
