"""Feature maps: against hooks on the plain networks, windows one by one, and averages by hand."""

import functools
import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision import models

from pipeline.config import I3DFeature, ImageFeature, Media, parse
from pipeline.config.maps import LAST_MAPS, WINDOW_LAYERS
from pipeline.errors import UserError
from pipeline.features import i3d
from pipeline.features.efficientnet_lite import EfficientNetLite2
from pipeline.features.extract import extract_shard
from pipeline.features.frames import FrameExtractor
from pipeline.features.i3d import I3D
from pipeline.features.images import ImageNetwork, _preparation, map_of
from pipeline.features.inspect import show, verify
from pipeline.features.maps import as_rows
from pipeline.features.r50 import load_r50
from pipeline.features.shared_i3d import window_features
from pipeline.features.store import FeatureStore, problems, write_shard
from pipeline.features.weights import load_i3d, random_i3d
from pipeline.media.decode import decode_shard
from pipeline.networks.parts.maps import as_maps
from tests.features.test_extract import ATTRIBUTES
from tests.features.test_shared_i3d import clip, table

CPU = torch.device("cpu")
random_i3d_of = functools.cache(lambda kind: load_i3d("random", Path(), kind))
random_r50 = functools.cache(lambda: load_r50("random"))


@pytest.fixture(autouse=True)
def one_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making a random network takes longer than what it computes here."""
    monkeypatch.setattr(
        "pipeline.features.frame_networks.load_i3d", lambda _weights, _folder, kind: random_i3d_of(kind)
    )
    monkeypatch.setattr("pipeline.features.frame_networks.load_r50", lambda _weights: random_r50())


@pytest.fixture(scope="module")
def rgb() -> I3D:
    return random_i3d(3).prepare(CPU)


@pytest.fixture(scope="module")
def decoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips, as pipeline/media/decoded.py describes them."""
    path = tmp_path_factory.mktemp("maps") / "0000.h5"
    with h5py.File(path, "w", locking=False) as file:
        file.attrs.update(ATTRIBUTES)
        for name, count in (("a", 20), ("b", 9)):
            group = file.create_group(name)
            group.attrs["fps"] = 10.0
            group["frames"], group["times"] = clip(count, (48, 64)).numpy(), np.arange(count) / 10
    return path


def made(architecture: str) -> ImageNetwork:
    """With random weights and the pictures' statistics of none, which costs no time."""
    torch.manual_seed(0)
    options = {"aux_logits": False, "init_weights": False} if architecture == "inception_v3" else {}
    network = EfficientNetLite2() if architecture in LAST_MAPS and "lite" in architecture else None
    return ImageNetwork(network or models.get_model(architecture, **options), 224, [0.5] * 3, [0.2] * 3).prepare(CPU)


def seen(network: torch.nn.Module, module: str, *inputs: Tensor) -> Tensor:
    """What a module of a network gives."""
    outputs: list[Tensor] = []
    handle = network.get_submodule(module).register_forward_hook(lambda _m, _i, output: outputs.append(output.clone()))
    with torch.inference_mode():
        network(*inputs)
    handle.remove()
    return outputs[0]


def averaged(values: NDArray[Any], grid: tuple[int, int]) -> NDArray[Any]:
    """(R, C, D) to ``grid``, cell by cell."""
    found = np.zeros((*grid, values.shape[2]), values.dtype)
    for row, column in itertools.product(*map(range, grid)):
        top, left = row * values.shape[0] // grid[0], column * values.shape[1] // grid[1]
        bottom, right = -(-(row + 1) * values.shape[0] // grid[0]), -(-(column + 1) * values.shape[1] // grid[1])
        found[row, column] = values[top:bottom, left:right].mean((0, 1))
    return found


@pytest.mark.parametrize("grid", [(4, 4), (7, 5), (1, 1), (3, 2)])
def test_rows_are_the_map_flattened_or_the_means_of_its_cells(grid: tuple[int, int]) -> None:
    maps = torch.randn(3, 7, 5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = np.stack([averaged(each, grid).ravel() for each in maps.numpy()])
    np.testing.assert_allclose(as_rows(maps, grid).numpy(), expected, rtol=1e-12)


def test_a_grid_finer_than_the_map_is_refused() -> None:
    with pytest.raises(UserError, match=r"grid: 4 x 4, and the map has 3 x 9 cells; give no more"):
        as_rows(torch.zeros(1, 3, 9, 2), (4, 4))


@pytest.mark.parametrize("pictures", [False, True], ids=["as on a CPU", "as on a GPU"])
@pytest.mark.parametrize(
    ("layer", "window", "stride"), [("Mixed_5c", 16, 4), ("Mixed_4f", 13, 5), ("Mixed_3b", 6, 2), ("Mixed_5b", 16, 16)]
)
def test_maps_of_shared_windows(
    rgb: I3D, monkeypatch: pytest.MonkeyPatch, layer: str, window: int, stride: int, pictures: bool
) -> None:
    """Against the plain network with a hook, a window at a time: place by place, time steps side by side."""
    frames, windows = clip(29, (40, 52)), table(window, stride, 29)
    alone = [seen(rgb, layer, frames[list(row)].unsqueeze(0))[0].numpy() for row in windows]
    monkeypatch.setitem(i3d.PICTURES, "cpu", pictures)
    with torch.inference_mode():
        found = window_features(rgb, frames, windows, layer, I3D.places).numpy()
    for one, values in zip(alone, found, strict=True):
        channels, times, rows, columns = one.shape
        assert values.shape == (rows, columns, times * channels)
        for row, column, step in itertools.product(range(rows), range(columns), range(times)):
            given = values[row, column, step * channels : (step + 1) * channels]
            np.testing.assert_allclose(given, one[:, step, row, column], atol=3e-5 * np.linalg.norm(one))


def test_the_layers_are_those_of_the_networks(rgb: I3D) -> None:
    """Pixels and frames that are no multiples of a stride."""
    for layer, said in WINDOW_LAYERS["i3d_rgb"].items():
        maps = I3D.places(seen(rgb, layer, clip(11, (45, 45)).unsqueeze(0)))
        assert tuple(maps.shape[1:]) == said.shape(45, 11)
    assert list(WINDOW_LAYERS["i3d_rgb"]) == list(i3d.STAGES)
    r50 = random_r50().network.prepare(CPU)
    for layer, said in WINDOW_LAYERS["i3d_r50"].items():
        with torch.inference_mode():
            assert tuple(r50.places(clip(5, (45, 45)).unsqueeze(0), layer).shape[1:]) == said.shape(45, 5)


@pytest.mark.parametrize("architecture", ["efficientnet_lite2", "resnet18", "resnext50_32x4d"])
def test_the_last_maps_that_a_plan_knows(architecture: str) -> None:
    network = made(architecture)
    size, said = LAST_MAPS[architecture]
    assert size == _preparation(architecture)[0]
    for pixels in (45, 64):
        assert map_of(network, pixels, None) == said.shape(pixels, 1)


@pytest.fixture(scope="module")
def shown() -> Tensor:
    return torch.randint(0, 256, (2, 128, 128, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "architecture",
    [
        "efficientnet_lite2",
        "resnet18",
        "inception_v3",
        "densenet121",
        "mobilenet_v2",
        "shufflenet_v2_x0_5",
        "mnasnet0_5",
        "squeezenet1_1",
        "efficientnet_b0",
        "swin_t",
    ],
)
def test_the_feature_is_the_mean_of_the_last_map(architecture: str, shown: Tensor) -> None:
    """Of every way in which these networks pool: modules, functions, means, a convolution as the classifier."""
    network = made(architecture)
    with torch.inference_mode():
        maps, features = network.places(shown, None), network.features(shown)
    assert maps.shape[1] > 1 and maps.shape[2] > 1
    torch.testing.assert_close(maps.mean((1, 2)), features, rtol=1e-4, atol=1e-5 * float(features.abs().max()))


def test_what_a_classifier_does_before_its_last_layer_is_not_in_the_map(shown: Tensor) -> None:
    """ConvNeXt normalises what it has pooled, VGG has layers behind it."""
    network = made("convnext_tiny")
    with torch.inference_mode():
        maps, features = network.places(shown, None), network.features(shown)
        normalised = network.network.get_submodule("classifier.0")(maps.mean((1, 2))[..., None, None])[..., 0, 0]
    torch.testing.assert_close(normalised, features, rtol=1e-3, atol=1e-4)
    assert map_of(made("vgg11"), 64, None) == (2, 2, 512)


def test_a_layer_by_its_name(shown: Tensor) -> None:
    """As it is when it is made: what follows in DenseNets changes it in place."""
    for architecture, layer in (("resnet18", "layer3"), ("densenet121", "features")):
        network = made(architecture)
        pictures = ((shown / 255 - network.mean.view(3)) / network.deviation.view(3)).permute(0, 3, 1, 2)
        with torch.inference_mode():
            modules = dict(network.network.named_children())
            expected = pictures
            for name, module in modules.items():
                expected = module(expected)
                if name == layer:
                    break
            found = network.places(shown, layer)
        assert architecture != "densenet121" or float(expected.min()) < 0
        torch.testing.assert_close(found.permute(0, 3, 1, 2), expected, rtol=1e-4, atol=1e-4)


def test_a_grid_finer_than_a_picture_s_map_is_refused_before_any_picture_is_read(tmp_path: Path) -> None:
    feature = {"network": "image", "architecture": "mobilenet_v2", "weights": "random", "input_size": 64}
    made = ImageFeature.model_validate({**feature, "pool": "none", "grid": [3, 3]})
    with pytest.raises(UserError, match="grid: 3 x 3, and the map has 2 x 2 cells"):
        FrameExtractor(made, tmp_path, CPU)


@pytest.mark.parametrize(
    ("architecture", "layer", "said"),
    [
        ("vit_b_32", None, "layer: the last one gives no map of rows and columns"),
        ("resnet18", "fc", "layer: fc gives no map of rows and columns"),
        ("resnet18", "layer5", "layer: the network has no layer5; it has layer4, layer3, layer2"),
    ],
)
def test_where_there_is_no_map(architecture: str, layer: str | None, said: str) -> None:
    network = made(architecture)
    with pytest.raises(UserError, match=said):
        map_of(network, network.size, layer)
    with torch.inference_mode():
        assert network.features(torch.zeros(1, network.size, network.size, 3, dtype=torch.uint8)).shape[0] == 1


def extracted(out: Path, name: str, feature: dict[str, Any], decoded: Path) -> FeatureStore:
    kind = ImageFeature if feature["network"] == "image" else I3DFeature
    made = kind.model_validate({"weights": "random", "dtype": "float32", **feature})
    extract_shard(name, made, decoded, out / name / "0000.h5", resources=out, device="cpu")
    return FeatureStore(out / name)


FEATURES: Sequence[dict[str, Any]] = (
    {"network": "i3d_rgb", "input_size": 64, "stride": 6, "batch": 2},
    {"network": "i3d_flow", "input_size": 48, "crop": 40, "stride": 16, "flow": {"method": "dis", "bound": 5}},
    {"network": "i3d_r50", "window": 8, "stride": 8, "input_size": 64},
    {"network": "image", "architecture": "resnet18", "input_size": 64, "batch": 5, "reduce": {"rate": 0.3}},
    {"network": "i3d_rgb", "input_size": 64, "stride": 6, "reduce": {"rate": 0.5, "at": "steps", "method": "spectral"}},
)


@pytest.mark.parametrize("feature", FEATURES, ids=["rgb", "flow", "r50", "image", "reduced"])
def test_the_mean_of_a_stored_map_is_the_pooled_feature(
    feature: dict[str, Any],
    decoded: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.features.images.EXAMPLES", 2)
    plain = extracted(tmp_path, "plain", feature, decoded)
    assert "maps of" not in capsys.readouterr().err
    maps = extracted(tmp_path, "map", {**feature, "pool": "none"}, decoded)
    said = capsys.readouterr().err
    assert "grid" not in plain.attributes
    assert maps.grid == (2, 2) and maps.attributes["grid"] == "[2, 2]" and maps.attributes["pool"] == "none"
    assert maps.dims == 4 * plain.dims
    for video in plain.video_ids:
        rows = as_maps(torch.from_numpy(maps.read(video)), (2, 2))
        pooled = plain.read(video)
        assert rows.std((1, 2)).max() > 1e-4
        np.testing.assert_allclose(rows.mean((1, 2)), pooled, rtol=1e-4, atol=2e-5 * np.abs(pooled).max())
        np.testing.assert_array_equal(maps.times(video), plain.times(video))
    steps = sum(maps.steps(video) for video in maps.video_ids)
    assert f"map: maps of 2 videos, {steps} steps x 2 x 2 x {plain.dims} float32 take " in said
    maps.close()
    with h5py.File(tmp_path / "map" / "0000.h5") as file:
        values = file["values"]
        assert values.size * values.dtype.itemsize == steps * 2 * 2 * plain.dims * 4


def test_real_clips(shared: Path, tmp_path: Path) -> None:
    """Two of them, a picture a second: of each the mean of the map is the feature, and clips and places differ."""
    videos = shared / "data" / "videos"
    chosen = {name: videos / f"{name}.mp4" for name in ("askanything_yoga", "videollama_dog_barking")}
    media = Media.model_validate({"fps": 1, "size": 64})
    decode_shard(chosen, media, tmp_path / "decoded.h5", tmp_path / "lost.tsv", frames=True, sound=False)
    feature = {"network": "i3d_rgb", "window": 4, "stride": 4, "input_size": 64}
    plain = extracted(tmp_path, "plain", feature, tmp_path / "decoded.h5")
    maps = extracted(tmp_path, "map", {**feature, "pool": "none"}, tmp_path / "decoded.h5")
    assert maps.video_ids == plain.video_ids == list(chosen)
    for name in chosen:
        cells = maps.read(name).reshape(-1, 4, 1024)
        expected = plain.read(name)
        np.testing.assert_allclose(cells.mean(1), expected, rtol=1e-4, atol=2e-5 * np.abs(expected).max())
        assert np.abs(cells - cells.mean(1, keepdims=True)).max() > 0.05 * np.abs(cells).max()
    first, second = (maps.read(name).mean(0) for name in chosen)
    assert np.linalg.norm(first - second) > 0.05 * np.linalg.norm(first)


def test_a_grid_and_a_layer(decoded: Path, tmp_path: Path) -> None:
    """Of frames as decoded (48 x 64) too, where the grid is what is known."""
    feature = {"network": "i3d_rgb", "pool": "none", "stride": 16, "layer": "Mixed_4f"}
    whole = extracted(tmp_path, "whole", {**feature, "input_size": 80}, decoded)
    assert whole.grid == (5, 5) and whole.dims == 5 * 5 * 832 * 4
    small = extracted(tmp_path, "small", {**feature, "input_size": 80, "grid": [2, 3], "dtype": "float16"}, decoded)
    assert small.grid == (2, 3) and small.attributes["pool"] == "mean to the grid"
    for video in whole.video_ids:
        maps = whole.read(video).reshape(-1, 5, 5, 832 * 4)
        expected = np.stack([averaged(each, (2, 3)).ravel() for each in maps])
        np.testing.assert_allclose(small.read(video), expected, rtol=2e-3, atol=1e-4 * np.abs(expected).max())
    assert extracted(tmp_path, "decoded", {**feature, "grid": [3, 4]}, decoded).dims == 3 * 4 * 832 * 4
    with pytest.raises(UserError, match=r"grid: 4 x 4, and the map has 3 x 4 cells"):
        extracted(tmp_path, "finer", {**feature, "grid": [4, 4]}, decoded)


def test_a_disk_without_the_room(decoded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before anything is computed: 20 + 9 pictures of 2 x 2 x 512 values take 118,784 bytes."""
    monkeypatch.setattr("pipeline.sizes.shutil.disk_usage", lambda _path: SimpleNamespace(free=118_783))
    monkeypatch.setattr(ImageNetwork, "prepare", lambda network, _device: network.eval())
    feature = {"network": "image", "architecture": "resnet18", "input_size": 64, "pool": "none"}
    with pytest.raises(UserError, match=r"2 videos, 29 steps x 2 x 2 x 512 float16 take 119 kB, and 119 kB are free"):
        extracted(tmp_path, "it", {**feature, "dtype": "float16"}, decoded)
    assert not list(tmp_path.rglob("*.h5"))


SWIN = {"network": "image", "architecture": "swin_t", "weights": "random"}


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        ({"network": "i3d_rgb", "layer": "Mixed_4f"}, "layer: is of a map; give `pool: none` with it"),
        ({"network": "i3d_rgb", "grid": [4, 4]}, "grid: is of a map"),
        ({"network": "i3d_rgb", "pool": "none"}, "pool: maps of one feature are of one size"),
        ({"network": "i3d_rgb", "pool": "none", "grid": [4, 4], "layer": "res4"}, "layer: 'res4' is none of Mixed_3b"),
        ({"network": "i3d_r50", "pool": "none", "grid": [4, 4], "layer": "Mixed_5c"}, "is none of res2, res3"),
        ({"network": "i3d_rgb", "pool": "none", "grid": [4, 4], "input_size": 96}, "4 x 4, and the map has 3 x 3"),
        ({"network": "i3d_rgb", "pool": "none", "grid": [0, 4]}, "greater than or equal to 1"),
        ({"network": "i3d_rgb", "pool": "none", "grid": [4]}, "grid"),
        ({"network": "i3d_rgb", "pool": "mean"}, "pool"),
        ({"network": "i3d_rgb", "pool": "none", "npy": "folder"}, "pool: gathered features are taken as they are"),
        ({"network": "vggish", "pool": "none"}, "pool"),
        ({**SWIN, "pool": "none", "layer": "features"}, "layer: those of swin_t have channels last"),
    ],
)
def test_settings_that_make_no_sense(feature: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        parse({"features": {"it": feature}})


def test_a_grid_that_is_none_is_damage(tmp_path: Path) -> None:
    items = [("a", np.ones((2, 12), np.float32), np.arange(2.0))]
    write_shard(tmp_path / "good.h5", items, {"grid": "[2, 3]"}, 12, "float32")
    assert problems(tmp_path / "good.h5") == []
    for number, (grid, fault) in enumerate((("[5, 1]", "5 x 1 cells, and 12 values"), ("[2]", "expected"), (4, "exp"))):
        with pytest.raises(UserError, match=fault):
            write_shard(tmp_path / f"{number}.h5", items, {"grid": grid}, 12, "float32")


def test_looking_inside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items = [("a", np.ones((2, 12), np.float32), np.arange(2.0))]
    write_shard(tmp_path / "s" / "0000.h5", items, {"grid": json.dumps([2, 3])}, 12, "float32")
    show([tmp_path / "s"])
    verify([tmp_path / "s"])
    printed = capsys.readouterr().out
    assert "2 x 3 x 2" in printed and "good" in printed


def test_maps_that_are_none() -> None:
    with pytest.raises(ValueError, match="10 values a step are no map of 2 x 2 cells"):
        as_maps(torch.zeros(1, 1, 10), (2, 2))


def test_torchvision_s_names_are_the_layers() -> None:
    """Of the residual networks whose shape is known the default is `layer4`."""
    network = made("resnet18")
    assert map_of(network, 64, "layer4") == map_of(network, 64, None)
    assert "layer4" in dict(models.resnet18().named_children())
