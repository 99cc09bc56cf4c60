"""What `build_network` refuses, and that it says which network and what does not fit."""

import re

import pytest
from torch import nn

from pipeline.networks.registry import build_network
from pipeline.networks.reserved import TORCH
from pipeline.networks.sizes import SIZES, AttentionSizes

GOOD = {"vocabulary_size": 11, "feature_dims": {"i3d_rgb": 6}, "history": False}


def test_every_name_builds(name, sizes_of):
    assert build_network(name, sizes_of(name), **GOOD).standard is None


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"sizes": AttentionSizes()}, "sizes must be NaiveFusionSizes, not AttentionSizes"),
        (
            {"name": "transformer"},
            "not known (attention, naive_fusion, hierarchical, captioner, jsfusion, jsfusion_fill, tracing, temporal, "
            "ct_san, ct_san_fill, ct_san_choose, ct_san_find)",
        ),
        ({"vocabulary_size": 3}, "a vocabulary of 3 entries has no room for the 4 special ones"),
        ({"feature_dims": {"i3d_rgb": 0}}, "feature 'i3d_rgb' has 0 dimensions"),
        ({"feature_dims": {"history": 5}}, "'history' cannot name a feature"),
        ({"feature_dims": {"question": 5}}, "'question' cannot name a feature"),
        ({"feature_dims": {"i3d.rgb": 5}}, "'i3d.rgb' cannot name a feature"),
        ({"feature_dims": {"training": 5}}, "'training' cannot name a feature"),
        ({"feature_dims": {"keys": 5}}, "'keys' cannot name a feature"),
    ],
)
def test_the_error_names_the_network_and_what_does_not_fit(changes, text):
    given = {"name": "naive_fusion", "sizes": SIZES["naive_fusion"](), **GOOD, **changes}
    with pytest.raises(ValueError, match=rf"^network {given['name']!r}: .*{re.escape(text)}"):
        build_network(**given)


def test_torchs_names_are_those_of_its_container():
    assert {name for name in dir(nn.ModuleDict()) if not name.startswith("_")} == TORCH


def test_everything_that_does_not_fit_is_told_at_once():
    with pytest.raises(ValueError, match=r"^network 'attention': .*special ones; .*'keys'.*; .*'x' has -1 dimensions$"):
        build_network("attention", AttentionSizes(), 2, {"keys": 4, "x": -1}, False)


def test_no_features_for_a_network_that_sees_nothing_else(sizes_of):
    with pytest.raises(ValueError, match=r"^network 'captioner': it sees features alone: give at least one$"):
        build_network("captioner", sizes_of("captioner"), 11, {}, False)


def test_no_history_for_a_network_that_cannot_read_it():
    with pytest.raises(ValueError, match=r"^network 'hierarchical': .*`history: false`$"):
        build_network("hierarchical", SIZES["hierarchical"](), 11, {"i3d_r50": 6}, True)
