"""Log probabilities of sentences: as a plain loop over words has them, and as a search does."""

import math

import pytest
import torch

from pipeline.answers.search import search
from pipeline.config import Answers
from pipeline.dataset.dialogs import sequences
from pipeline.networks.base import Generator
from pipeline.networks.ensemble import Ensemble
from pipeline.networks.inputs import Inputs
from pipeline.networks.registry import build_network
from pipeline.networks.sizes import SIZES
from pipeline.systems.sentences import log_probabilities
from pipeline.tensors import FeatureSequences, TensorGroup
from pipeline.vocabulary import END, UNKNOWN

SMALL = {"embedding": 5, "context": 6, "decoder_hidden": 5}
WORDS = 12
SENTENCES = [[[4, 5, 6], [], [UNKNOWN, 7]], [[8]], [[9, 9, 9, 9, 9], [4, UNKNOWN, UNKNOWN, 11]]]
"""Of three turns; one of no word, and words that nobody knows."""


def network_of(name: str, seed: int = 1) -> Generator:
    torch.manual_seed(seed)
    made = SIZES[name].model_validate(SMALL if name == "attention" else {})
    network = build_network(name, made, WORDS, {"sound": 3}, SIZES[name].takes_history).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            # Far from uniform.
            parameter.add_(torch.randn_like(parameter) * 0.3)
    assert isinstance(network, Generator)
    return network


@pytest.fixture
def inputs() -> Inputs:
    """Two dialogs, of two turns and of one."""
    generator = torch.Generator().manual_seed(3)
    return Inputs(
        questions=sequences([[4, 5], [6], [7, 8, 9]]),
        pairs=sequences([[4, 5, 6, END]]),
        history=torch.tensor([[-1], [0], [-1]]),
        features={
            "sound": FeatureSequences(
                torch.randn(2, 4, 3, generator=generator, dtype=torch.float64), torch.tensor([4, 0])
            )
        },
        dialog=torch.tensor([0, 0, 1]),
    )


def by_the_word(network: Generator, inputs: Inputs, turn: int, sentence: list[int]) -> float:
    """Log P of one sentence: a softmax for each word, by the search's steps."""
    row = torch.tensor([turn])
    encoded = network.encode(inputs).select(row)
    state, total = network.start(encoded), 0.0
    for word in [*sentence, END]:
        prediction = network.predict(encoded, state)
        exponents = [math.exp(value) for value in prediction.logits[0].tolist()]
        total += math.log(exponents[word] / sum(exponents))
        state = network.advance(state, prediction, torch.tensor([word]))
    return total


@pytest.mark.parametrize("name", ["attention", "naive_fusion", "hierarchical", "ensemble"])
def test_they_are_those_of_a_plain_loop(inputs: Inputs, name: str) -> None:
    network = Ensemble([network_of("attention", seed) for seed in (1, 2)]) if name == "ensemble" else network_of(name)
    with torch.no_grad():
        found = log_probabilities(network.eval(), inputs, SENTENCES)
        means = log_probabilities(network.eval(), inputs, SENTENCES, per_word=True)
        for turn, own in enumerate(SENTENCES):
            expected = [by_the_word(network, inputs, turn, sentence) for sentence in own]
            assert found[turn].tolist() == pytest.approx(expected, abs=1e-9)
            by_word = [value / (len(sentence) + 1) for value, sentence in zip(expected, own, strict=True)]
            assert means[turn].tolist() == pytest.approx(by_word, abs=1e-9)


def test_all_sentences_of_up_to_two_words_have_the_probability_that_is_left(inputs: Inputs) -> None:
    """All sentences of at most two words, and all beginnings of longer ones, are everything that can be said."""
    network = network_of("attention")
    every = [[], *([a] for a in range(WORDS) if a != END)]
    every += [[a, b] for a in range(WORDS) for b in range(WORDS) if END not in (a, b)]
    [found, *_] = log_probabilities(network, inputs, [every, [[4]], [[4]]])
    encoded = network.encode(inputs).select(torch.tensor([0]))
    longer = 0.0
    with torch.no_grad():
        first = network.predict(encoded, network.start(encoded))
        for a in (word for word in range(WORDS) if word != END):
            state = network.advance(network.start(encoded), first, torch.tensor([a]))
            second = network.predict(encoded, state)
            for b in (word for word in range(WORDS) if word != END):
                third = network.predict(encoded, network.advance(state, second, torch.tensor([b])))
                parts = (first.logits.softmax(1)[0, a], second.logits.softmax(1)[0, b], third.logits.softmax(1)[0, END])
                longer += float(parts[0] * parts[1] * (1 - parts[2]))
    assert float(found.exp().sum()) + longer == pytest.approx(1.0, abs=1e-9)


def test_what_a_search_has_found_is_as_probable_as_it_said(inputs: Inputs) -> None:
    network, bonus = network_of("attention"), 0.7
    with torch.no_grad():
        answers = search(network, network.encode(inputs), Answers(beam=4, n_best=3, max_length=5, bonus=bonus))
    assert [len(each) for each in answers] == [3, 3, 3]
    found = log_probabilities(network, inputs, [[list(answer.ids) for answer in each] for each in answers])
    for scores, each in zip(found, answers, strict=True):
        expected = [answer.score - bonus * (len(answer.ids) + 1) for answer in each]
        assert scores.tolist() == pytest.approx(expected, abs=1e-5)


def test_a_turn_is_encoded_once(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of("attention")
    seen: list[int] = []
    encode = network.encode

    def counted(given: Inputs) -> TensorGroup:
        seen.append(len(given.dialog))
        return encode(given)

    monkeypatch.setattr(network, "encode", counted)
    log_probabilities(network, inputs, SENTENCES)
    assert seen == [3]
