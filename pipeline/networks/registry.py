"""Networks by the name a configuration gives them.

>>> from pipeline.networks.sizes import NaiveFusionSizes
>>> type(build_network("naive_fusion", NaiveFusionSizes(), 11, {"i3d_rgb": 6}, history=True)).__name__
'NaiveFusionNetwork'
>>> build_network("naive_fusion", AttentionSizes(), 11, {"i3d_rgb": 6}, history=True)
Traceback (most recent call last):
ValueError: network 'naive_fusion': sizes must be NaiveFusionSizes, not AttentionSizes
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.networks.attention import AttentionNetwork
from pipeline.networks.base import Generator, Network
from pipeline.networks.captioner import CaptionerNetwork
from pipeline.networks.ct_san import CTSANNetwork
from pipeline.networks.ct_san_pairs import CTSANChooser, CTSANFiller, CTSANFinder
from pipeline.networks.detectors import TemporalDetector, TracingDetector
from pipeline.networks.hierarchical import HierarchicalNetwork
from pipeline.networks.jsfusion import JSFusionFiller, JSFusionNetwork
from pipeline.networks.naive_fusion import NaiveFusionNetwork
from pipeline.networks.reserved import can_name_an_input
from pipeline.networks.sizes import (
    SIZES,
    AttentionSizes,
    CaptionerSizes,
    CTSANChooseSizes,
    CTSANFillSizes,
    CTSANFindSizes,
    CTSANSizes,
    HierarchicalSizes,
    JSFusionFillSizes,
    JSFusionSizes,
    NaiveFusionSizes,
    PackageSizes,
    Sizes,
    TemporalSizes,
    TracingSizes,
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

    vocabulary_size: words, of a detector the concepts. feature_dims: dimensions of each feature it sees, in order; may
    be empty where it reads questions. question: whether it is asked anything; a network that has no other form is then
    asked `<sos>` (`dataset.views`). concepts: whether the words that were detected in a video are one of its
    modalities. Raises `ValueError`, which names the network and everything that does not fit.
    """
    if problems := list(_problems(name, sizes, vocabulary_size, feature_dims, history, concepts)):
        raise ValueError(f"network {name!r}: {'; '.join(problems)}")
    match sizes:
        case AttentionSizes():
            return AttentionNetwork(sizes, vocabulary_size, feature_dims, history, question, concepts)
        case NaiveFusionSizes():
            return NaiveFusionNetwork(sizes, vocabulary_size, feature_dims, history)
        case PackageSizes():
            return sizes.network(vocabulary_size, feature_dims, history, question)
    return _WITHOUT_HISTORY[type(sizes)](sizes, vocabulary_size, feature_dims)


_WITHOUT_HISTORY: dict[type[Sizes], Callable[[Any, int, Mapping[str, int]], Network]] = {
    HierarchicalSizes: HierarchicalNetwork,
    CaptionerSizes: CaptionerNetwork,
    JSFusionSizes: JSFusionNetwork,
    JSFusionFillSizes: JSFusionFiller,
    TracingSizes: TracingDetector,
    TemporalSizes: TemporalDetector,
    CTSANSizes: CTSANNetwork,
    CTSANFillSizes: CTSANFiller,
    CTSANChooseSizes: CTSANChooser,
    CTSANFindSizes: CTSANFinder,
}
"""What is made of which sizes, words and features, and asked no more."""


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
    if concepts and not (sizes.attends_concepts or sizes.takes_concepts):
        yield "it attends over no concept words"
    if not feature_dims and not SIZES[name].takes_question:
        yield "it sees features alone: give at least one"
    if not feature_dims and SIZES[name].can == "match":
        yield "it compares sentences with features: give at least one"
    if SIZES[name].can == "detect":
        if vocabulary_size < 1:
            yield "there are no concepts to detect"
    elif vocabulary_size <= END:
        yield f"a vocabulary of {vocabulary_size} entries has no room for the {END + 1} special ones"
    for feature, dims in feature_dims.items():
        if not can_name_an_input(feature):
            yield f"{feature!r} cannot name a feature: letters, digits and '_', none of torch's names nor the network's"
        if dims < 1:
            yield f"feature {feature!r} has {dims} dimensions"
    yield from sizes.misfits(feature_dims)
