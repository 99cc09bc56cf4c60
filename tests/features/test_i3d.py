"""I3D against brute force and against a plain second implementation from the published description."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.features import i3d
from pipeline.features.i3d import I3D, STAGES, MaxPool, Unit3D, same_padding
from pipeline.features.weights import random_i3d


@pytest.fixture(params=[False, True], ids=["3d", "pictures"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form of a CPU, and that of a GPU."""
    monkeypatch.setitem(i3d.PICTURES, "cpu", request.param)


def tensorflow_same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """SAME padding by TensorFlow's documented cases, not by the number of outputs."""
    total = max(kernel - stride, 0) if size % stride == 0 else max(kernel - size % stride, 0)
    return total // 2, total - total // 2


@pytest.mark.parametrize("kernel", [1, 2, 3, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_same_padding_is_tensorflows(kernel: int, stride: int) -> None:
    for size in range(1, 30):
        assert same_padding(size, kernel, stride) == tensorflow_same(size, kernel, stride)


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("size", [(4, 6, 5), (3, 7, 8), (1, 2, 9)])
def test_convolution_by_brute_force(size: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    unit = Unit3D(2, 3, kernel=3, stride=2)
    unit.bn, unit.activation = nn.Identity(), nn.Identity()
    x = torch.randn(1, 2, *size)
    found = unit(x)[0].detach().numpy()
    weight, picture = unit.conv3d.weight.detach().numpy(), x[0].numpy()
    before = [tensorflow_same(n, 3, 2)[0] for n in size]
    assert found.shape == (3, *(-(-n // 2) for n in size))
    for place in np.ndindex(*found.shape[1:]):
        expected = np.zeros(3)
        for tap in np.ndindex(3, 3, 3):
            source = [2 * p + t - b for p, t, b in zip(place, tap, before, strict=True)]
            if all(0 <= s < n for s, n in zip(source, size, strict=True)):
                expected += weight[(slice(None), slice(None), *tap)] @ picture[(slice(None), *source)]
        np.testing.assert_allclose(found[(slice(None), *place)], expected, atol=1e-5)


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(
    ("kernel", "stride"),
    [((1, 3, 3), (1, 2, 2)), ((3, 3, 3), (2, 2, 2)), ((2, 2, 2), (2, 2, 2)), ((3, 3, 3), (1, 1, 1))],
)
@pytest.mark.parametrize("size", [(4, 6, 6), (5, 7, 8), (1, 1, 3)])
def test_max_pool_by_brute_force(kernel: tuple[int, ...], stride: tuple[int, ...], size: tuple[int, ...]) -> None:
    x = torch.randn(2, 3, *size) - 5  # below 0: padding with zeros would win
    found = MaxPool(kernel, stride)(x.contiguous(memory_format=torch.channels_last_3d))
    assert found.shape == (2, 3, *(-(-n // s) for n, s in zip(size, stride, strict=True)))
    for place in np.ndindex(*found.shape[2:]):
        parts = []
        for p, k, s, n in zip(place, kernel, stride, size, strict=True):
            first = p * s - tensorflow_same(n, k, s)[0]
            parts.append(slice(max(0, first), first + k))
        expected = x[(slice(None), slice(None), *parts)].amax((2, 3, 4))
        assert torch.equal(found[(slice(None), slice(None), *place)], expected)


def plain_i3d(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """`Mixed_5c` of (N, C, T, H, W), written down from the paper's figure and read from a state dict by name."""

    def pad(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], value: float) -> Tensor:
        pairs = [tensorflow_same(n, k, s) for n, k, s in zip(x.shape[2:], kernel, stride, strict=True)]
        return F.pad(x, [side for pair in reversed(pairs) for side in pair], value=value)

    def unit(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = state[f"{name}.conv3d.weight"]
        x = F.conv3d(pad(x, tuple(weight.shape[2:]), (stride,) * 3, 0), weight, stride=stride)
        mean, var, scale, shift = (
            state[f"{name}.bn.{key}"].view(-1, 1, 1, 1) for key in ("running_mean", "running_var", "weight", "bias")
        )
        return torch.relu((x - mean) / torch.sqrt(var + 1e-3) * scale + shift)

    def pool(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
        return F.max_pool3d(pad(x, kernel, stride, -torch.inf), kernel, stride)

    x = pool(unit(x, "Conv3d_1a_7x7", 2), (1, 3, 3), (1, 2, 2))
    x = pool(unit(unit(x, "Conv3d_2b_1x1"), "Conv3d_2c_3x3"), (1, 3, 3), (1, 2, 2))
    for name in STAGES:
        if name == "Mixed_4b":
            x = pool(x, (3, 3, 3), (2, 2, 2))
        if name == "Mixed_5b":
            x = pool(x, (2, 2, 2), (2, 2, 2))
        second = unit(unit(x, f"{name}.b1a"), f"{name}.b1b")
        third = unit(unit(x, f"{name}.b2a"), f"{name}.b2b")
        fourth = unit(pool(x, (3, 3, 3), (1, 1, 1)), f"{name}.b3b")
        x = torch.cat([unit(x, f"{name}.b0"), second, third, fourth], dim=1)
    return x


@pytest.fixture(scope="module")
def network() -> I3D:
    """Random weights and random batch norm statistics."""
    network = random_i3d(3)
    generator = torch.Generator().manual_seed(5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            for tensor, low, high in (
                (module.weight, 0.5, 1.5),
                (module.bias, -0.3, 0.3),
                (module.running_mean, -0.3, 0.3),
                (module.running_var, 0.5, 2.0),
            ):
                assert tensor is not None
                tensor.data.uniform_(low, high, generator=generator)
    return network


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("size", [(16, 64, 64), (13, 45, 52), (2, 33, 38)])
def test_folded_network_equals_plain_one(network: I3D, size: tuple[int, int, int]) -> None:
    windows = torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8)
    expected = plain_i3d(network.state_dict(), (windows.float() - 128).div(128).permute(0, 4, 1, 2, 3))
    ready = I3D()
    ready.load_state_dict(network.state_dict())
    with torch.inference_mode():
        found = ready.prepare(torch.device("cpu"))(windows)
    assert found.shape == (2, 1024, *(-(-n // f) for n, f in zip(size, (8, 32, 32), strict=True)))
    assert expected.abs().max() > 0.1  # a signal arrives at all
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_features_are_time_major_means() -> None:
    mixed_5c = torch.randn(2, 1024, 2, 3, 4)
    values = I3D.pool(mixed_5c)
    assert values.shape == (2, 2048)
    assert I3D.dims(16) == 2048
    assert I3D.dims(17) == 3072
    for n, step, channel in [(0, 0, 0), (1, 0, 7), (0, 1, 7), (1, 1, 1023)]:
        expected = mixed_5c[n, channel, step].mean()
        torch.testing.assert_close(values[n, step * 1024 + channel], expected)


def test_predictions_pool_as_published(network: I3D) -> None:
    mixed_5c = torch.rand(1, 1024, 3, 7, 7)
    weight = network.logits.conv3d.weight.detach().flatten(1)
    bias = network.logits.conv3d.bias
    assert bias is not None
    steps = [mixed_5c[0, :, t : t + 2].mean(dim=(1, 2, 3)) for t in (0, 1)]
    expected = torch.stack([weight @ step + bias for step in steps]).mean(0).softmax(0)
    with torch.no_grad():
        torch.testing.assert_close(network.predictions(mixed_5c)[0], expected)


def test_flow_input_is_taken_as_it_is(network: I3D) -> None:
    frames = torch.randint(0, 256, (1, 8, 32, 32, 3), dtype=torch.uint8)
    with torch.no_grad():
        network.eval()
        torch.testing.assert_close(network(frames), network((frames.float() - 128) / 128))
