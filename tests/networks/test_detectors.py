"""Detectors against plain NumPy, a trace and a cell at a time, and what holds of any."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.networks.detectors import TemporalDetector, TracingDetector
from pipeline.networks.registry import build_network
from pipeline.networks.sizes import SIZES, TemporalSizes, TracingSizes
from pipeline.tensors import FeatureSequences

Array = np.ndarray[Any, np.dtype[np.float64]]
CONCEPTS = 7
TRACING = [
    {"grid": (3, 5), "width": 4, "standardise": True},  # 3 x 5 cells, pooled to 2 x 3.
    {"grid": (2, 2), "width": 5, "pool": False},
    {"grid": (2, 3), "width": 4, "pool": False, "squash": True, "normalise": True},
    {"grid": (1, 1), "width": 3},
]


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def softmax(x: Array) -> Array:
    shares = np.exp(x - x.max())
    return np.asarray(shares / shares.sum())


def made(name: str, sizes: dict[str, Any], dims: dict[str, int]) -> Any:
    """In double precision, nothing left at a constant, which would hide mistakes."""
    torch.manual_seed(1)
    network = build_network(name, SIZES[name].model_validate(sizes), CONCEPTS, dims, False).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.5)
    if network.standard is not None:
        for feature, width in dims.items():
            network.standard.fit(feature, torch.randn(width), torch.rand(width) + 0.5)
    return network


def sequences(lengths: list[int], dims: int, padding: float = 0.0) -> FeatureSequences:
    generator = torch.Generator().manual_seed(3)
    values = torch.randn(len(lengths), max(lengths) + 2, dims, generator=generator, dtype=torch.float64)
    for row, length in enumerate(lengths):
        values[row, length:] = padding
    return FeatureSequences(values, torch.tensor(lengths))


# ---- by hand -------------------------------------------------------------------------------------------------------


class Weights:
    def __init__(self, network: Any) -> None:
        self.all = {key: value.detach().numpy() for key, value in network.state_dict().items()}

    def __call__(self, key: str) -> Array:
        return np.asarray(self.all[key])


def convolved(W: Array, b: Array, x: Array) -> Array:
    """3 x 3 over cells (rows, columns, channels), zeros around."""
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    found = np.zeros((*x.shape[:2], len(b)))
    for j, k in np.ndindex(x.shape[:2]):
        found[j, k] = b + np.einsum("ochw,hwc->o", W, padded[j : j + 3, k : k + 3])
    return found


def reduced(weights: Weights, sizes: TracingSizes, maps: list[Array]) -> Array:
    """v_n of the features' maps, each (rows, columns, channels)."""
    x = np.concatenate(maps, 2)
    if sizes.pool:
        rows, columns = -(-x.shape[0] // 2), -(-x.shape[1] // 2)
        pooled = np.zeros((rows, columns, x.shape[2]))
        for j, k in np.ndindex(rows, columns):
            pooled[j, k] = x[2 * j : 2 * j + 2, 2 * k : 2 * k + 2].max((0, 1))
        x = pooled
    return convolved(weights("maps.convolution.weight"), weights("maps.convolution.bias"), x)


def traced(weights: Weights, sizes: TracingSizes, frames: list[Array]) -> tuple[Array, Array]:
    """p's scores, and where each trace looked in each frame (N, L, P)."""
    rows, columns, width = frames[0].shape
    states, looks = [], np.zeros((len(frames), rows * columns, rows * columns))
    for trace, cell in enumerate(np.ndindex(rows, columns)):
        h = c = np.zeros(width)
        for n, v in enumerate(frames):
            a = np.zeros((rows, columns))
            a[cell] = 1
            if n:
                e = (np.tanh(v) if sizes.squash else v) * h
                if sizes.normalise:
                    e = e / np.sqrt((e**2).sum())
                hidden = convolved(weights("tracing.first.weight"), weights("tracing.first.bias"), e)
                scores = convolved(
                    weights("tracing.second.weight"), weights("tracing.second.bias"), np.maximum(hidden, 0)
                )
                a = softmax(scores[:, :, 0])
            looks[n, trace] = a.ravel()
            x = sum(a[where] * v[where] for where in np.ndindex(rows, columns))
            gates = weights("tracing.lstm.weight_ih") @ x + weights("tracing.lstm.bias_ih")
            gates = gates + weights("tracing.lstm.weight_hh") @ h + weights("tracing.lstm.bias_hh")
            i, f, g, o = np.split(gates, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        states.append(h)
    return weights("scores.weight") @ np.concatenate(states) + weights("scores.bias"), looks


@pytest.mark.parametrize("changes", TRACING)
def test_tracing_by_hand(changes: dict[str, Any]) -> None:
    cells = changes["grid"][0] * changes["grid"][1]
    dims = {"rgb": 3 * cells, "flow": 2 * cells}
    network = made("tracing", changes, dims)
    weights, lengths = Weights(network), [4, 1, 5]
    features = {name: sequences(lengths, width) for name, width in dims.items()}
    found = network.detect(features).detach().numpy()
    result, packing = network.traced(features)
    looks = packing.pad(result.attention.flatten(1)).unflatten(2, result.attention.shape[1:]).detach().numpy()
    for video, length in enumerate(lengths):
        frames = []
        for n in range(length):
            maps = []
            for name, each in features.items():
                x = each.values[video, n].numpy()
                if network.standard is not None:
                    x = (x - weights(f"standard.{name}_mean")) / weights(f"standard.{name}_deviation")
                maps.append(x.reshape(*changes["grid"], -1))
            frames.append(reduced(weights, network_sizes(changes), maps))
        scores, shares = traced(weights, network_sizes(changes), frames)
        np.testing.assert_allclose(found[video], scores, atol=1e-10)
        np.testing.assert_allclose(looks[video, :length], shares, atol=1e-10)


def network_sizes(changes: dict[str, Any]) -> TracingSizes:
    return TracingSizes.model_validate(changes)


@pytest.mark.parametrize("heads", [1, 3])
def test_temporal_by_hand(heads: int) -> None:
    dims = {"rgb": 3, "sound": 2}
    network = made("temporal", {"width": 4, "attention": 5, "heads": heads, "standardise": True}, dims)
    weights, lengths = Weights(network), [4, 1, 5]
    features = {name: sequences(lengths, width) for name, width in dims.items()}
    found = network.detect(features).detach().numpy()

    def layer(name: str, x: Array) -> Array:
        return np.asarray(weights(f"{name}.weight") @ x + weights(f"{name}.bias"))

    for video, length in enumerate(lengths):
        u = []
        for n in range(length):
            x = np.concatenate(
                [
                    (each.values[video, n].numpy() - weights(f"standard.{name}_mean"))
                    / weights(f"standard.{name}_deviation")
                    for name, each in features.items()
                ]
            )
            u.append(np.tanh(layer("projection", x)))
        energies = np.array([weights("attention.2.weight") @ np.tanh(layer("attention.0", each)) for each in u])
        pooled = np.concatenate([softmax(energies[:, head]) @ np.array(u) for head in range(heads)])
        np.testing.assert_allclose(found[video], layer("scores", np.tanh(layer("joined", pooled))), atol=1e-12)


# ---- what holds of any ---------------------------------------------------------------------------------------------


CASES = [("tracing", each, {"maps": 2 * each["grid"][0] * each["grid"][1]}) for each in TRACING] + [
    ("temporal", {"width": 4, "attention": 5}, {"rgb": 3, "sound": 2})
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1].get('grid', '')}")
def detector(request: pytest.FixtureRequest) -> Iterator[tuple[Any, dict[str, int]]]:
    name, sizes, dims = request.param
    yield made(name, sizes, dims), dims


@pytest.mark.parametrize("padding", [1e30, float("nan")])
def test_padded_frames_change_nothing(detector: tuple[Any, dict[str, int]], padding: float) -> None:
    network, dims = detector
    outcomes = []
    for value in (0.0, padding):
        features = {name: sequences([4, 1, 5], width, value) for name, width in dims.items()}
        scores = network.detect(features)
        outcomes.append((scores, torch.autograd.grad(scores.sin().sum(), list(network.parameters()))))
    alone = {name: FeatureSequences(each.values[:1, :4], each.lengths[:1]) for name, each in features.items()}
    torch.testing.assert_close(outcomes[1][0], outcomes[0][0], rtol=0, atol=1e-12)
    torch.testing.assert_close(network.detect(alone), outcomes[0][0][:1], rtol=0, atol=1e-12)
    for one, other in zip(outcomes[1][1], outcomes[0][1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_videos_without_a_step_and_without_features(detector: tuple[Any, dict[str, int]]) -> None:
    network, dims = detector
    nothing = {
        name: FeatureSequences(torch.zeros(2, 0, width).double(), torch.tensor([0, 0])) for name, width in dims.items()
    }
    found = network.detect(nothing)
    assert found.shape == (2, CONCEPTS)
    assert found.isfinite().all()
    torch.testing.assert_close(network.detect({}, 2), found)


def test_shares_of_a_map_sum_to_one_and_start_at_the_traces_cell() -> None:
    network = made("tracing", TRACING[0], {"maps": 2 * 15})
    result, packing = network.traced({"maps": sequences([4, 1, 5], 30)})
    cells = 2 * 3
    torch.testing.assert_close(result.attention.sum(2), torch.ones(10, cells).double())
    first = result.attention[: packing.sizes[0]]
    assert torch.equal(first, torch.eye(cells).double().expand(3, -1, -1))
    assert (result.attention[packing.sizes[0] :] > 0).all()


def test_gradients_are_those_of_finite_differences() -> None:
    network = made("tracing", {"grid": (2, 2), "width": 3, "pool": False}, {"maps": 8})
    names = ["tracing.first.weight", "tracing.lstm.weight_hh", "tracing.second.weight", "maps.convolution.weight"]
    parameters = dict(network.named_parameters())
    features = {"maps": sequences([3, 2], 8)}

    def scores(*tensors: torch.Tensor) -> torch.Tensor:
        given = dict(zip(names, tensors, strict=True))
        (found,) = (
            torch.func.functional_call(_Detects(network), {f"network.{k}": v for k, v in given.items()}, features),
        )
        return found  # type: ignore[no-any-return]

    assert torch.autograd.gradcheck(scores, [parameters[name] for name in names])


class _Detects(torch.nn.Module):
    def __init__(self, network: TracingDetector) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: dict[str, FeatureSequences]) -> torch.Tensor:
        return self.network.detect(features)


def test_weights_at_the_papers_sizes() -> None:
    """29.5 million: the readout 16.0, the reduction 9.2, the convolutions 2.3, the LSTM 2.0."""
    with torch.device("meta"):
        network = build_network("tracing", TracingSizes(), 2000, {"resnet": 7 * 7 * 2048}, False)
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    assert counts["scores"] == 2000 * 16 * 500 + 2000
    assert counts["maps"] == 9 * 2048 * 500 + 500
    assert counts["tracing"] == (9 * 500 * 500 + 500) + (9 * 500 + 1) + 4 * 500 * (500 + 500) + 2 * 4 * 500
    assert round(sum(counts.values()) / 1e6, 1) == 29.5
    assert isinstance(network, TracingDetector)
    reduced_map = network.maps(torch.zeros(3, 7 * 7 * 2048, device="meta"))
    assert reduced_map.shape == (3, 500, 4, 4)


def test_features_that_are_no_maps_are_named() -> None:
    with pytest.raises(ValueError, match=r"^network 'tracing': feature 'i3d' of 100 values a step is no map of 7 x 7 "):
        build_network("tracing", TracingSizes(), 20, {"maps": 98, "i3d": 100}, False)
    with pytest.raises(ValueError, match=r"^network 'temporal': there are no concepts to detect$"):
        build_network("temporal", TemporalSizes(), 0, {"i3d": 100}, False)
    with pytest.raises(ValueError, match=r"^network 'temporal': it sees features alone: give at least one$"):
        build_network("temporal", TemporalSizes(), 5, {}, False)
    assert isinstance(build_network("temporal", TemporalSizes(), 1, {"i3d": 100}, False), TemporalDetector)


@pytest.mark.parametrize("name", ["tracing", "temporal"])
def test_mixed_precision_trains(name: str) -> None:
    sizes = {"width": 4} if name == "temporal" else TRACING[2]
    network = made(name, sizes, {"maps": 12}).float().train()
    features = {"maps": FeatureSequences(sequences([4, 1, 5], 12).values.float(), torch.tensor([4, 1, 5]))}
    full = network.eval().detect(features)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = network.detect(features)
    torch.testing.assert_close(mixed.float(), full, atol=0.1, rtol=0.05)
    mixed.float().sum().backward()
    gradients = [parameter.grad for parameter in network.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
