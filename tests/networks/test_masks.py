"""Padding is never read, whatever stands in it, and nothing that is missing gives NaN."""

from dataclasses import replace

import pytest
import torch

from pipeline.networks.base import Decoded, Generator
from pipeline.networks.inputs import Inputs
from pipeline.networks.registry import build_network
from pipeline.networks.sizes import SIZES, AttentionSizes
from pipeline.tensors import FeatureSequences, Sequences
from tests.networks.conftest import DIMS, SMALL, VOCABULARY

NO_PAIR = Sequences(torch.zeros(0, 1, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))


def soil(sequences: Sequences, word: int) -> Sequences:
    """Two more places, and ``word`` in every place that is padding."""
    wider = torch.nn.functional.pad(sequences.ids, (0, 2))
    return Sequences(wider.masked_fill(~Sequences(wider, sequences.lengths).mask(), word), sequences.lengths)


def soil_features(features: FeatureSequences, value: float) -> FeatureSequences:
    wider = torch.nn.functional.pad(features.values, (0, 0, 0, 2))
    mask = FeatureSequences(wider, features.lengths).mask().unsqueeze(2)
    return FeatureSequences(wider.masked_fill(~mask, value), features.lengths)


def soiled(inputs: Inputs, word: int, value: float) -> Inputs:
    return replace(
        inputs,
        questions=soil(inputs.questions, word),
        pairs=soil(inputs.pairs, word),
        history=torch.nn.functional.pad(inputs.history, (0, 1), value=-1),
        features={key: soil_features(feature, value) for key, feature in inputs.features.items()},
    )


def outcome(network: Generator, inputs: Inputs, targets: Sequences) -> tuple[Decoded, dict[str, torch.Tensor]]:
    """What a network decodes, and the gradients of a loss over logits and contexts."""
    decoded = network(inputs, targets)
    loss = decoded.logits.square().sum() + decoded.context.exp().sum()
    parameters = dict(network.named_parameters())
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, materialize_grads=True)
    return decoded, dict(zip(parameters, gradients, strict=True))


# A word beyond the vocabulary: looking it up would raise.
GARBAGE = [(9, 1e30), (9, float("nan")), (10**6, float("inf"))]


def check_padding(network: Generator, inputs: Inputs, targets: Sequences, word: int, value: float) -> None:
    clean, gradients = outcome(network, inputs, targets)
    dirty, dirty_gradients = outcome(network, soiled(inputs, word, value), soil(targets, word))
    exact = {"rtol": 0.0, "atol": 1e-12}
    torch.testing.assert_close(dirty.logits, clean.logits, **exact)
    torch.testing.assert_close(dirty.context, clean.context, **exact)
    for key, gradient in gradients.items():
        torch.testing.assert_close(dirty_gradients[key], gradient, rtol=1e-9, atol=1e-12, msg=key)


@pytest.mark.parametrize(("word", "value"), GARBAGE)
def test_padding_changes_nothing_in_any_network(case, word, value, build, make_inputs):
    check_padding(build(*case), *make_inputs(), word, value)


@pytest.mark.parametrize(("word", "value"), GARBAGE)
def test_padding_changes_nothing_in_any_view(view, word, value, build, make_inputs):
    name, dims, history = view
    check_padding(build(name, dims=dims, history=history), *make_inputs(), word, value)


@pytest.mark.parametrize(("word", "value"), GARBAGE)
def test_padding_changes_no_step_of_a_search(case, word, value, build, make_inputs):
    network = build(*case)
    inputs, targets = make_inputs()
    predictions = []
    for given in (inputs, soiled(inputs, word, value)):
        encoded = network.encode(given)
        first = network.predict(encoded, network.start(encoded))
        state = network.advance(network.start(encoded), first, targets.ids[:, 0])
        predictions.append(network.predict(encoded, state))
    clean, dirty = predictions
    torch.testing.assert_close(dirty.logits, clean.logits, rtol=0, atol=1e-12)
    for key, share in clean.attention.items():
        torch.testing.assert_close(dirty.attention[key][:, : share.shape[1]], share, rtol=0, atol=1e-12)
        assert not dirty.attention[key][:, share.shape[1] :].any(), key


def no_question(inputs: Inputs) -> Inputs:
    lengths = inputs.questions.lengths * torch.tensor([1, 0, 1, 0, 1])
    return replace(inputs, questions=Sequences(inputs.questions.ids, lengths))


def no_question_at_all(inputs: Inputs) -> Inputs:
    return replace(inputs, questions=Sequences(torch.zeros(5, 0, dtype=torch.int64), torch.zeros_like(inputs.dialog)))


def no_pair(inputs: Inputs) -> Inputs:
    return replace(inputs, pairs=NO_PAIR, history=torch.zeros(5, 0, dtype=torch.int64))


def no_pair_but_padding(inputs: Inputs) -> Inputs:
    return replace(inputs, pairs=NO_PAIR, history=torch.full((5, 2), -1))


def no_step(inputs: Inputs) -> Inputs:
    features = {
        key: FeatureSequences(value.values[:, :1], torch.zeros_like(value.lengths))
        for key, value in inputs.features.items()
    }
    return replace(inputs, features=features)


def no_step_and_no_padding(inputs: Inputs) -> Inputs:
    features = {
        key: FeatureSequences(value.values[:, :0], torch.zeros_like(value.lengths))
        for key, value in inputs.features.items()
    }
    return replace(inputs, features=features)


def nothing(inputs: Inputs) -> Inputs:
    return no_question_at_all(no_pair(no_step(inputs)))


LACKS = [no_question, no_question_at_all, no_pair, no_pair_but_padding, no_step, no_step_and_no_padding, nothing]


@pytest.mark.parametrize("lack", LACKS)
def test_what_is_missing_gives_finite_values_and_gradients(case, lack, build, make_inputs):
    network = build(*case).train()
    inputs, targets = make_inputs()
    decoded, gradients = outcome(network, lack(inputs), targets)
    assert decoded.logits.shape == (14, 11)
    assert decoded.logits.isfinite().all()
    assert decoded.context.isfinite().all()
    for key, gradient in gradients.items():
        assert gradient.isfinite().all(), key
    assert gradients["output.bias"].abs().sum() > 0


@pytest.mark.parametrize("lack", LACKS)
def test_padding_changes_nothing_where_something_is_missing(case, lack, build, make_inputs):
    inputs, targets = make_inputs()
    check_padding(build(*case), lack(inputs), targets, 9, float("nan"))


@pytest.mark.parametrize("lack", LACKS)
def test_a_search_without_it_is_finite_too(case, lack, build, make_inputs):
    network = build(*case)
    inputs, targets = make_inputs()
    encoded = network.encode(lack(inputs))
    state = network.start(encoded)
    for place in range(3):
        prediction = network.predict(encoded, state)
        assert prediction.logits.isfinite().all()
        assert all(share.isfinite().all() for share in prediction.attention.values())
        state = network.advance(state, prediction, targets.ids[:, place])


@pytest.mark.parametrize("name", ["attention", "naive_fusion"])
def test_an_empty_history_learns_its_step(name, build, make_inputs):
    network = build(name)
    inputs, targets = make_inputs()
    assert outcome(network, no_pair(inputs), targets)[1]["history.empty"].abs().sum() > 0


def test_a_question_without_words_leaves_the_other_turns_alone(case, build, make_inputs):
    if not SIZES[case[0]].takes_question:
        pytest.skip("reads no question")
    network = build(*case)
    inputs, targets = make_inputs()
    whole, lacking = network(inputs, targets).logits, network(no_question(inputs), targets).logits
    kept = torch.repeat_interleave(torch.tensor([True, False, True, False, True]), targets.lengths)
    torch.testing.assert_close(lacking[kept], whole[kept])
    assert not torch.allclose(lacking[~kept], whole[~kept], atol=1e-3)


def test_concept_words_have_no_padding_and_missing_ones_give_no_nan(make_inputs):
    torch.manual_seed(2)
    network = build_network("attention", AttentionSizes(**SMALL["attention"]), VOCABULARY, DIMS, True, concepts=True)
    network.double().eval()
    inputs, targets = make_inputs()
    few = replace(inputs, concepts=Sequences(torch.tensor([[5, 8, 4], [6, 0, 0]]), torch.tensor([3, 1])))
    dirty = replace(few, concepts=soil(few.concepts, 10**6))
    clean, gradients = outcome(network, few, targets)
    other, dirty_gradients = outcome(network, dirty, targets)
    torch.testing.assert_close(other.logits, clean.logits, rtol=0.0, atol=1e-12)
    for key, gradient in gradients.items():
        torch.testing.assert_close(dirty_gradients[key], gradient, rtol=1e-9, atol=1e-12, msg=key)
    assert gradients["concepts.linear.weight"].abs().max() > 0
    # Taken away, or none found, is the same: c of the modality is zero.
    none = replace(inputs, concepts=Sequences(torch.zeros(2, 1, dtype=torch.int64), torch.tensor([0, 0])))
    without, empty = network(inputs, targets), network(none, targets)
    assert torch.isfinite(without.logits).all()
    torch.testing.assert_close(empty.logits, without.logits, rtol=0.0, atol=1e-12)
    assert not torch.allclose(clean.logits, without.logits)
    # The order of the words says nothing: attention has none.
    turned = replace(few, concepts=Sequences(torch.tensor([[4, 5, 8], [6, 0, 0]]), torch.tensor([3, 1])))
    torch.testing.assert_close(network(turned, targets).logits, clean.logits, rtol=0.0, atol=1e-12)


def test_a_search_step_sees_the_concept_words(make_inputs):
    torch.manual_seed(2)
    network = build_network("attention", AttentionSizes(**SMALL["attention"]), VOCABULARY, DIMS, True, concepts=True)
    network.double().eval()
    inputs, _ = make_inputs()
    seen = replace(inputs, concepts=Sequences(torch.tensor([[5, 8, 4], [6, 0, 0]]), torch.tensor([3, 1])))
    encoded = network.encode(seen)
    prediction = network.predict(encoded, network.start(encoded))
    shares = prediction.attention["concepts"]
    assert shares.shape == (5, 3)
    torch.testing.assert_close(shares.sum(1), torch.ones(5, dtype=torch.float64))
    assert (shares[3:, 1:] == 0).all() and (shares[3:, 0] == 1).all()
