"""PANNs CNN10: its front end against plain NumPy, its network against the published layers written one by one."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.features import panns
from pipeline.features.panns import HEARING, load_cnn10, log_mel, mel_matrix, random_cnn10


def slaney(hertz: float) -> float:
    """Slaney's mel scale: straight up to 1000 Hz, logarithmic above."""
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)


@cache
def reference_matrix() -> NDArray[np.float64]:
    """Triangles between neighbouring centres in Hz, each of area 2 / width, one band and one bin at a time."""
    steps = np.linspace(slaney(50), slaney(14000), 66)
    edges = [step * 200 / 3 if step < 15 else 1000 * 6.4 ** ((step - 15) / 27) for step in steps]
    matrix = np.zeros((513, 64))
    for band in range(64):
        lower, centre, upper = edges[band : band + 3]
        for k in range(513):
            hertz = k * 16000 / 512
            height = max(0.0, min((hertz - lower) / (centre - lower), (upper - hertz) / (upper - centre)))
            matrix[k, band] = height * 2 / (upper - lower)
    return matrix


def reference_log_mel(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    samples = np.pad(samples, (0, max(0, 1024 - len(samples))))
    mirrored = np.pad(samples, 512, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi / 1024 * np.arange(1024))
    rows = []
    for begin in range(0, len(mirrored) - 1023, 320):
        powers = np.abs(np.fft.rfft(mirrored[begin : begin + 1024] * window)) ** 2
        rows.append(10 * np.log10(np.maximum(powers @ reference_matrix(), 1e-10)))
    return np.array(rows)


def test_bands() -> None:
    np.testing.assert_allclose(mel_matrix(), reference_matrix(), atol=1e-6)


@pytest.mark.parametrize("length", [1, 700, 1024, 1343, 1344, 20000])
def test_log_mel_in_pieces(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panns, "TOGETHER", 7)
    samples = np.random.default_rng(0).normal(0, 0.1, length)
    expected = reference_log_mel(samples)
    sound = torch.from_numpy(samples).float()
    np.testing.assert_allclose(log_mel(sound), expected, atol=2e-3)
    pieces = list(HEARING.log_mel(sound.split(300), length))
    np.testing.assert_allclose(torch.cat(pieces), expected, atol=2e-3)
    assert HEARING.count(length) == len(expected)


def test_silence() -> None:
    assert HEARING.count(0) == 0
    assert (log_mel(torch.zeros(5000)) == HEARING.silence).all()


def published(state: dict[str, torch.Tensor], frames: torch.Tensor) -> torch.Tensor:
    """The published layers on (T, 64), up to the mean over frequency: (T / 16, 512)."""

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, var, weight, bias = (state[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias"))
        return (x - mean[:, None, None]) / torch.sqrt(var + 1e-5)[:, None, None] * weight[:, None, None] + bias[
            :, None, None
        ]

    x = norm(frames.T[:, :, None], "bn0").permute(2, 1, 0)
    for block in ("conv_block1", "conv_block2", "conv_block3", "conv_block4"):
        for number in (1, 2):
            x = F.conv2d(x[None], state[f"{block}.conv{number}.weight"], padding=1)[0]
            x = norm(x, f"{block}.bn{number}").clamp(min=0)
        rows, columns = x.shape[1] // 2, x.shape[2] // 2
        x = x[:, : 2 * rows, : 2 * columns].reshape(len(x), rows, 2, columns, 2).mean(dim=(2, 4))
    return x.mean(dim=2).T


@cache
def random_state() -> dict[str, torch.Tensor]:
    return random_cnn10().state_dict()


def file_of_cnn10(path: Path, **others: torch.Tensor) -> dict[str, torch.Tensor]:
    """A checkpoint as it is published: the parameters under `model`, those of front end and classifier among them."""
    generator = torch.Generator().manual_seed(0)
    state = {name: value.clone() for name, value in random_state().items()}
    for name in [name for name in state if name.endswith(("bn1.weight", "bn2.bias"))]:
        state[name] = torch.rand(state[name].shape, generator=generator)
    whole = {
        **state,
        "spectrogram_extractor.stft.conv_real.weight": torch.zeros(513, 1, 1024),
        "logmel_extractor.melW": torch.from_numpy(reference_matrix()).float(),
        "fc1.weight": torch.zeros(512, 512),
        "fc_audioset.bias": torch.zeros(527),
        **others,
    }
    torch.save({"iteration": 600000, "model": whole}, path)
    return state


def test_a_published_file(tmp_path: Path) -> None:
    path = tmp_path / "Cnn10_mAP=0.380.pth"
    state = file_of_cnn10(path)
    loaded = load_cnn10(path)
    assert loaded.label == path.name
    network = loaded.network.prepare(torch.device("cpu"))
    sounds = torch.from_numpy(np.random.default_rng(1).normal(0, 0.1, (2, 16000))).float()
    frames = torch.stack([log_mel(sound) for sound in sounds])
    with torch.inference_mode():
        found = network(frames)
    assert found.shape == (2, 51 // 16, 512)
    for row, given in zip(found, frames, strict=True):
        torch.testing.assert_close(row, published(state, given), atol=1e-4, rtol=1e-3)


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    file_of_cnn10(path, **{"logmel_extractor.melW": torch.zeros(513, 64)})
    with pytest.raises(UserError, match=r"other\.pth: logmel_extractor\.melW are not 64 bands from 50 to 14000 Hz"):
        load_cnn10(path)
    file_of_cnn10(path, **{"conv_block5.conv1.weight": torch.zeros(1)})
    with pytest.raises(UserError, match="not the weights of PANNs CNN10: unknown parameter conv_block5"):
        load_cnn10(path)


def test_rows_and_times() -> None:
    """A row is 16 frames of 10 ms, the first frame centred on second 0."""
    assert [HEARING.rows(frames) for frames in (0, 1, 15, 16, 31, 32, 1001)] == [0, 1, 1, 1, 1, 2, 62]
    np.testing.assert_allclose(HEARING.times(np.arange(40.0)), [0.075, 0.235])
    np.testing.assert_allclose(HEARING.times(np.arange(5.0)), [0.02])
    # 50 ms of sound have frames up to the one centred on its end; of 10 ms a frame is filled up with silence.
    np.testing.assert_allclose(HEARING.times(np.arange(6.0), 0.05), [0.025])
    np.testing.assert_allclose(HEARING.times(np.arange(HEARING.count(320) * 1.0), 0.01), [0.005])
    frames = torch.arange(2100.0).view(-1, 1)
    stretches = list(HEARING.stretches(frames.split(333), 2100))
    assert [len(stretch) for stretch in stretches] == [1008, 1008, 84]
    assert sum(len(stretch) // 16 for stretch in stretches) == HEARING.rows(2100)
    assert torch.equal(torch.cat(stretches), frames)
    (short,) = HEARING.stretches([torch.ones(5, 64)], 5)
    assert short.shape == (16, 64)
    assert (short[5:] == -100).all()


def test_random_weights_tell_sounds_apart() -> None:
    seconds = torch.arange(32000) / 32000
    tones = [0.3 * torch.sin(2 * torch.pi * pitch * seconds) for pitch in (300.0, 2500.0)]
    network = random_cnn10().prepare(torch.device("cpu"))
    with torch.inference_mode():
        low, high = (network(log_mel(tone)[None])[0].mean(dim=0) for tone in tones)
    assert F.cosine_similarity(low, high, dim=0) < 0.9
