"""From a decoded shard to a feature shard, against windows cut and computed one by one."""

import json
import re
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from pipeline.config import I3DFeature, VGGishFeature
from pipeline.errors import UserError
from pipeline.features.extract import extract_shard
from pipeline.features.frames import FrameExtractor, resized
from pipeline.features.logmel import log_mel_patches
from pipeline.features.predictions import kinetics_classes
from pipeline.features.r50 import load_r50
from pipeline.features.store import FeatureStore
from pipeline.features.vggish import random_vggish
from pipeline.features.weights import load_i3d, random_i3d
from pipeline.layout import kinetics_path
from pipeline.media.decoded import DecodedShard

FRAMES = {"one": 1, "short": 9, "long": 75, "even": 32}
SAMPLES = {"one": 0, "short": 5000, "long": 16000 * 3, "even": 16000}
FPS = 10.0
ATTRIBUTES = {"media": "{}", "conversion": "none", "stage_version": 1, "ffmpeg_version": "7", "av_version": "1"}
"""Attributes of a decoded shard."""


def frames_of(name: str) -> NDArray[np.uint8]:
    """A clip with colours and motion of its own."""
    generator = np.random.default_rng(len(name) + FRAMES[name])
    texture = generator.integers(0, 256, (12, 16, 3))
    clip = np.stack([np.kron(np.roll(texture, t, axis=1), np.ones((4, 4, 1))) for t in range(FRAMES[name])])
    return clip.astype(np.uint8)


def sound_of(name: str) -> NDArray[np.float32]:
    """Noise; that of `even` goes beyond 1, as decoded AAC may."""
    loudness = 1 if name == "even" else 0.1
    return np.random.default_rng(SAMPLES[name]).normal(0, loudness, SAMPLES[name]).astype(np.float32)


def decoded_shard(path: Path, frames: bool = True, sound: bool = True) -> Path:
    """A decoded shard, written as pipeline/media/decoded.py describes it."""
    with h5py.File(path, "w") as file:
        file.attrs.update(ATTRIBUTES)
        for name, count in FRAMES.items():
            group = file.create_group(name)
            group.attrs.update({"fps": FPS, "rate": 16000})
            if frames:
                group["frames"] = frames_of(name)
                group["times"] = np.arange(count) / FPS
            if sound:
                group["sound"] = sound_of(name)
    return path


@pytest.fixture(scope="module")
def decoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decoded_shard(tmp_path_factory.mktemp("decoded") / "0003.h5")


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of resources whose `kinetics` weights are random ones."""
    folder = tmp_path_factory.mktemp("resources")
    path = kinetics_path(folder)
    path.parent.mkdir()
    state = random_i3d(3).state_dict()
    save_file({name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}, path)
    return folder


def extract(feature: dict[str, Any], decoded: Path, out: Path, resources: Path, **options: Any) -> FeatureStore:
    made = (VGGishFeature if feature["network"] == "vggish" else I3DFeature).model_validate(feature)
    extract_shard("it", made, decoded, out / "it" / "0003.h5", resources=resources, device="cpu", **options)
    return FeatureStore(out / "it")


def one_by_one(name: str, resources: Path, size: int, window: int, stride: int) -> NDArray[np.float32]:
    """Features of a clip, a window at a time, indexed in the whole clip."""
    network = load_i3d("kinetics", resources, "rgb").network.prepare(torch.device("cpu"))
    clip = resized(torch.from_numpy(frames_of(name)), size, None, name)
    rows = []
    for first in range(0, max(1, len(clip) // stride) * stride, stride):
        indices = [i if i < len(clip) else first for i in range(first, first + window)]
        with torch.inference_mode():
            rows.append(network.features(clip[indices].unsqueeze(0))[0])
    return torch.stack(rows).numpy()


@pytest.mark.parametrize(("stride", "batch"), [(16, 8), (12, 3), (4, 8), (2, 5), (5, 4), (20, 2)])
def test_rgb(decoded: Path, resources: Path, tmp_path: Path, stride: int, batch: int) -> None:
    feature = {"network": "i3d_rgb", "input_size": 32, "stride": stride, "batch": batch, "dtype": "float32"}
    store = extract(feature, decoded, tmp_path, resources)
    assert set(store.video_ids) == set(FRAMES)
    assert store.dims == 2048
    for name in FRAMES:
        expected = one_by_one(name, resources, 32, 16, stride)
        assert expected.std() > 1e-3
        np.testing.assert_allclose(store.read(name), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    begins = np.arange(0, 32 // stride * stride, stride)
    np.testing.assert_allclose(store.times("even"), (begins + np.minimum(begins + 16, 32)) / 2 / FPS)
    np.testing.assert_allclose(store.times("one"), [0.05])


def test_overlapping_windows_of_flow(decoded: Path, resources: Path, tmp_path: Path) -> None:
    """Windows that share frames, in batches that cross videos, equal those of a batch of one each."""
    feature = {"network": "i3d_flow", "input_size": 32, "stride": 4, "dtype": "float32"}
    flow = {"method": "dis", "bound": 5}
    shared = extract({**feature, "flow": flow, "batch": 8}, decoded, tmp_path / "8", resources)
    alone = extract({**feature, "flow": flow, "batch": 1}, decoded, tmp_path / "1", resources)
    for name, frames in FRAMES.items():
        expected = alone.read(name)
        assert len(expected) == max(1, frames // 4)
        np.testing.assert_allclose(shared.read(name), expected, atol=1e-4 * np.abs(expected).max())


def test_overlapping_windows_of_r50(decoded: Path, tmp_path: Path) -> None:
    feature = {"network": "i3d_r50", "weights": "random", "window": 8, "stride": 6, "input_size": 32, "batch": 4}
    store = extract({**feature, "dtype": "float32"}, decoded, tmp_path, tmp_path)
    network = load_r50("random").network.prepare(torch.device("cpu"))
    clip = resized(torch.from_numpy(frames_of("even")), 32, None, "even")
    with torch.inference_mode():
        rows = [network.features(clip[first : first + 8].unsqueeze(0))[0] for first in (0, 6, 12, 18, 24)]
    expected = torch.stack(rows).numpy()
    np.testing.assert_allclose(store.read("even"), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_large_frames_are_read_in_smaller_pieces(
    decoded: Path, resources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feature = {"network": "i3d_flow", "input_size": 32, "stride": 16, "flow": {"method": "dis", "bound": 5}}
    usual = extract(feature, decoded, tmp_path / "usual", resources)
    monkeypatch.setattr("pipeline.features.frames.PIECE_BYTES", 5 * 48 * 64 * 3)  # five frames
    small = extract(feature, decoded, tmp_path / "small", resources)
    for name in FRAMES:
        np.testing.assert_array_equal(small.read(name), usual.read(name))
    monkeypatch.setattr("pipeline.features.frames.PIECE_BYTES", 1)
    one = extract(feature, decoded, tmp_path / "one", resources)
    np.testing.assert_array_equal(one.read("long"), usual.read("long"))


def test_stopping_early_leaves_no_reader(decoded: Path, resources: Path) -> None:
    feature = I3DFeature.model_validate({"network": "i3d_rgb", "input_size": 32, "stride": 4})
    extractor = FrameExtractor(feature, resources, torch.device("cpu"))
    with DecodedShard(decoded) as shard:
        rows = extractor.rows(shard)
        assert next(rows)[0] == "even"
        assert any(thread.name.startswith("prefetch") for thread in threading.enumerate())
        rows.close()
        assert not any(thread.name.startswith("prefetch") for thread in threading.enumerate())


def test_attributes_say_how_it_was_made(decoded: Path, resources: Path, tmp_path: Path) -> None:
    feature = {"network": "i3d_flow", "input_size": 32, "stride": 32, "flow": {"method": "dis", "bound": 5}}
    store = extract(feature, decoded, tmp_path, resources)
    found = store.attributes
    assert found["extractor"] == "i3d_flow"
    assert found["weights"] == "kinetics rgb weights averaged over colours (no flow weights given)"
    assert len(str(found["weights_sha256"])) == 64
    assert (found["window"], found["stride"], found["input_size"]) == (16, 32, 32)
    assert (found["flow_method"], found["flow_bound"]) == ("dis", 5)
    assert found["torch_version"] == torch.__version__.split("+")[0]
    assert {"opencv_version", "torchvision_version", "stage_version", "media", "resize", "crop"} <= found.keys()
    assert store.steps("one") == 1


def test_flow_sees_motion(decoded: Path, resources: Path, tmp_path: Path) -> None:
    """A clip played forwards and backwards has the same frames and other flow."""
    path = tmp_path / "0003.h5"
    clip = frames_of("long")[:16]
    with h5py.File(path, "w") as file:
        file.attrs.update(ATTRIBUTES)
        for name, frames in {"still": clip[[0] * 16], "forwards": clip, "backwards": clip[::-1]}.items():
            group = file.create_group(name)
            group.attrs["fps"] = FPS
            group["frames"], group["times"] = frames, np.arange(16) / FPS
    feature = {"network": "i3d_flow", "flow": {"method": "dis", "bound": 5}, "dtype": "float32"}
    store = extract(feature, path, tmp_path, resources)
    still, forwards, backwards = (store.read(name)[0] for name in ("still", "forwards", "backwards"))
    assert np.linalg.norm(forwards - backwards) > 0.1 * np.linalg.norm(forwards)
    assert np.linalg.norm(forwards - still) > 0.1 * np.linalg.norm(forwards)


def test_crop_is_the_centre(resources: Path) -> None:
    frames = torch.arange(6 * 8 * 3, dtype=torch.uint8).view(1, 6, 8, 3)
    assert torch.equal(resized(frames, None, 4, "it"), frames[:, 1:5, 2:6])
    assert resized(frames, 32, 16, "it").shape == (1, 16, 16, 3)
    with pytest.raises(UserError, match="it: frames of 8x6 pixels are smaller than crop 7"):
        resized(frames, None, 7, "it")


def test_vggish(decoded: Path, tmp_path: Path) -> None:
    store = extract({"network": "vggish", "dtype": "float32"}, decoded, tmp_path, tmp_path)
    network = random_vggish()
    assert {name: store.steps(name) for name in FRAMES} == {"one": 0, "short": 1, "long": 3, "even": 1}
    for name in ("short", "long", "even"):
        with torch.inference_mode():
            expected = network(log_mel_patches(torch.from_numpy(sound_of(name).clip(-1, 1)))).numpy()
        np.testing.assert_allclose(store.read(name), expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(store.times("long"), [0.48, 1.44, 2.40])
    assert "random" in str(store.attributes["weights"])
    assert "resampy 0.2" in str(store.attributes["resampler"])
    assert "media" not in store.attributes


def test_predictions_are_printed(resources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "0003.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update(ATTRIBUTES)
        group = file.create_group("short")
        group.attrs["fps"] = FPS
        group["frames"], group["times"] = frames_of("short"), np.arange(9) / FPS
    extract({"network": "i3d_rgb", "input_size": 32}, path, tmp_path, resources, show_predictions=True)
    first, line = capsys.readouterr().out.splitlines()
    assert "first 64 frames at 224 x 224" in first
    found = re.fullmatch(r"short: (.+) (\d\.\d\d), (.+) (\d\.\d\d), (.+) (\d\.\d\d)", line)
    assert found is not None
    names, chances = found.groups()[::2], [float(chance) for chance in found.groups()[1::2]]
    assert set(names) <= set(kinetics_classes())
    assert chances == sorted(chances, reverse=True)
    assert sum(chances) <= 1.02


def test_what_cannot_be_done_is_said(decoded: Path, resources: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"features\.it\.npy is set"):
        extract({"network": "i3d_rgb", "npy": "folder"}, decoded, tmp_path, resources)
    with pytest.raises(UserError, match="only i3d_rgb, i3d_flow and image have one"):
        extract({"network": "vggish"}, decoded, tmp_path, resources, show_predictions=True)
    silent = decoded_shard(tmp_path / "0003.h5", sound=False)
    with pytest.raises(UserError, match="decoded without sound"):
        extract({"network": "vggish"}, silent, tmp_path, resources)
    assert not list(tmp_path.glob("it/*"))


def test_decoded_attributes_are_carried_on(decoded: Path, resources: Path, tmp_path: Path) -> None:
    path = decoded_shard(tmp_path / "0003.h5")
    with h5py.File(path, "a") as file:
        file.attrs["media"] = json.dumps({"fps": 24})
    store = extract({"network": "i3d_rgb", "input_size": 32, "stride": 64}, path, tmp_path, resources)
    assert json.loads(str(store.attributes["media"])) == {"fps": 24}
