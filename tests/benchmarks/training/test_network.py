"""The straightforward network against ours, and whether its yardstick sees what it should."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from benchmarks.shared.workload import Workload, made
from benchmarks.training.agreement import copy_weights, gradient_difference, gradients, translated
from benchmarks.training.straightforward import StraightforwardNetwork, padded_cross_entropy
from pipeline.dataset.batch import Batch
from pipeline.networks.attention import AttentionNetwork
from pipeline.networks.sizes import AttentionSizes
from pipeline.tensors import Sequences

FEATURES = ("i3d_rgb", "i3d_flow", "vggish")
SIZES = AttentionSizes(
    embedding=5,
    question_hidden=4,
    history_hidden=3,
    projection={"i3d_rgb": 6, "vggish": 2},
    projection_default=4,
    attention=5,
    context=7,
    decoder_hidden=6,
)


class Uneven:
    """Videos of one to six steps."""

    def __init__(self, dims: int) -> None:
        self.dims = dims

    def __contains__(self, video_id: str) -> bool:
        return True

    def read(self, video_id: str) -> NDArray[np.float32]:
        number = int(video_id.removeprefix("made"))
        return np.random.default_rng(number).standard_normal((1 + number * 7 % 6, self.dims), np.float32)


@pytest.fixture(scope="module")
def workload() -> Workload:
    return made(4, seed=3, stores={name: Uneven(8 + place) for place, name in enumerate(FEATURES)})


def doubled(batch: Batch) -> Batch:
    return batch.map(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)


def pair(
    workload: Workload, features: Sequence[str], history: bool, sizes: AttentionSizes = SIZES
) -> tuple[AttentionNetwork, StraightforwardNetwork]:
    """Both networks in float64 with the same weights, none of them zero."""
    torch.manual_seed(5)
    dims = {name: workload.dims[name] for name in features}
    ours = AttentionNetwork(sizes, len(workload.vocabulary), dims, history).double().eval()
    plain = StraightforwardNetwork(sizes, len(workload.vocabulary), dims, history).double().eval()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.copy_(torch.randn_like(parameter) / 3)
    copy_weights(ours, plain)
    return ours, plain


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize(
    "features", [(), ("vggish",), ("i3d_flow", "i3d_rgb"), FEATURES], ids=lambda names: "+".join(names) or "text"
)
def test_outputs_and_gradients_are_equal(workload: Workload, features: tuple[str, ...], history: bool) -> None:
    view = workload.view("summary" if history else "none", features, history=history)
    batch = doubled(next(workload.batches({"model": view})))
    assert batch.targets is not None
    ours, plain = pair(workload, features, history)
    inputs = batch.views["model"]
    logits = plain(inputs, batch.targets)[batch.targets.mask()]
    torch.testing.assert_close(ours(inputs, batch.targets).logits, logits, rtol=1e-11, atol=1e-11)
    found = gradient_difference(ours, plain, batch)
    assert 0 < found.whole <= found.largest < 1e-9


def test_layers_of_the_decoder(workload: Workload) -> None:
    sizes = SIZES.model_copy(update={"decoder_layers": 2, "question_layers": 1, "history_layers": 1})
    ours, plain = pair(workload, FEATURES, True, sizes)
    batch = doubled(next(workload.batches({"model": workload.view()})))
    assert gradient_difference(ours, plain, batch).largest < 1e-9


def test_a_batch_of_first_turns_has_no_history(workload: Workload) -> None:
    split = workload.split({"model": workload.view()})
    batch = doubled(split.dataset.batch([(0, (0,)), (2, (0,))]))
    ours, plain = pair(workload, FEATURES, True)
    assert gradient_difference(ours, plain, batch).largest < 1e-9


@pytest.mark.parametrize(
    "name", ["over.energies.vggish.bias", "attentions.history.state.weight", "cells.0.weight_hh", "empty"]
)
def test_another_weight_is_seen(workload: Workload, name: str) -> None:
    ours, plain = pair(workload, FEATURES, True)
    with torch.no_grad():
        dict(plain.named_parameters())[name].add_(0.1)
    batch = doubled(next(workload.batches({"model": workload.view()})))
    found = gradient_difference(ours, plain, batch)
    assert found.largest > 1e-3
    assert found.whole > 1e-6


def test_no_gradient_is_lost_in_translation(workload: Workload) -> None:
    ours, _ = pair(workload, FEATURES, True)
    batch = doubled(next(workload.batches({"model": workload.view()})))
    assert batch.targets is not None
    found = gradients(ours, ours(batch.views["model"], batch.targets).logits.square().sum())
    own, other = (
        sum(float(value.square().sum()) for value in values.values()) for values in (found, translated(ours, found))
    )
    assert own == pytest.approx(other, rel=1e-12)
    assert own > 0


def test_every_turn_projects_its_video_again(workload: Workload) -> None:
    _, plain = pair(workload, FEATURES, True)
    rows = []
    hooked = plain.projections["i3d_rgb"]
    assert isinstance(hooked, nn.Linear)
    hooked.register_forward_hook(lambda module, inputs, output: rows.append(output.shape[0]))
    calls = []
    plain.output.register_forward_hook(lambda module, inputs, output: calls.append(output.shape))
    batch = doubled(next(workload.batches({"model": workload.view()})))
    assert batch.targets is not None
    plain(batch.views["model"], batch.targets)
    assert rows == [batch.turns]
    longest = int(batch.targets.lengths.max())
    assert calls == [(batch.turns, len(workload.vocabulary))] * longest


def test_padded_words_do_not_count() -> None:
    logits = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(1))
    targets = Sequences(torch.tensor([[1, 2, 3], [4, 0, 0]]), torch.tensor([3, 1]))
    chances = functional.softmax(logits, 2).numpy()
    by_hand = -np.mean(np.log([chances[0, 0, 1], chances[0, 1, 2], chances[0, 2, 3], chances[1, 0, 4]]))
    assert float(padded_cross_entropy(logits, targets)) == pytest.approx(float(by_hand), rel=1e-5)
