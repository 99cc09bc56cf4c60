"""YAMNet from its TensorFlow Lite file, against what TensorFlow Lite's own interpreter gives."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.features import yamnet
from pipeline.features.logmel import mel_matrix
from pipeline.features.tflite import read_layers
from pipeline.features.yamnet import HEARING, YAMNet, load_yamnet

FILE = "lite-model_yamnet_classification_tflite_1.tflite"
SECONDS = np.arange(15600) / 16000
SIGNALS: dict[str, NDArray[np.float64]] = {
    "tone": 0.5 * np.sin(2 * np.pi * 440 * SECONDS),
    "noise": 0.1 * np.random.default_rng(0).normal(size=15600),
    "clicks": (np.arange(15600) % 1600 < 20) * 0.8,
    "silence": np.zeros(15600),
}
INTERPRETED = {
    "tone": {495: 0.996, 133: 0.012},
    "noise": {509: 0.738, 507: 0.586, 514: 0.5, 282: 0.262, 287: 0.262},
    "clicks": {132: 0.586, 153: 0.5, 147: 0.332, 133: 0.262, 154: 0.109},
    "silence": {494: 0.801, 498: 0.008},
}
"""Scores of the best classes by Google's interpreter (ai-edge-litert 2.1), which computes in int8."""


@pytest.fixture(scope="module")
def path(shared: Path) -> Path:
    return shared / "weights" / FILE


@pytest.fixture(scope="module")
def network(path: Path) -> YAMNet:
    return load_yamnet(path).network.prepare(torch.device("cpu"))


def test_layers_of_the_file(path: Path) -> None:
    layers = read_layers(path)
    assert [layer.kind for layer in layers] == ["dense", *["convolution", "depthwise"] * 13, "convolution", "dense"]
    np.testing.assert_allclose(layers[0].weights, mel_matrix().T, atol=1e-4)
    np.testing.assert_allclose(layers[0].bias, 0.001)
    assert layers[1].weights.shape == (32, 3, 3, 1)
    assert layers[2].weights.shape == (1, 3, 3, 32)
    # int8 weights of an own scale for each channel: the largest of each is the largest that int8 has, or near it.
    steps = np.abs(layers[-2].weights).reshape(1024, -1)
    smallest = np.array([np.diff(np.unique(row)).min() for row in steps])
    assert np.median(steps.max(axis=1) / smallest) == pytest.approx(127, abs=1)


@pytest.mark.parametrize("name", SIGNALS)
def test_scores_are_the_interpreter_s(network: YAMNet, name: str) -> None:
    frames = torch.cat(list(HEARING.log_mel([torch.from_numpy(SIGNALS[name]).float()], 15600)))
    assert frames.shape == (96, 64)
    with torch.inference_mode():
        embeddings = network(frames[None])
        scores = network.scores(embeddings)[0]
    assert embeddings.shape == (1, 1024)
    wanted = INTERPRETED[name]
    assert int(scores.argmax()) == max(wanted, key=wanted.__getitem__)
    for number, score in wanted.items():
        assert float(scores[number]) == pytest.approx(score, abs=0.05)
    others = torch.ones(521, dtype=torch.bool)
    others[list(wanted)] = False
    assert scores[others].max() < min(wanted.values()) + 0.05


def test_patches_every_half_of_their_length() -> None:
    assert [HEARING.count(samples) for samples in (0, 100, 15600, 15760, 16000 * 3)] == [0, 96, 96, 97, 298]
    assert [HEARING.rows(frames) for frames in (0, 96, 143, 144, 298)] == [0, 1, 1, 2, 5]
    np.testing.assert_allclose(HEARING.times(np.arange(298.0)), [0.48, 0.96, 1.44, 1.92, 2.40])


def test_other_files_are_refused(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tflite"
    with pytest.raises(UserError, match=r"other\.tflite: no such weights file"):
        read_layers(other)
    other.write_bytes(b"PK\3\4 something else")
    with pytest.raises(UserError, match="not a TensorFlow Lite model"):
        read_layers(other)
    other.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match="a TensorFlow Lite model that cannot be read"):
        read_layers(other)


@pytest.mark.parametrize("added", [0.0, -1.0, 0.0009, 0.01])
def test_a_network_that_hears_otherwise_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch, added: float) -> None:
    # Of log(mel + 0.001) no file may have another number, less or more.
    mel, *others = read_layers(path)
    changed = [replace(mel, bias=np.full_like(mel.bias, added)), *others]
    monkeypatch.setattr(yamnet, "read_layers", lambda _: changed)
    with pytest.raises(UserError, match="not YAMNet: its first layer is not the 64 mel bands"):
        load_yamnet(path)
