"""Tied weights and shared embeddings: one table where there were several, saved once, trained by all who read it."""

import copy

import pytest
import torch
from safetensors.torch import load, save

from pipeline.networks.registry import build_network
from pipeline.networks.sizes import SIZES

TABLES = {
    "attention": ["question.embedding.weight", "history.words.embedding.weight", "embedding.weight"],
    "naive_fusion": ["question.embedding.weight", "history.words.embedding.weight", "embedding.weight"],
    "hierarchical": ["question_embedding.weight", "embedding.weight"],
    "captioner": ["embedding.weight"],
    "ct_san": ["embedding.weight"],
}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_which_parameters_there_are(name, tied, shared, build):
    network = build(name, {"tie_weights": tied, "share_embeddings": shared})
    names = {key for key, _ in network.named_parameters()}
    assert names & set(TABLES[name]) == ({"embedding.weight"} if shared else set(TABLES[name]))
    assert ("output.weight" in names) is not tied
    assert "output.bias" in names
    assert names == set(dict(network.named_parameters(remove_duplicate=False)))
    # No other parameter has a row for each of the 11 words.
    rows = {key for key, value in network.named_parameters() if value.dim() == 2 and value.shape[0] == 11}
    assert rows == names & {*TABLES[name], "output.weight"}


def test_both_are_off_by_default(name):
    sizes = SIZES[name]()
    assert (sizes.tie_weights, sizes.share_embeddings) == (False, False)


def test_a_layer_stands_between_where_widths_differ(build):
    assert build("attention", {"tie_weights": True}).bridge.weight.shape == (5, 11)
    assert not list(build("attention", {"tie_weights": True, "embedding": 11}).bridge.parameters())
    assert not list(build("attention").bridge.parameters())
    assert build("naive_fusion", {"tie_weights": True}).bridge.weight.shape == (5, 7)
    assert not list(build("naive_fusion", {"tie_weights": True, "output": 5}).bridge.parameters())


def test_saved_once_and_copied_whole(case, build, make_inputs):
    name, changes = case
    network = build(name, changes)
    inputs, targets = make_inputs()
    expected = network(inputs, targets).logits
    state = load(save(network.state_dict()))  # Refuses tensors that share memory.
    fresh = build(name, changes)
    with torch.no_grad():
        for parameter in fresh.parameters():
            parameter.zero_()
    fresh.load_state_dict(state)
    torch.testing.assert_close(fresh(inputs, targets).logits, expected)
    twin = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    torch.testing.assert_close(twin(inputs, targets).logits, expected)


def test_a_shared_table_is_trained_by_every_reader(name, build, make_inputs):
    """Its gradient is the sum of what separate tables with the same values would get."""
    inputs, targets = make_inputs()
    shared = build(name, {"tie_weights": True, "share_embeddings": True})
    apart = build(name, {"tie_weights": True})
    values = dict(shared.state_dict())
    apart.load_state_dict({key: values.get(key, values["embedding.weight"]) for key in apart.state_dict()})
    totals = []
    for network in (shared, apart):
        decoded = network(inputs, targets)
        decoded.logits.square().sum().backward()
        totals.append(sum(network.get_parameter(key).grad for key in TABLES[name] if key in network.state_dict()))
        torch.testing.assert_close(decoded.logits, shared(inputs, targets).logits)
    torch.testing.assert_close(*totals)


def test_tied_weights_are_the_embeddings(name, build, make_inputs):
    """Another embedding of a word that is never read changes the scores of that word alone."""
    inputs, targets = make_inputs()
    network = build(name, {"tie_weights": True})
    before = network(inputs, targets).logits
    with torch.no_grad():
        network.embedding.weight[1] += 1.0
    after = network(inputs, targets).logits
    assert (after != before).any(0).tolist() == [word == 1 for word in range(11)]
    after[:, 1].sum().backward()
    assert network.embedding.weight.grad[1].abs().sum() > 0  # Read as an output weight alone, it is trained as one.


def test_a_tied_embedding_starts_small(name, sizes_of):
    """A score is a sum over its width: from N(0, 1) the first scores would lie several units apart."""
    torch.manual_seed(0)
    table = build_network(name, sizes_of(name, tie_weights=True), 500, {"vggish": 5}, False).embedding
    variance = 2 if name == "hierarchical" else 1  # Its toolkit's.
    torch.testing.assert_close(table.weight.std().item(), (variance / table.embedding_dim) ** 0.5, rtol=0.02, atol=0)
