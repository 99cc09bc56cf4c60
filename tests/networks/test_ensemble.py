"""Several networks as one: means by hand, and the same answers in both forms of the seam."""

from collections.abc import Callable

import pytest
import torch

from pipeline.answers.search import search
from pipeline.config import Answers
from pipeline.networks.base import Generator
from pipeline.networks.ensemble import Ensemble


def members(build: Callable[..., Generator], name: str, count: int = 3) -> list[Generator]:
    made = [build(name) for _ in range(count)]
    for seed, network in enumerate(made):
        torch.manual_seed(seed)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.3)
    return made


def test_words_are_as_probable_as_they_are_in_the_mean(build, make_inputs, name):
    networks = members(build, name)
    together = Ensemble(networks).eval()
    inputs, targets = make_inputs()
    found = together(inputs, targets)
    each = [network(inputs, targets) for network in networks]
    expected = sum(one.logits.softmax(-1) for one in each) / 3
    torch.testing.assert_close(found.logits.softmax(-1), expected)
    torch.testing.assert_close(found.logits.exp().sum(1), torch.ones(len(found.logits), dtype=torch.float64))
    torch.testing.assert_close(found.context, torch.cat([one.context for one in each], 1))


def test_the_steps_of_a_search_are_those_of_teacher_forcing(build, make_inputs, name):
    together = Ensemble(members(build, name)).eval()
    inputs, targets = make_inputs()
    encoded = together.encode(inputs)
    expected = iter(together.decode(encoded, targets).logits)
    state = together.start(encoded)
    steps = []
    for place in range(targets.ids.shape[1]):
        prediction = together.predict(encoded, state)
        steps.append(prediction.logits)
        rows = torch.arange(len(targets.ids))
        state = together.advance(state, prediction.passed_on(rows), targets.ids[:, place])
    for row, length in enumerate(targets.lengths.tolist()):
        for place in range(length):
            torch.testing.assert_close(steps[place][row], next(expected))


def test_shares_of_attention_are_means(build, make_inputs):
    networks = members(build, "attention", 2)
    inputs, _ = make_inputs()
    together = Ensemble(networks).eval()
    encoded = together.encode(inputs)
    found = together.predict(encoded, together.start(encoded))
    each = [network.predict(own := network.encode(inputs), network.start(own)) for network in networks]
    for modality, share in found.attention.items():
        torch.testing.assert_close(share, (each[0].attention[modality] + each[1].attention[modality]) / 2)
    torch.testing.assert_close(found.modality, (each[0].modality + each[1].modality) / 2)


def test_copies_answer_as_one_does(build, make_inputs, name):
    network = members(build, name, 1)[0]
    inputs, _ = make_inputs()
    settings = Answers(beam=3, max_length=6, n_best=3)
    together = Ensemble([network, network]).eval()
    for one, other in zip(
        search(network, network.encode(inputs), settings),
        search(together, together.encode(inputs), settings),
        strict=True,
    ):
        assert [answer.ids for answer in one] == [answer.ids for answer in other]
        assert [answer.score for answer in one] == pytest.approx([answer.score for answer in other])
