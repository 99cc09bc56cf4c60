"""What every dialog network promises: steps equal teacher forcing, dialogs equal their turns, dropout, precision."""

from dataclasses import replace

import pytest
import torch

from pipeline.networks.base import Decoded, Generator
from pipeline.networks.inputs import Inputs
from pipeline.tensors import FeatureSequences, Sequences

ATTENDING = ("attention", "hierarchical")
"""Networks with attention over time at every word."""


def stepwise(network: Generator, inputs: Inputs, targets: Sequences) -> Decoded:
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


def alone(inputs: Inputs, targets: Sequences, turn: int) -> tuple[Inputs, Sequences]:
    """One turn as a batch of its own, without any padding; its history's pairs and its video alone."""
    pairs = inputs.history[turn][inputs.history[turn] >= 0]
    row, dialog = torch.tensor([turn]), inputs.dialog[turn : turn + 1]

    def cut(sequences: Sequences) -> Sequences:
        longest = int(sequences.lengths.max()) if len(sequences.lengths) else 1
        return Sequences(sequences.ids[:, :longest], sequences.lengths)

    def cut_features(features: FeatureSequences) -> FeatureSequences:
        return FeatureSequences(features.values[:, : int(features.lengths[0])], features.lengths)

    view = Inputs(
        questions=cut(inputs.questions.select(row)),
        pairs=cut(inputs.pairs.select(pairs)),
        history=torch.arange(len(pairs)).unsqueeze(0),
        features={key: cut_features(value.select(dialog)) for key, value in inputs.features.items()},
        dialog=torch.tensor([0]),
    )
    return view, cut(targets.select(row))


def losses(decoded: Decoded, targets: Sequences) -> torch.Tensor:
    """A loss of every answer word, which depends on the logits and on the context vectors."""
    words = targets.ids[targets.mask()]
    scale = torch.linspace(0.5, 2, decoded.context.shape[1], dtype=torch.float64)
    return torch.nn.functional.cross_entropy(decoded.logits, words, reduction="none") + (
        (decoded.context.square() * scale).sum(1)
    )


@pytest.mark.parametrize("waste", [0, 2, 100])  # From blocks of equal rows to one block of all steps.
def test_teacher_forcing_equals_steps_in_values_and_gradients(case, waste, build, make_inputs, monkeypatch):
    monkeypatch.setattr("pipeline.networks.hierarchical.CHUNK_WASTE", waste)
    network = build(*case)
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


def test_steps_of_every_view_equal_teacher_forcing(view, build, make_inputs):
    name, dims, history = view
    network = build(name, dims=dims, history=history)
    inputs, targets = make_inputs()
    whole, steps = network(inputs, targets), stepwise(network, inputs, targets)
    torch.testing.assert_close(whole.logits, steps.logits)
    encoded = network.encode(inputs)
    prediction = network.predict(encoded, network.start(encoded))
    if name in ATTENDING:
        assert list(prediction.attention) == ["question", *dims, *(["history"] if history else [])]
        torch.testing.assert_close(prediction.modality.sum(1), torch.ones(5, dtype=torch.float64))


def test_dialogs_in_one_batch_equal_their_turns_one_by_one(case, build, make_inputs):
    network = build(*case)
    inputs, targets = make_inputs()
    parameters = dict(network.named_parameters())
    whole = network(inputs, targets)
    together = torch.autograd.grad(losses(whole, targets).sum(), list(parameters.values()))
    one_by_one = [torch.zeros_like(parameter) for parameter in parameters.values()]
    begin = 0
    for turn, length in enumerate(targets.lengths.tolist()):
        view, answer = alone(inputs, targets, turn)
        decoded = network(view, answer)
        torch.testing.assert_close(decoded.logits, whole.logits[begin : begin + length], rtol=0, atol=1e-9)
        torch.testing.assert_close(decoded.context, whole.context[begin : begin + length], rtol=0, atol=1e-9)
        loss = losses(decoded, answer).sum()
        parts = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        one_by_one = [total if part is None else total + part for total, part in zip(one_by_one, parts, strict=True)]
        begin += length
    for key, ours, theirs in zip(parameters, together, one_by_one, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9, msg=lambda text, key=key: f"{key}: {text}")
        assert ours.abs().max() > 1e-6, key


@pytest.mark.parametrize("name", ATTENDING)
def test_attention_weights_are_shares_of_real_steps(name, build, make_inputs):
    network = build(name)
    inputs, _ = make_inputs()
    encoded = network.encode(inputs)
    attention = network.predict(encoded, network.start(encoded)).attention
    ones = torch.ones(5, dtype=torch.float64)
    for key in {"question", "history"} & set(attention):
        torch.testing.assert_close(attention[key].sum(1), ones)
    torch.testing.assert_close(attention["vggish"].sum(1), torch.tensor([1.0, 1, 1, 0, 0], dtype=torch.float64))
    assert (attention["question"][~inputs.questions.mask()] == 0).all()
    assert attention["i3d_rgb"].shape == (5, 4)
    assert (attention["i3d_rgb"][3:, 2:] == 0).all()


def test_dropout_only_while_training(name, build, make_inputs):
    network = build(name, {"dropout": 0.5})
    inputs, targets = make_inputs()
    torch.testing.assert_close(network(inputs, targets).logits, network(inputs, targets).logits)
    network.train()
    assert not torch.equal(network(inputs, targets).logits, network(inputs, targets).logits)


def test_mixed_precision_trains(case, build, make_inputs):
    network = build(*case).float()
    inputs, targets = make_inputs(torch.float32)
    full = network(inputs, targets).logits
    with torch.autocast("cpu", torch.bfloat16):
        mixed = network(inputs, targets).logits
    torch.testing.assert_close(mixed.float(), full, atol=0.1, rtol=0.1)
    mixed.float().logsumexp(1).sum().backward()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("name", ATTENDING)
def test_the_decoders_state_keeps_full_precision(name, build, make_inputs):
    network = build(name).float()
    inputs, targets = make_inputs(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        encoded = network.encode(inputs)
        state = network.start(encoded)
        later = network.advance(state, network.predict(encoded, state), targets.ids[:, 0])
    dtypes = []
    for group in (encoded.start, state, later):
        dtypes += [group.dtype] if isinstance(group, torch.Tensor) else [value.dtype for value in vars(group).values()]
    assert set(dtypes) == {torch.float32}


def test_a_feature_that_is_taken_away_is_one_without_steps(name, build, make_inputs):
    network = build(name)
    inputs, targets = make_inputs()
    silent = {
        key: FeatureSequences(value.values, torch.zeros_like(value.lengths)) for key, value in inputs.features.items()
    }
    without, stepless = replace(inputs, features={}), replace(inputs, features=silent)
    torch.testing.assert_close(network(without, targets).logits, network(stepless, targets).logits)
