"""Networks by the name a configuration gives them."""

from collections.abc import Mapping

from pipeline.networks.attention import AttentionNetwork
from pipeline.networks.base import DialogNetwork
from pipeline.networks.naive_fusion import NaiveFusionNetwork
from pipeline.networks.sizes import AttentionSizes, NaiveFusionSizes, Sizes


def build_network(
    name: str, sizes: Sizes, vocabulary_size: int, feature_dims: Mapping[str, int], history: bool
) -> DialogNetwork:
    """A network with fresh weights. feature_dims: dimensions of each feature it sees, in order; may be empty."""
    if name == "attention" and isinstance(sizes, AttentionSizes):
        return AttentionNetwork(sizes, vocabulary_size, feature_dims, history)
    if name == "naive_fusion" and isinstance(sizes, NaiveFusionSizes):
        return NaiveFusionNetwork(sizes, vocabulary_size, feature_dims, history)
    raise ValueError(f"no network {name!r} with {type(sizes).__name__}")
