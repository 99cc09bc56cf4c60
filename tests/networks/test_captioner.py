"""What is the captioner's own: pooled features, the adaptor, first weights, and what it does not read."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.networks.captioner import CaptionerNetwork
from pipeline.networks.parts.pooling import time_means
from pipeline.networks.sizes import CaptionerSizes
from pipeline.tensors import FeatureSequences, Sequences

DIMS = {"i3d_rgb": 6, "vggish": 5}


def test_time_means_are_numpys_over_real_steps_whatever_the_padding_holds():
    generator = np.random.default_rng(0)
    values = generator.normal(size=(4, 7, 3))
    lengths = np.array([7, 0, 1, 4])
    spoilt = values.copy()
    for row, length in enumerate(lengths):
        spoilt[row, length:] = np.nan
    sequences = FeatureSequences(torch.from_numpy(spoilt), torch.from_numpy(lengths))
    like = torch.zeros(4, 1, dtype=torch.float64)
    found = time_means({"a": sequences}, {"b": 2, "a": 3}, like).numpy()
    expected = [row[:length].mean(0) if length else np.zeros(3) for row, length in zip(values, lengths, strict=True)]
    np.testing.assert_allclose(found, np.concatenate([np.zeros((4, 2)), expected], axis=1))


def test_a_silent_video_is_as_loud_as_the_mean_of_the_training_videos(build, make_inputs):
    """Where features are standardised; a video whose every step is that mean is represented alike."""
    network = build("captioner", {"standardise": True})
    inputs, targets = make_inputs()
    mean = network.standard.vggish_mean.expand(2, 3, -1)
    # The second video is silent.
    values = torch.cat((inputs.features["vggish"].values[:1], mean[1:]))
    filled = FeatureSequences(values, torch.tensor([3, 3]))
    middling = replace(inputs, features={**inputs.features, "vggish": filled})
    assert int(inputs.features["vggish"].lengths[1]) == 0
    torch.testing.assert_close(network.represent(inputs), network.represent(middling))
    assert not network.represent(inputs)[3:, DIMS["i3d_rgb"] :].any()
    torch.testing.assert_close(network(inputs, targets).logits, network(middling, targets).logits)


def test_question_pairs_and_history_are_not_read(build, make_inputs):
    network = build("captioner")
    inputs, targets = make_inputs()
    others = replace(
        inputs,
        questions=Sequences(torch.full_like(inputs.questions.ids, 10**6), inputs.questions.lengths),
        pairs=Sequences(torch.full_like(inputs.pairs.ids, 10**6), inputs.pairs.lengths),
        history=torch.full_like(inputs.history, 10**6),
    )
    assert torch.equal(network(inputs, targets).logits, network(others, targets).logits)


def test_every_row_of_a_video_has_its_representation(build, make_inputs):
    network = build("captioner", {"adaptor": True})
    inputs, _ = make_inputs()
    found = network.represent(inputs)
    assert found.shape == (5, 11)
    for row, video in enumerate(inputs.dialog.tolist()):
        first = inputs.dialog.tolist().index(video)
        assert torch.equal(found[row], found[first])
    assert not torch.allclose(found[0], found[3])


def test_encoding_is_reading_what_is_represented(build, make_inputs):
    network = build("captioner", {"adaptor": True})
    inputs, _ = make_inputs()
    assert torch.equal(network.encode(inputs).latent, network.read(network.represent(inputs)).latent)


def test_a_residual_adaptor_starts_as_the_identity_and_learns(make_inputs):
    torch.manual_seed(0)
    inputs, _ = make_inputs(torch.float32)
    plain = CaptionerNetwork(CaptionerSizes(width=6), 11, DIMS).eval()
    adapted = CaptionerNetwork(CaptionerSizes(width=6, adaptor=True, adaptor_residual=True), 11, DIMS).eval()
    torch.testing.assert_close(adapted.represent(inputs), plain.represent(inputs))
    adapted.represent(inputs).square().sum().backward()
    assert adapted.adaptor.last.weight.grad.abs().sum() > 0
    by_itself = CaptionerNetwork(CaptionerSizes(width=6, adaptor=True), 11, DIMS).eval()
    assert not torch.allclose(by_itself.represent(inputs), plain.represent(inputs), atol=1e-2)


@pytest.mark.parametrize("inject", ["add", "init", "concat"])
def test_first_weights_are_orthogonal_and_xavier(inject):
    torch.manual_seed(0)
    width, words = 48, 300
    sizes = CaptionerSizes(width=width, inject=inject, adaptor=True, adaptor_hidden=40)
    network = CaptionerNetwork(sizes, words, {"frames": 60, "sound": 20})
    bounded = {
        "latent.weight": (80, width), "output.weight": (width, words), "adaptor.first.weight": (80, 40),
        "adaptor.second.weight": (40, 40), "adaptor.last.weight": (40, 80),
    }  # fmt: skip
    parameters = {name: value.detach() for name, value in network.named_parameters()}
    for name, (inputs, outputs) in bounded.items():
        bound = np.sqrt(6 / (inputs + outputs))
        assert parameters[name].shape == (outputs, inputs)
        assert 0.95 * bound < parameters[name].abs().max() <= bound, name
    for layer in range(2):
        entries = 2 * width if layer == 0 and inject == "concat" else width
        bound = np.sqrt(6 / (entries + width))
        for gate in parameters[f"language.layers.{layer}.cells.weight_hh_l0"].chunk(3):
            torch.testing.assert_close(gate @ gate.t(), torch.eye(width), atol=1e-5, rtol=0)
        for gate in parameters[f"language.layers.{layer}.cells.weight_ih_l0"].chunk(3):
            assert gate.shape == (width, entries)
            assert 0.95 * bound < gate.abs().max() <= bound
    assert not any(value.any() for name, value in parameters.items() if "bias" in name)


def test_parameters_have_no_features_name():
    """So that a student of cheaper features, named otherwise, starts from its teacher by name and size."""
    sizes = CaptionerSizes(width=6, adaptor=True)
    networks = [CaptionerNetwork(sizes, 11, dims) for dims in ({"frames": 6, "sound": 5}, {"few": 6, "short": 5})]
    shapes = [{name: value.shape for name, value in network.named_parameters()} for network in networks]
    assert shapes[0] == shapes[1]


def test_the_papers_width_has_the_weights_the_paper_would_have():
    """By hand, with 10,000 words: a GRU layer has three gates with two matrices and two biases each."""
    with torch.device("meta"):
        network = CaptionerNetwork(CaptionerSizes(adaptor=True), 10_000, {"frames": 2048, "sound": 512})
    layer = 2 * 3 * (2576 * 2576 + 2576)
    expected = {
        "latent": 2560 * 2576 + 2576, "embedding": 10_000 * 2576, "language": 2 * layer,
        "output": 2576 * 10_000 + 10_000, "adaptor": 3 * (2560 * 2560 + 2560),
    }  # fmt: skip
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    assert {name: counts[name] for name in expected} == expected
    assert 39.8e6 <= layer <= 39.9e6
