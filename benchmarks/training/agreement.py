"""Our attention network's weights and gradients as the straightforward network has them, and how far gradients differ.

What ours keeps in one matrix stands in several there; nothing is computed, so gradients translate as weights do.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.shared.differences import gradients, relative_difference
from benchmarks.training.straightforward import StraightforwardNetwork, padded_cross_entropy
from pipeline.dataset.batch import Batch
from pipeline.networks.attention import AttentionNetwork
from pipeline.training.losses import real_words


def copy_weights(source: AttentionNetwork, target: StraightforwardNetwork) -> None:
    """Give ``target`` the weights of ``source``; both were built with the same sizes, features and history."""
    target.load_state_dict(translated(source, dict(source.named_parameters())))


def translated(network: AttentionNetwork, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``values`` by the parameters' names of ``network``, by those of `StraightforwardNetwork`."""
    return dict(_translated(network, {name: value.detach() for name, value in values.items()}))


class Difference(NamedTuple):
    """Length of the difference of two gradients over the length of the second.

    whole: of all parameters together. largest: of the parameter where it is largest. The scores' biases and queries
    have gradients in which nearly everything cancels, since a softmax does not see what all its scores share: in
    float32 ``largest`` is theirs, and says how numbers are rounded.
    """

    whole: float
    largest: float


def gradient_difference(ours: AttentionNetwork, plain: StraightforwardNetwork, batch: Batch) -> Difference:
    """How far our gradient of the mean cross entropy of ``batch`` lies from that of ``plain``.

    In the precision of the networks. Both are in evaluation mode, or without dropout: their losses would differ by
    chance.
    """
    assert batch.targets is not None
    inputs, targets = batch.views["model"], batch.targets
    loss = functional.cross_entropy(ours(inputs, targets).logits, real_words(targets))
    found = translated(ours, gradients(ours, loss))
    expected = gradients(plain, padded_cross_entropy(plain(inputs, targets), targets))
    together = [torch.cat([side[name].flatten() for name in expected]) for side in (found, expected)]
    return Difference(
        relative_difference(*together), max(relative_difference(found[name], value) for name, value in expected.items())
    )


def _translated(network: AttentionNetwork, values: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    yield from _renamed(values, "question.embedding", "question_words")
    yield from _stacked(values, "question.lstm", "question")
    for name in network.features:
        yield from _renamed(values, f"features.{name}.linear", f"projections.{name}")
    if network.history is not None:
        yield from _renamed(values, "history.words.embedding", "pair_words")
        yield from _stacked(values, "history.words.lstm", "pair")
        yield from _stacked(values, "history.pairs", "history")
        yield "empty", values["history.empty"]
    yield from _attention(network, values)
    yield from _renamed(values, "start_state", "start")
    yield from _renamed(values, "embedding", "answer_words")
    for name, value in values.items():
        if name.startswith("decoder.forwards."):
            layer, kind = name.split(".")[2:]
            yield f"cells.{layer}.{kind.removesuffix('_l0')}", value
    yield from _renamed(values, "output", "output")


def _attention(network: AttentionNetwork, values: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    context, size = values["attention.content"].shape[1], values["attention.offset"].shape[1]
    *queries, over = torch.split(values["attention.query.weight"], size)
    yield "over.state.weight", over
    yield "over.score.weight", values["attention.balance"].unsqueeze(0)
    for place, name in enumerate(network.attention.keys):
        content, energy = torch.split(values[f"attention.mixes.{name}.weight"], [context, size])
        yield from _renamed(values, f"attention.keys.{name}", f"attentions.{name}.step")
        yield f"attentions.{name}.state.weight", queries[place]
        yield f"attentions.{name}.score.weight", values["attention.score"][place].unsqueeze(0)
        yield f"over.contents.{name}.weight", content
        yield f"over.contents.{name}.bias", values["attention.content"][place]
        yield f"over.energies.{name}.weight", energy
        yield f"over.energies.{name}.bias", values["attention.offset"][place]


def _renamed(values: Mapping[str, Tensor], prefix: str, name: str) -> Iterator[tuple[str, Tensor]]:
    for kind in ("weight", "bias"):
        if f"{prefix}.{kind}" in values:
            yield f"{name}.{kind}", values[f"{prefix}.{kind}"]


def _stacked(values: Mapping[str, Tensor], prefix: str, name: str) -> Iterator[tuple[str, Tensor]]:
    """One-layer LSTMs of each direction as the parameters of one stacked `nn.LSTM`."""
    for direction, ending in (("forwards", ""), ("backwards", "_reverse")):
        start = f"{prefix}.{direction}."
        for key, value in values.items():
            if key.startswith(start):
                layer, kind = key.removeprefix(start).split(".")
                yield f"{name}.{kind.removesuffix('0')}{layer}{ending}", value
