"""Standardised features: the same as features standardised beforehand, and kept with the weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.networks.registry import build_network
from pipeline.networks.sizes import SIZES
from pipeline.tensors import FeatureSequences
from pipeline.training.standard import LEAST_SHARE, moments, standardise

DIMS = {"i3d_rgb": 6, "vggish": 5}


class Store:
    """Features in memory."""

    def __init__(self, values):
        self.values = values
        self.dims = next(iter(values.values())).shape[1]

    def __contains__(self, video_id):
        return video_id in self.values

    def read(self, video_id):
        return self.values[video_id]


@pytest.fixture
def stores():
    rng = np.random.default_rng(3)
    return {
        name: Store({f"v{i}": rng.normal(2.0, 0.7, (i, dims)).astype(np.float32) for i in range(4)})
        for name, dims in DIMS.items()
    }


def test_moments_are_numpys_over_all_steps(stores):
    store = stores["i3d_rgb"]
    mean, deviation = moments(store, ["v1", "v2", "v3", "not there"])
    steps = np.concatenate([store.values[f"v{i}"] for i in (1, 2, 3)]).astype(np.float64)
    np.testing.assert_allclose(mean, steps.mean(0), rtol=1e-9)
    np.testing.assert_allclose(deviation, steps.std(0), rtol=1e-9)


def test_a_dimension_that_hardly_varies_is_not_blown_up():
    values = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    values[:, 1] = 4.0
    _, deviation = moments(Store({"v": values}), ["v"])
    assert deviation[1] == pytest.approx(LEAST_SHARE * np.median(values.astype(np.float64).std(0)))


def test_no_step_at_all_changes_nothing(stores):
    mean, deviation = moments(stores["vggish"], ["v0", "elsewhere"])
    assert not mean.any() and (deviation == 1).all()


@pytest.mark.parametrize("network", [name for name, sizes in SIZES.items() if sizes.can == "generate"])
def test_equal_to_features_standardised_beforehand(network, make_inputs, stores, sizes_of):
    inputs, targets = make_inputs(torch.float32)
    history = SIZES[network].takes_history
    plain = build_network(network, sizes_of(network), 11, DIMS, history).eval()
    with_moments = build_network(network, sizes_of(network, standardise=True), 11, DIMS, history).eval()
    with_moments.load_state_dict(plain.state_dict(), strict=False)
    untouched = with_moments(inputs, targets).logits
    torch.testing.assert_close(untouched, plain(inputs, targets).logits)
    standardise(with_moments, stores, ["v1", "v2", "v3"])
    features = {}
    for name, sequences in inputs.features.items():
        mean, deviation = moments(stores[name], ["v1", "v2", "v3"])
        scaled = (sequences.values.numpy() - mean) / deviation
        features[name] = FeatureSequences(torch.from_numpy(scaled.astype(np.float32)), sequences.lengths)
    expected = plain(replace(inputs, features=features), targets).logits
    found = with_moments(inputs, targets).logits
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found, untouched, atol=1e-3)


def test_moments_travel_with_the_weights(stores):
    first = build_network("attention", SIZES["attention"](standardise=True), 11, DIMS, True)
    standardise(first, stores, ["v3"])
    second = build_network("attention", SIZES["attention"](standardise=True), 11, DIMS, True)
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(second.standard.i3d_rgb_mean, first.standard.i3d_rgb_mean)
    assert second.standard.i3d_rgb_mean.abs().sum() > 0
