"""Reduced features of a shard: the network is given less, and gets right what it is given."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from pipeline.config import Config, Feature
from pipeline.config.dependence import feature_values
from pipeline.features import frame_networks, logmel, sound_networks, vggish
from pipeline.features.checkpoints import Loaded
from pipeline.features.extract import extract_shard
from pipeline.features.reduce import kept_steps, reduced
from pipeline.features.seconds import read_seconds
from pipeline.features.store import FeatureStore

FRAMES = {"one": 1, "short": 9, "long": 75}
SAMPLES = {"one": 0, "short": 5000, "long": 16000 * 5}
RATE, FPS = 0.4, 10.0
ADAPTER: TypeAdapter[Feature] = TypeAdapter(Feature)


@pytest.fixture(scope="module")
def decoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("decoded") / "0003.h5"
    generator = np.random.default_rng(0)
    attributes = {"media": "{}", "conversion": "none", "stage_version": 1, "ffmpeg_version": "7", "av_version": "1"}
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
        for name, count in FRAMES.items():
            group = file.create_group(name)
            group.attrs.update({"fps": FPS, "rate": 16000})
            group["frames"] = generator.integers(0, 256, (count, 40, 48, 3), np.uint8)
            group["times"] = np.arange(count) / FPS
            group["sound"] = generator.normal(0, 0.1, SAMPLES[name]).astype(np.float32)
    return path


def extract(feature: dict[str, Any], decoded: Path, folder: Path, reduce: dict[str, Any] | None = None) -> FeatureStore:
    made = ADAPTER.validate_python({"dtype": "float32", **feature, "reduce": reduce})
    extract_shard(
        "it", made, decoded, folder / "it" / "0003.h5", resources=folder, device="cpu", seconds=folder / "it.tsv"
    )
    return FeatureStore(folder / "it")


IMAGE = {"network": "image", "architecture": "shufflenet_v2_x0_5", "weights": "random", "input_size": 32}
I3D = {"network": "i3d_rgb", "weights": "random", "input_size": 32}
FLOW = {**I3D, "network": "i3d_flow", "flow": {"method": "dis", "bound": 5}}


@pytest.mark.parametrize(
    "feature",
    [IMAGE, {**I3D, "stride": 8}, {**FLOW, "stride": 16}, {**FLOW, "stride": 4}],
    ids=["image", "8", "flow", "4"],
)
def test_frames_and_windows_that_are_left(feature: dict[str, Any], decoded: Path, tmp_path: Path) -> None:
    whole = extract(feature, decoded, tmp_path / "whole")
    left = extract(feature, decoded, tmp_path / "left", {"rate": RATE})
    for name in FRAMES:
        kept = kept_steps(whole.steps(name), RATE)
        expected = whole.read(name)[kept]
        np.testing.assert_allclose(left.read(name), expected, atol=1e-4 * np.abs(expected).max())
        np.testing.assert_array_equal(left.times(name), whole.times(name)[kept])
    assert left.attributes["reduce_rate"] == RATE
    assert left.attributes["reduce_method"] == "downsample"
    assert left.attributes["reduce_at"] == "input"
    assert not any(key.startswith("reduce") for key in whole.attributes)


def test_frames_that_are_not_left_reach_no_network(
    decoded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures that are looked at, and fields of flow that are computed, by rate."""
    seen: list[int] = []

    class Counted(torch.nn.Module):
        size = 32

        def __init__(self) -> None:
            super().__init__()
            self.mean = self.deviation = torch.zeros(3)

        def prepare(self, device: torch.device) -> "Counted":
            return self

        def features(self, frames: torch.Tensor) -> torch.Tensor:
            seen.append(len(frames))
            return frames.flatten(1)[:, :4].float()

    monkeypatch.setattr(frame_networks, "load_image", lambda *_: Loaded(Counted(), "counted", ""))
    for rate, frames in ((1, 85), (0.4, 1 + 4 + 30), (0.2, 1 + 2 + 15)):
        seen.clear()
        extract(IMAGE, decoded, tmp_path, {"rate": rate})
        assert sum(seen[1:]) == frames  # the first picture tells the dimensions


@pytest.mark.parametrize("method", ["downsample", "spectral", "mean", "max"])
def test_steps_of_any_feature(method: str, decoded: Path, tmp_path: Path) -> None:
    whole = extract(IMAGE, decoded, tmp_path / "whole")
    left = extract(IMAGE, decoded, tmp_path / "left", {"rate": RATE, "method": method, "at": "steps"})
    for name in FRAMES:
        expected = reduced(torch.from_numpy(whole.read(name)), RATE, method).numpy()
        np.testing.assert_allclose(left.read(name), expected, atol=1e-6)
        assert len(left.times(name)) == len(expected)
        assert (np.diff(left.times(name)) > 0).all()
    assert left.attributes["reduce_at"] == "steps"


class Heard(torch.nn.Module):
    """In place of VGGish: its rows are the patches."""

    def prepare(self, device: torch.device) -> "Heard":
        return self

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        return patches.flatten(1)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(vggish, "load_vggish", lambda weights: Loaded(Heard(), "none", ""))
    monkeypatch.setattr(sound_networks.vggish, "DIMS", 96 * 64)
    yield


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("method", ["downsample", "spectral", "mean", "max"])
def test_log_mel_before_the_patches(method: str, decoded: Path, tmp_path: Path) -> None:
    """5 patches, 480 frames, become 192 frames, 2 patches; a sound of one patch 39 frames, and silence behind them."""
    sounds: dict[str, NDArray[np.float32]] = {}
    with h5py.File(decoded) as file:
        sounds = {name: file[name]["sound"][:] for name in FRAMES}
    found = extract({"network": "vggish"}, decoded, tmp_path, {"rate": RATE, "method": method})
    assert {name: found.steps(name) for name in FRAMES} == {"one": 0, "short": 1, "long": 2}
    for name in ("short", "long"):
        frames = logmel.log_mel_patches(torch.from_numpy(sounds[name])).flatten(0, 1)
        expected = reduced(frames, RATE, method).numpy()
        rows = found.read(name).reshape(-1, 64)
        np.testing.assert_allclose(rows[: len(expected)], expected[: len(rows)], atol=1e-5)
        np.testing.assert_allclose(rows[len(expected) :], np.log(0.01), atol=1e-6)
    # 96 frames of the reduced sound are 240 of the sound: 2.4 s.
    np.testing.assert_allclose(found.times("long"), [1.2, 3.6], atol=0.011)


def test_cnn10_is_given_less(decoded: Path, tmp_path: Path) -> None:
    whole = extract({"network": "cnn10"}, decoded, tmp_path / "whole")
    left = extract({"network": "cnn10"}, decoded, tmp_path / "left", {"rate": RATE, "method": "spectral"})
    assert {name: whole.steps(name) for name in FRAMES} == {"one": 0, "short": 2, "long": 31}
    assert {name: left.steps(name) for name in FRAMES} == {"one": 0, "short": 1, "long": 12}
    assert whole.dims == left.dims == 512
    np.testing.assert_allclose(whole.times("long"), np.arange(31) * 0.16 + 0.075)
    np.testing.assert_allclose(np.diff(left.times("long")), 0.4, atol=0.01)
    assert left.attributes["reduce_norm"] == "mean"


def test_the_seconds_are_written(decoded: Path, tmp_path: Path) -> None:
    extract(IMAGE, decoded, tmp_path)
    found = read_seconds([tmp_path / "it.tsv"])
    assert found.videos == 3
    assert found.seconds > 0


def values(feature: dict[str, Any]) -> dict[str, Any]:
    return feature_values(Config.model_validate({"features": {"it": feature}}), "it")


def test_what_a_result_depends_on() -> None:
    plain = values(IMAGE)
    assert "reduce" not in plain
    assert values({**IMAGE, "reduce": {"rate": 1}}) == plain
    half = {"rate": 0.5, "method": "downsample", "at": "input"}
    assert values({**IMAGE, "reduce": {"rate": 0.5, "norm": "ortho"}}) == {**plain, "reduce": half}
    assert values({"network": "cnn10", "reduce": {"rate": 0.5, "method": "spectral"}})["reduce"]["norm"] == "mean"


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ({**IMAGE, "reduce": {"rate": 0.5, "method": "spectral"}}, "frames and windows are reduced by downsample"),
        ({**I3D, "reduce": {"rate": 0.5, "method": "mean"}}, "frames and windows are reduced by downsample"),
        ({"network": "vggish", "npy": "npy", "reduce": {"rate": 0.5}}, "gathered features are taken as they are"),
        ({"network": "vggish", "reduce": {"rate": 0}}, "greater than or equal to 0.001"),
        ({**IMAGE, "architecture": "resnet19"}, "architecture: 'resnet19' is none of"),
        ({"network": "image", "architecture": "resnet18"}, "imagenet is there of efficientnet_lite2 alone"),
    ],
)
def test_what_does_not_fit_is_refused(feature: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python(feature)
