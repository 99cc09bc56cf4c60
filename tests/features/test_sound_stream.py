"""A sound that passes through in pieces gives what it gives whole: against a plain computation in NumPy.

The product never has a sound whole; here it is, resampled by the published formulas written again, and cut into frames.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import torchaudio.functional
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.config import VGGishFeature
from pipeline.features import logmel, resample, resampling, sound, vggish
from pipeline.features.checkpoints import Loaded
from pipeline.features.sound import SoundExtractor
from pipeline.features.spans import padded, spans
from pipeline.media.decoded import DecodedShard

RATES = (8000, 11025, 16000, 22050, 32000, 37800, 44100, 47999, 48000, 96000)
SECONDS = {"none": 0.0, "short": 0.31, "patch": 0.9751, "long": 2.9053}


class Heard(nn.Module):
    """In place of the network: its rows are the patches."""

    def prepare(self, device: torch.device) -> "Heard":
        return self

    def forward(self, patches: Tensor) -> Tensor:
        return patches.flatten(1)


def clip(rate: int, seconds: float) -> NDArray[np.float32]:
    """A sweep over noise, louder than full scale at its end, silent in the middle."""
    count = int(rate * seconds)
    t = np.arange(count) / rate
    wave = 0.4 * np.sin(2 * np.pi * (200 + 300 * t) * t) + np.random.default_rng(count).normal(0, 0.02, count)
    wave[count // 3 : count // 2] = 0
    wave[-count // 20 :] *= 3
    return wave.astype(np.float32)


def resampy(x: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """resampy 0.2's loop with kaiser_best, all outputs at once, one tap of its two wings after the other."""
    ratio = 16000 / rate
    scale = min(1.0, ratio)
    half = 64 * 512
    table = np.kaiser(2 * half + 1, 14.769656459379492)[half:] * 0.9475937167399596
    table *= np.sinc(0.9475937167399596 * np.linspace(0, 64, half + 1)) * scale
    slope = np.append(np.diff(table), 0)
    step = int(scale * 512)
    times = np.cumsum(np.append(0.0, np.full(int(len(x) * ratio), 1 / ratio)))[:-1]
    nearest = times.astype(int)
    behind = scale * (times - nearest)
    total = np.zeros(len(times))
    for distance, first, direction in ((behind, nearest, -1), (scale - behind, nearest + 1, 1)):
        entry = (distance * 512).astype(int)
        part = distance * 512 - entry
        for tap in range(half // step + 1):
            place, at = first + direction * tap, entry + tap * step
            there = (at + step <= len(table)) & (place >= 0) & (place < len(x))
            at, place = np.where(there, at, 0), np.where(there, place, 0)
            total += np.where(there, x[place] * (table[at] + part * slope[at]), 0)
    return total


def patches_of(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """AudioSet's front end on a whole sound at 16 kHz: (patches, 96 x 64)."""
    if len(x) == 0:
        return np.zeros((0, 96 * 64))
    x = np.pad(x, (0, max(0, 15600 - len(x))))
    frames = np.lib.stride_tricks.sliding_window_view(x, 400)[::160]
    frames = frames[: len(frames) // 96 * 96]
    spectrum = np.abs(np.fft.rfft(frames * (0.5 - 0.5 * np.cos(2 * np.pi / 400 * np.arange(400))), 512))
    mel = 1127 * np.log1p(np.arange(257) * 8000 / 256 / 700)
    edges = np.linspace(1127 * np.log1p(125 / 700), 1127 * np.log1p(7500 / 700), 66)
    rising = (mel[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - mel[:, None]) / np.diff(edges)[1:]
    return np.log(spectrum @ np.maximum(0, np.minimum(rising, falling)) + 0.01).reshape(-1, 96 * 64)


def expected(samples: NDArray[np.float32], rate: int, method: str) -> NDArray[np.float64]:
    heard = samples.clip(-1, 1)
    if rate == 16000 or len(heard) == 0:
        return patches_of(heard.astype(np.float64))
    if method == "resampy":
        return patches_of(resampy(heard.astype(np.float64), rate))
    whole = torchaudio.functional.resample(torch.from_numpy(heard), rate, 16000)
    return patches_of(whole.numpy().astype(np.float64))


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "decoded.h5"
    with h5py.File(path, "w") as file:
        file.attrs["media"] = "{}"
        for rate in RATES:
            for name, seconds in SECONDS.items():
                group = file.create_group(f"{rate} {name}")
                group["sound"] = clip(rate, seconds)
                group.attrs["rate"] = rate
    return path


def rows(path: Path, method: str) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    extractor = SoundExtractor(VGGishFeature(network="vggish", resampler=method, batch=5), torch.device("cpu"))
    extractor.dims = 96 * 64
    with DecodedShard(path) as opened:
        return {name: (np.concatenate(list(parts)), times) for name, parts, times in extractor.rows(opened)}


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vggish, "load_vggish", lambda weights: Loaded(Heard(), "none", ""))


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("method", ["resampy", "torchaudio"])
def test_in_pieces_as_whole(shard: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans so short that every clip has many borders, of every kind, in its resampling and among its patches."""
    whole = rows(shard, method)
    monkeypatch.setattr(sound, "PIECE", 4999)
    monkeypatch.setattr(resample, "BLOCKS", 37)
    monkeypatch.setattr(resample, "MOST", 20000)
    monkeypatch.setattr(resampling, "SPAN", 7000)
    monkeypatch.setattr(logmel, "TOGETHER", 1)
    found = rows(shard, method)
    assert found.keys() == whole.keys()
    for name, (values, times) in found.items():
        rate, length = int(name.split()[0]), name.split()[1]
        if method == "resampy" or rate != 47999:  # of which torchaudio itself would make 6 GB of weights
            np.testing.assert_allclose(values, expected(clip(rate, SECONDS[length]), rate, method), atol=3e-4)
        np.testing.assert_allclose(values, whole[name][0], atol=3e-4 if method == "torchaudio" else 1e-6)
        # Of a sound that is shorter than a patch the middle, but for what is not a whole sample.
        middles = [SECONDS["short"] / 2] if length == "short" else 0.96 * np.arange(len(values)) + 0.48
        np.testing.assert_allclose(times, middles, atol=1e-4 if length == "short" else 0)
        assert len(times) == {"none": 0, "short": 1, "patch": 1, "long": 3}[length]


@pytest.mark.usefixtures("heard")
def test_cut_as_it_comes_nothing_changes(shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is computed together hangs on the sound alone, so that how it is read changes no bit."""
    first = rows(shard, "resampy")
    monkeypatch.setattr(sound, "PIECE", 1000)
    for name, (values, _) in rows(shard, "resampy").items():
        np.testing.assert_array_equal(values, first[name][0])


@pytest.mark.parametrize("rate", [8000, 44056, 48000])
def test_torchaudio_s_filter_without_its_zeros(rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates with hardly a common divisor go another way, which gives the same to rounding."""
    samples = torch.from_numpy(clip(rate, 0.5))
    expected = torchaudio.functional.resample(samples, rate, 16000)
    monkeypatch.setattr(resampling, "LARGEST_KERNEL", 0)
    torch.testing.assert_close(resampling.resampled(samples, rate, 16000, "torchaudio"), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 3, 7])
@pytest.mark.parametrize(("size", "step"), [(1, 1), (5, 5), (7, 3), (40, 2)])
@pytest.mark.parametrize("pieces", [[], [1], [3, 0, 4, 9, 1], [30], [2] * 11])
def test_spans(count: int, size: int, step: int, pieces: list[int]) -> None:
    stream = torch.arange(sum(pieces))
    taken = iter(stream.split(pieces))
    count = count if pieces else 0
    found = list(spans(taken, count, size, step))
    assert [span.tolist() for span in found] == [stream[i * step :][:size].tolist() for i in range(count)]
    assert list(taken) == []
    zeros = torch.cat(list(padded(stream.split(pieces), 2, 3))).tolist() if pieces else []
    assert zeros == ([0, 0, *stream.tolist(), 0, 0, 0] if pieces else [])
