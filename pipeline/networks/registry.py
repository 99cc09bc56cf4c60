"""Networks by the name a configuration gives them.

>>> from pipeline.networks.sizes import NaiveFusionSizes
>>> type(build_network("naive_fusion", NaiveFusionSizes(), 11, {"i3d_rgb": 6}, history=True)).__name__
'NaiveFusionNetwork'
>>> build_network("naive_fusion", AttentionSizes(), 11, {"i3d_rgb": 6}, history=True)
Traceback (most recent call last):
ValueError: network 'naive_fusion': sizes must be NaiveFusionSizes, not AttentionSizes
"""

from collections.abc import Iterator, Mapping

from pipeline.networks.attention import AttentionNetwork
from pipeline.networks.base import Generator, Network
from pipeline.networks.captioner import CaptionerNetwork
from pipeline.networks.hierarchical import HierarchicalNetwork
from pipeline.networks.jsfusion import JSFusionFiller, JSFusionNetwork
from pipeline.networks.naive_fusion import NaiveFusionNetwork
from pipeline.networks.reserved import can_name_an_input
from pipeline.networks.sizes import (
    SIZES,
    AttentionSizes,
    CaptionerSizes,
    HierarchicalSizes,
    JSFusionFillSizes,
    JSFusionSizes,
    NaiveFusionSizes,
    PackageSizes,
    Sizes,
)
from pipeline.vocabulary import END


def build_network(
    name: str,
    sizes: Sizes,
    vocabulary_size: int,
    feature_dims: Mapping[str, int],
    history: bool,
    question: bool = True,
    concepts: bool = False,
) -> Network:
    """A network with fresh weights.

    feature_dims: dimensions of each feature it sees, in order; may be empty where it reads questions. question: whether
    it is asked anything; a network that has no other form is then asked `<sos>` (`dataset.views`). concepts: whether
    the words that were detected in a video are one of its modalities. Raises `ValueError`, which names the network and
    everything that does not fit.
    """
    if problems := list(_problems(name, sizes, vocabulary_size, feature_dims, history, concepts)):
        raise ValueError(f"network {name!r}: {'; '.join(problems)}")
    match sizes:
        case AttentionSizes():
            return AttentionNetwork(sizes, vocabulary_size, feature_dims, history, question, concepts)
        case NaiveFusionSizes():
            return NaiveFusionNetwork(sizes, vocabulary_size, feature_dims, history)
        case HierarchicalSizes():
            return HierarchicalNetwork(sizes, vocabulary_size, feature_dims)
        case CaptionerSizes():
            return CaptionerNetwork(sizes, vocabulary_size, feature_dims)
        case JSFusionSizes():
            return _jsfusion(sizes, vocabulary_size, feature_dims)
        case PackageSizes():
            return sizes.network(vocabulary_size, feature_dims, history, question)
    raise AssertionError(f"{name!r} stands in SIZES, but no network is built from {type(sizes).__name__}")


def _jsfusion(sizes: JSFusionSizes, vocabulary_size: int, feature_dims: Mapping[str, int]) -> Network:
    if isinstance(sizes, JSFusionFillSizes):
        return JSFusionFiller(sizes, vocabulary_size, feature_dims)
    return JSFusionNetwork(sizes, vocabulary_size, feature_dims)


def build_generator(
    name: str, sizes: Sizes, vocabulary_size: int, feature_dims: Mapping[str, int], history: bool, question: bool = True
) -> Generator:
    """`build_network` of one that says something."""
    network = build_network(name, sizes, vocabulary_size, feature_dims, history, question)
    assert isinstance(network, Generator)
    return network


def _problems(
    name: str, sizes: Sizes, vocabulary_size: int, feature_dims: Mapping[str, int], history: bool, concepts: bool
) -> Iterator[str]:
    if name not in SIZES:
        yield f"not known ({', '.join(SIZES)})"
        return
    if type(sizes) is not SIZES[name]:
        yield f"sizes must be {SIZES[name].__name__}, not {type(sizes).__name__}"
    if history and not SIZES[name].takes_history:
        yield "it has no encoder for the dialog so far: give `history: false`"
    if concepts and not SIZES[name].attends_concepts:
        yield "it attends over no concept words"
    if not feature_dims and not SIZES[name].takes_question:
        yield "it sees features alone: give at least one"
    if not feature_dims and SIZES[name].can != "generate":
        yield "it compares sentences with features: give at least one"
    if vocabulary_size <= END:
        yield f"a vocabulary of {vocabulary_size} entries has no room for the {END + 1} special ones"
    for feature, dims in feature_dims.items():
        if not can_name_an_input(feature):
            yield f"{feature!r} cannot name a feature: letters, digits and '_', none of torch's names nor the network's"
        if dims < 1:
            yield f"feature {feature!r} has {dims} dimensions"
