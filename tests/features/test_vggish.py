"""VGGish: parameter names, TensorFlow's order of values, quantisation, and what random weights still tell."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pipeline.errors import UserError
from pipeline.features.logmel import log_mel_patches
from pipeline.features.vggish import VGGish, load_quantiser, load_vggish, random_vggish

NAMES = [f"features.{n}" for n in (0, 3, 6, 8, 11, 13)] + [f"embeddings.{n}" for n in (0, 2, 4)]


@pytest.fixture(scope="module")
def network() -> VGGish:
    return random_vggish().prepare(torch.device("cpu"))


def test_names_are_torchvggishs(network: VGGish) -> None:
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert set(shapes) == {f"{name}.{kind}" for name in NAMES for kind in ("weight", "bias")}
    assert shapes["features.0.weight"] == (64, 1, 3, 3)
    assert shapes["features.13.weight"] == (512, 512, 3, 3)
    assert shapes["embeddings.0.weight"] == (4096, 12288)
    assert shapes["embeddings.4.weight"] == (128, 4096)


def test_forward_by_hand(network: VGGish) -> None:
    """Layer by layer with functions; the maps are flattened with channels last, as TensorFlow does."""
    state = network.state_dict()
    patches = torch.randn(2, 96, 64)
    x = patches.unsqueeze(1)
    for name, pooled in zip(NAMES[:6], (True, True, False, True, False, True), strict=True):
        x = F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1).relu()
        if pooled:
            x = F.max_pool2d(x, 2)
    assert x.shape == (2, 512, 6, 4)
    y = torch.tensor(np.moveaxis(x.numpy(), 1, 3).reshape(2, -1))
    for name in NAMES[6:]:
        y = y @ state[f"{name}.weight"].T + state[f"{name}.bias"]
        if name != NAMES[-1]:
            y = y.relu()
    found = network(patches)
    assert (found < 0).any()  # before the last ReLU
    torch.testing.assert_close(found, y, rtol=1e-3, atol=1e-3)


def test_random_weights_are_seeded_and_labelled(network: VGGish) -> None:
    again = load_vggish("random")
    assert "random" in again.label
    assert again.sha256 == ""
    for name, value in again.network.state_dict().items():
        assert torch.equal(value, network.state_dict()[name])


def test_random_weights_tell_sounds_apart(network: VGGish) -> None:
    """Two takes of one kind of sound lie closer than any two kinds; no sound drowns the others."""
    seconds = torch.arange(16000) / 16000
    generator = torch.Generator().manual_seed(7)

    def tone(pitch: float, loudness: float) -> torch.Tensor:
        return loudness * torch.sin(2 * torch.pi * pitch * seconds + pitch)

    def sweep(loudness: float) -> torch.Tensor:
        return loudness * torch.sin(2 * torch.pi * (300 * seconds + 900 * seconds**2))

    takes = {
        "silence": (torch.zeros(16000), torch.zeros(16000)),
        "low": (tone(300, 0.30), tone(303, 0.25)),
        "high": (tone(2500, 0.30), tone(2510, 0.25)),
        "noise": tuple(0.1 * torch.randn(16000, generator=generator) for _ in (0, 1)),
        "sweep": (sweep(0.3), sweep(0.25)),
    }
    with torch.inference_mode():
        vectors = torch.stack([network(log_mel_patches(sound))[0] for pair in takes.values() for sound in pair])
    assert vectors.abs().max() < 10
    assert 0.3 < vectors.std() < 3
    distances = torch.cdist(vectors, vectors)
    for kind in range(len(takes)):
        own = distances[2 * kind, 2 * kind + 1]
        others = torch.cat([distances[2 * kind, : 2 * kind], distances[2 * kind, 2 * kind + 2 :]])
        assert own < 0.8 * others.min()
    similarity = F.cosine_similarity(vectors[::2, None], vectors[None, ::2], dim=2)
    assert similarity[~torch.eye(len(takes), dtype=torch.bool)].max() < 0.8


def test_a_file_is_read_back(network: VGGish, tmp_path: Path) -> None:
    path = tmp_path / "vggish-10086976.pth"
    torch.save({**network.state_dict(), "pproc.pca_means": torch.zeros(128)}, path)
    loaded = load_vggish(path)
    assert loaded.label == path.name
    assert len(loaded.sha256) == 64
    patches = torch.randn(1, 96, 64)
    with torch.inference_mode():
        torch.testing.assert_close(loaded.network(patches), network(patches))


def test_quantiser_against_audiosets_steps(shared: Path) -> None:
    path = shared / "weights" / "vggish_pca_params.npz"
    parameters = np.load(path)
    embeddings = np.random.default_rng(0).normal(0, 1, (5, 128))
    whitened = np.dot(parameters["pca_eigen_vectors"], embeddings.T - parameters["pca_means"].reshape(-1, 1)).T
    expected = ((np.clip(whitened, -2.0, 2.0) + 2.0) * (255.0 / 4.0)).astype(np.uint8)
    found = load_quantiser(path)(torch.from_numpy(embeddings).float()).numpy()
    # A value on the edge between two numbers may fall on either side in single precision.
    assert np.abs(found - expected).max() <= 1
    assert (found == expected).mean() > 0.99
    assert len(np.unique(expected)) > 20


def test_a_wrong_quantiser_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", means=np.zeros(128))
    with pytest.raises(UserError, match=r"other\.npz: expected arrays pca_eigen_vectors and pca_means"):
        load_quantiser(tmp_path / "other.npz")
    with pytest.raises(UserError, match="no such file"):
        load_quantiser(tmp_path / "none.npz")
