"""What every dialog network promises: steps equal teacher forcing, padding is never read, nothing missing breaks it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from pipeline.networks.base import Decoded, DialogNetwork
from pipeline.networks.inputs import Inputs
from pipeline.networks.registry import build_network
from pipeline.networks.sizes import SIZES
from pipeline.tensors import FeatureSequences, Sequences

DIMS = {"i3d_rgb": 6, "vggish": 5}
SMALL: dict[str, dict[str, Any]] = {
    "attention": {
        "embedding": 5, "question_hidden": 3, "history_hidden": 4, "projection": {"i3d_rgb": 7},
        "projection_default": 3, "attention": 4, "context": 6, "decoder_hidden": 5,
    },
    "naive_fusion": {"embedding": 5, "hidden": 4, "attention": 3, "fusion": 6, "output": 5},
}  # fmt: skip
CASES = [("attention", {}), ("attention", {"decoder_layers": 2, "question_layers": 1}), ("naive_fusion", {})]
Maker = Callable[..., tuple[Inputs, Sequences]]


def build(
    name: str, changes: dict[str, Any] | None = None, dims: dict[str, int] = DIMS, history: bool = True
) -> DialogNetwork:
    torch.manual_seed(1)
    sizes = SIZES[name].model_validate({**SMALL[name], **(changes or {})})
    network = build_network(name, sizes, 11, dims, history).double().eval()
    with torch.no_grad():  # Constant starting values would hide mistakes.
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return network


def stepwise(network: DialogNetwork, inputs: Inputs, targets: Sequences) -> Decoded:
    """Teacher forcing by the interface of a search, one turn at a time."""
    encoded = network.encode(inputs)
    logits, contexts = [], []
    for turn, length in enumerate(targets.lengths.tolist()):
        row = encoded.select(torch.tensor([turn]))
        state = network.start(row)
        for place in range(length):
            prediction = network.predict(row, state)
            logits.append(prediction.logits)
            contexts.append(prediction.context)
            state = network.advance(state, prediction, targets.ids[turn, place : place + 1])
    return Decoded(torch.cat(logits), torch.cat(contexts))


@pytest.mark.parametrize("waste", [0, 2, 100])  # From blocks of equal rows to one block of all steps.
@pytest.mark.parametrize(("name", "changes"), CASES)
def test_teacher_forcing_equals_steps_in_values_and_gradients(
    name: str, changes: dict[str, Any], waste: int, make_inputs: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.networks.attention.CHUNK_WASTE", waste)
    monkeypatch.setattr("pipeline.networks.lstm.CHUNK_WASTE", waste)
    network = build(name, changes)
    inputs, targets = make_inputs()
    whole, steps = network(inputs, targets), stepwise(network, inputs, targets)
    assert whole.logits.shape == (14, 11)
    torch.testing.assert_close(whole.logits, steps.logits)
    torch.testing.assert_close(whole.context, steps.context)
    weights, context_weights = torch.randn_like(whole.logits), torch.randn_like(whole.context)
    parameters = dict(network.named_parameters())
    gradients = [
        torch.autograd.grad(
            (decoded.logits * weights).sum() + (decoded.context * context_weights).sum(), list(parameters.values())
        )
        for decoded in (whole, steps)
    ]
    for key, fast, plain in zip(parameters, *gradients, strict=True):
        torch.testing.assert_close(fast, plain, msg=key)
        assert fast.abs().sum() > 0, key


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_padding_is_never_read(name: str, changes: dict[str, Any], make_inputs: Maker) -> None:
    network = build(name, changes)
    inputs, targets = make_inputs()

    def soil(sequences: Sequences) -> Sequences:
        wider = torch.nn.functional.pad(sequences.ids, (0, 2))
        return Sequences(wider.masked_fill(~Sequences(wider, sequences.lengths).mask(), 9), sequences.lengths)

    def soil_features(features: FeatureSequences) -> FeatureSequences:
        wider = torch.nn.functional.pad(features.values, (0, 0, 0, 2))
        mask = FeatureSequences(wider, features.lengths).mask().unsqueeze(2)
        return FeatureSequences(wider.masked_fill(~mask, float("nan")), features.lengths)

    soiled = replace(
        inputs,
        questions=soil(inputs.questions),
        pairs=soil(inputs.pairs),
        history=torch.nn.functional.pad(inputs.history, (0, 1), value=-1),
        features={key: soil_features(value) for key, value in inputs.features.items()},
    )
    clean, dirty = network(inputs, targets), network(soiled, soil(targets))
    torch.testing.assert_close(clean.logits, dirty.logits)
    torch.testing.assert_close(clean.context, dirty.context)
    gradients = [
        torch.autograd.grad(decoded.logits.square().sum(), list(network.parameters())) for decoded in (clean, dirty)
    ]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_turns_do_not_see_each_other(name: str, changes: dict[str, Any], make_inputs: Maker) -> None:
    network = build(name, changes)
    inputs, targets = make_inputs()
    whole = network(inputs, targets)
    alone = Inputs(
        questions=inputs.questions.select(torch.tensor([2])),
        pairs=inputs.pairs.select(torch.tensor([0, 1])),
        history=torch.tensor([[0, 1]]),
        features={key: value.select(torch.tensor([0])) for key, value in inputs.features.items()},
        dialog=torch.tensor([0]),
    )
    one = network(alone, targets.select(torch.tensor([2])))
    torch.testing.assert_close(one.logits, whole.logits[6:9])


@pytest.mark.parametrize("name", SMALL)
def test_nothing_to_read_gives_finite_values_and_gradients(name: str, make_inputs: Maker) -> None:
    network = build(name).train()
    inputs, targets = make_inputs()
    bare = replace(
        inputs,
        pairs=Sequences(torch.zeros(0, 1, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)),
        history=torch.zeros(5, 0, dtype=torch.int64),
        features={
            key: FeatureSequences(torch.zeros(2, 1, dims, dtype=torch.float64), torch.zeros(2, dtype=torch.int64))
            for key, dims in DIMS.items()
        },
    )
    decoded = network(bare, targets)
    (decoded.logits.logsumexp(1).sum() + decoded.context.sum()).backward()
    assert decoded.logits.isfinite().all()
    for key, parameter in network.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), key
    empty = dict(network.named_parameters())["history.empty"].grad
    assert empty is not None
    assert empty.abs().sum() > 0

    network.eval()
    without = replace(bare, features={})
    torch.testing.assert_close(network(without, targets).logits, network(bare, targets).logits)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("dims", "history"), [({}, False), ({}, True), ({"vggish": 5}, False)])
def test_any_subset_of_modalities(name: str, dims: dict[str, int], history: bool, make_inputs: Maker) -> None:
    network = build(name, dims=dims, history=history)
    inputs, targets = make_inputs()
    whole, steps = network(inputs, targets), stepwise(network, inputs, targets)
    torch.testing.assert_close(whole.logits, steps.logits)
    encoded = network.encode(inputs)
    prediction = network.predict(encoded, network.start(encoded))
    if name == "attention":
        assert list(prediction.attention) == ["question", *dims, *(["history"] if history else [])]
        assert prediction.modality is not None
        torch.testing.assert_close(prediction.modality.sum(1), torch.ones(5, dtype=torch.float64))


def test_attention_weights_are_shares_of_real_steps(make_inputs: Maker) -> None:
    network = build("attention")
    inputs, _ = make_inputs()
    encoded = network.encode(inputs)
    attention = network.predict(encoded, network.start(encoded)).attention
    ones = torch.ones(5, dtype=torch.float64)
    torch.testing.assert_close(attention["question"].sum(1), ones)
    torch.testing.assert_close(attention["history"].sum(1), ones)
    torch.testing.assert_close(attention["vggish"].sum(1), torch.tensor([1.0, 1, 1, 0, 0], dtype=torch.float64))
    assert (attention["question"][~inputs.questions.mask()] == 0).all()
    assert attention["i3d_rgb"].shape == (5, 4)
    assert (attention["i3d_rgb"][3:, 2:] == 0).all()


@pytest.mark.parametrize("name", SMALL)
def test_dropout_only_while_training(name: str, make_inputs: Maker) -> None:
    network = build(name, {"dropout": 0.5})
    inputs, targets = make_inputs()
    torch.testing.assert_close(network(inputs, targets).logits, network(inputs, targets).logits)
    network.train()
    assert not torch.equal(network(inputs, targets).logits, network(inputs, targets).logits)


@pytest.mark.parametrize("name", SMALL)
def test_mixed_precision_trains(name: str, make_inputs: Maker) -> None:
    network = build(name).float()
    inputs, targets = make_inputs(torch.float32)
    full = network(inputs, targets).logits
    with torch.autocast("cpu", torch.bfloat16):
        mixed = network(inputs, targets).logits
    torch.testing.assert_close(mixed.float(), full, atol=0.1, rtol=0.1)
    mixed.float().logsumexp(1).sum().backward()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in network.parameters())


def test_registry_refuses_sizes_of_another_network() -> None:
    with pytest.raises(ValueError, match="AttentionSizes"):
        build_network("naive_fusion", SIZES["attention"](), 11, {}, True)
