"""Beam search against brute force over all sentences, and against a plain search of one turn at a time."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.answers.search import Answer, search
from pipeline.config import Answers
from pipeline.networks.base import Decoded, Generator, Prediction
from pipeline.networks.inputs import Inputs
from pipeline.tensors import Sequences, TensorGroup
from pipeline.vocabulary import END

SPECIAL = 4


@dataclass(frozen=True)
class Rows(TensorGroup):
    """What the network below knows of a row: its state."""

    state: Tensor


class Tiny(Generator):
    """A recurrent network without inputs: a state of random numbers a turn, moved on by every word."""

    def __init__(self, vocabulary: int, seed: int, hidden: int = 6, spread: float = 2.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.output = nn.Parameter(torch.randn(hidden, vocabulary, generator=generator) * spread)
        self.words = nn.Parameter(torch.randn(vocabulary, hidden, generator=generator))
        self.move = nn.Parameter(torch.randn(hidden, hidden, generator=generator))

    def encode(self, inputs: Inputs) -> TensorGroup:
        raise NotImplementedError

    def decode(self, encoded: TensorGroup, targets: Sequences) -> Decoded:
        raise NotImplementedError

    def start(self, encoded: TensorGroup) -> TensorGroup:
        return encoded

    def predict(self, encoded: TensorGroup, state: TensorGroup) -> Prediction:
        assert isinstance(encoded, Rows) and isinstance(state, Rows)
        # The turn's own row enters every step, for all its hypotheses: a row of the wrong turn changes the answer.
        turns, hidden = encoded.state.shape
        mixed = torch.tanh(state.state.view(turns, -1, hidden) + encoded.state.unsqueeze(1)).flatten(0, 1)
        return Prediction(mixed @ self.output, mixed, {}, None)

    def advance(self, state: TensorGroup, prediction: Prediction, words: Tensor) -> TensorGroup:
        assert isinstance(state, Rows)
        return Rows(torch.tanh(state.state @ self.move + self.words[words]))


def turns(count: int, seed: int, hidden: int = 6) -> Rows:
    return Rows(torch.randn(count, hidden, generator=torch.Generator().manual_seed(seed)))


def log_probabilities(network: Tiny, row: np.ndarray, prefix: tuple[int, ...]) -> np.ndarray:
    """log P of the next word after ``prefix``, in NumPy."""
    output, words, move = (p.detach().numpy().astype(np.float64) for p in (network.output, network.words, network.move))
    state = row
    for word in prefix:
        state = np.tanh(state @ move + words[word])
    logits = np.tanh(state + row) @ output
    return logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())


def sentence_score(network: Tiny, row: np.ndarray, words: tuple[int, ...], bonus: float) -> float:
    whole = (*words, END)
    return sum(log_probabilities(network, row, whole[:i])[w] for i, w in enumerate(whole)) + bonus * len(whole)


def plain_search(network: Tiny, row: np.ndarray, settings: Answers) -> list[tuple[tuple[int, ...], float]]:
    """The rules word for word, one hypothesis at a time, without an early end."""
    live: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    done: list[tuple[tuple[int, ...], float]] = []
    for length in range(settings.max_length + 1):
        grown = []
        for words, score in live:
            chances = log_probabilities(network, row, words)
            if length >= settings.min_length:
                done.append((words, score + chances[END] + settings.bonus))
            grown += [((*words, w), score + chances[w] + settings.bonus) for w in range(SPECIAL, len(chances))]
        live = sorted(grown, key=lambda item: -item[1])[: settings.beam]
    return sorted(done, key=lambda item: -item[1])[: settings.n_best]


def assert_same(found: list[Answer], expected: list[tuple[tuple[int, ...], float]]) -> None:
    assert [answer.ids for answer in found] == [words for words, _ in expected]
    assert [answer.score for answer in found] == pytest.approx([score for _, score in expected], abs=1e-4)


@pytest.mark.parametrize("bonus", [1.0, 0.0, -0.7])
@pytest.mark.parametrize(("minimum", "maximum"), [(1, 4), (0, 3), (2, 2)])
def test_wide_beam_equals_brute_force(bonus: float, minimum: int, maximum: int) -> None:
    network, rows = Tiny(SPECIAL + 3, seed=1), turns(4, seed=2)
    settings = Answers(beam=81, bonus=bonus, min_length=minimum, max_length=maximum, n_best=7)
    vocabulary = range(SPECIAL, SPECIAL + 3)
    sentences = [s for n in range(minimum, maximum + 1) for s in itertools.product(vocabulary, repeat=n)]
    for answers, row in zip(search(network, rows, settings), rows.state.numpy().astype(np.float64), strict=True):
        scored = [(words, sentence_score(network, row, words, bonus)) for words in sentences]
        assert_same(answers, sorted(scored, key=lambda item: -item[1])[:7])


@pytest.mark.parametrize("beam", [1, 2, 5])
@pytest.mark.parametrize("bonus", [1.0, 0.2, -0.5])
@pytest.mark.parametrize("n_best", [1, 4])
def test_equals_a_plain_search_of_each_turn(beam: int, bonus: float, n_best: int) -> None:
    network, rows = Tiny(30, seed=3), turns(12, seed=4)
    settings = Answers(beam=beam, bonus=bonus, max_length=9, n_best=n_best)
    for answers, row in zip(search(network, rows, settings), rows.state.numpy().astype(np.float64), strict=True):
        assert_same(answers, plain_search(network, row, settings))


def test_beam_one_follows_the_most_probable_words() -> None:
    network, rows = Tiny(20, seed=5), turns(8, seed=6)
    [*found] = search(network, rows, Answers(beam=1, bonus=0.0, max_length=6, n_best=6))
    for answers, row in zip(found, rows.state.numpy().astype(np.float64), strict=True):
        path: tuple[int, ...] = ()
        for _ in range(6):
            path = (*path, SPECIAL + int(log_probabilities(network, row, path)[SPECIAL:].argmax()))
        assert sorted(answer.ids for answer in answers) == [path[:n] for n in range(1, 7)]


@pytest.mark.parametrize("bonus", [1.0, -2.0])
def test_batch_size_and_order_change_nothing(bonus: float) -> None:
    network, rows = Tiny(40, seed=7), turns(13, seed=8)
    settings = Answers(bonus=bonus, max_length=12, n_best=3)
    whole = search(network, rows, settings)
    alone = [search(network, Rows(rows.state[i : i + 1]), settings)[0] for i in range(13)]
    order = torch.randperm(13, generator=torch.Generator().manual_seed(9))
    shuffled = search(network, rows.select(order), settings)
    for i in range(13):
        assert [answer.ids for answer in whole[i]] == [answer.ids for answer in alone[i]]
        assert [answer.ids for answer in shuffled[order.tolist().index(i)]] == [answer.ids for answer in whole[i]]


@pytest.mark.parametrize("bonus", [-1.0, -1.5])
def test_when_turns_leave_the_batch_changes_nothing(bonus: float, monkeypatch: pytest.MonkeyPatch) -> None:
    network, rows = Tiny(40, seed=12, spread=4.0), turns(24, seed=13)
    settings = Answers(bonus=bonus, max_length=14, n_best=3)
    sizes: dict[int, list[int]] = {}
    found: dict[int, list[list[tuple[int, ...]]]] = {}
    for drop in (1, 8, 1000):
        monkeypatch.setattr("pipeline.answers.search.DROP", drop)
        with monkeypatch.context() as patch:
            seen: list[int] = []

            def predict(encoded: Rows, state: Rows, seen: list[int] = seen) -> Prediction:
                seen.append(len(encoded.state))
                return Tiny.predict(network, encoded, state)

            patch.setattr(network, "predict", predict)
            found[drop] = [[answer.ids for answer in turn] for turn in search(network, rows, settings)]
        sizes[drop] = seen
    assert found[1] == found[8] == found[1000]
    # They do end at different words, so that something was tried.
    assert set(sizes[1]) == {24} and len(set(sizes[8])) > 2 and len(set(sizes[1000])) > len(set(sizes[8]))


def test_the_best_answer_does_not_depend_on_how_many_are_kept() -> None:
    network, rows = Tiny(25, seed=10), turns(20, seed=11)
    best = [search(network, rows, Answers(n_best=n, max_length=8, bonus=0.3)) for n in (1, 2, 6)]
    for one, two, six in zip(*best, strict=True):
        assert one[0].ids == two[0].ids == six[0].ids
        assert [answer.ids for answer in two] == [answer.ids for answer in six[:2]]


class Fixed(Tiny):
    """Gives every row the same log probabilities at every step, whatever came before."""

    def __init__(self, probabilities: list[float]) -> None:
        super().__init__(len(probabilities), seed=0)
        self.logits = torch.tensor(probabilities).log()

    def predict(self, encoded: TensorGroup, state: TensorGroup) -> Prediction:
        assert isinstance(state, Rows)
        return Prediction(self.logits.expand(len(state.state), -1), state.state, {}, None)


def test_unknown_padding_and_start_are_never_emitted_however_probable() -> None:
    network = Fixed([0.3, 0.3, 0.3, 0.05, 0.03, 0.02])
    for answer in search(network, turns(1, seed=0), Answers(beam=3, max_length=3))[0]:
        assert set(answer.ids) <= {4, 5}
    best = search(network, turns(1, seed=0), Answers(beam=3, max_length=3, bonus=0.0))[0][0]
    # What the forbidden words would have had is not shared out.
    assert best.ids == (4,)
    assert best.score == pytest.approx(math.log(0.03 * 0.05), abs=1e-5)


def test_the_bonus_can_make_a_later_answer_win_and_is_given_to_the_end_too() -> None:
    network = Fixed([1e-9, 1e-9, 1e-9, 0.5, 0.5])
    scores = {len(a.ids): a.score for a in search(network, turns(1, seed=0), Answers(beam=1, max_length=4))[0]}
    assert scores == pytest.approx({n: (n + 1) * (math.log(0.5) + 1.0) for n in range(1, 5)}, abs=1e-5)
    assert max(scores, key=lambda n: scores[n]) == 4


def test_equal_scores_go_to_fewer_words_then_lower_ids() -> None:
    network = Fixed([1e-30, 1e-30, 1e-30, 1 / 3, 1 / 3, 1 / 3])
    # The bonus makes up for a word's probability to the last bit: every sentence scores 0.
    bonus = -network.logits.log_softmax(0)[END].item()
    answers = search(network, turns(3, seed=0), Answers(beam=4, max_length=3, bonus=bonus, n_best=6))
    assert {answer.score for found in answers for answer in found} == {0.0}
    for found in answers:
        assert [answer.ids for answer in found] == [(4,), (5,), (4, 4), (4, 5), (5, 4), (5, 5)]


def test_fewer_answers_than_asked_for_when_there_are_no_more() -> None:
    assert len(search(Tiny(SPECIAL + 1, seed=1), turns(2, seed=1), Answers(max_length=2, n_best=5))[0]) == 2


def test_scores_that_are_not_numbers_are_an_error() -> None:
    network = Tiny(8, seed=1)
    network.output.data[0, 5] = float("nan")
    with pytest.raises(ArithmeticError, match="finite"):
        search(network, turns(2, seed=1), Answers())


def test_lengths_that_exclude_each_other_are_an_error() -> None:
    with pytest.raises(ValueError, match="at least 5 and at most 3"):
        search(Tiny(8, seed=1), turns(1, seed=1), Answers(min_length=5, max_length=3))


class Scripted(Tiny):
    """P of `<eos>` and of the one word, by the number of words so far."""

    def __init__(self, ends: list[float]) -> None:
        super().__init__(SPECIAL + 1, seed=0)
        self.steps = torch.tensor([[1e-12, 1e-12, 1e-12, end, 1.0 - end] for end in ends]).log()

    def predict(self, encoded: TensorGroup, state: TensorGroup) -> Prediction:
        assert isinstance(state, Rows)
        return Prediction(self.steps[state.state[:, 0].long()], state.state, {}, None)

    def advance(self, state: TensorGroup, prediction: Prediction, words: Tensor) -> TensorGroup:
        assert isinstance(state, Rows)
        return Rows(state.state + 1)


@pytest.mark.parametrize(
    ("ends", "bonus", "best"),
    [
        # The last bonus decides: with each word's costs made up for, the longest answer is best.
        ([0.5] * 6, 1.0, 5),
        # An end that was nearly impossible becomes certain, although every word costs.
        ([1e-9, 0.05, 1 - 1e-6, 0.5, 0.5, 0.5], -1.0, 2),
        ([1e-9, 0.05, 0.05, 0.05, 0.05, 1 - 1e-6], -0.5, 5),
    ],
)
def test_a_turn_does_not_end_before_nothing_can_win(ends: list[float], bonus: float, best: int) -> None:
    settings = Answers(beam=2, bonus=bonus, max_length=5, n_best=1)
    [[found]] = search(Scripted(ends), Rows(torch.zeros(1, 1)), settings)
    assert len(found.ids) == best
    expected = sum(math.log(1.0 - end) for end in ends[:best]) + math.log(ends[best]) + bonus * (best + 1)
    assert found.score == pytest.approx(expected, abs=1e-4)


class Counting(Fixed):
    """Counts its steps."""

    steps = 0

    def predict(self, encoded: TensorGroup, state: TensorGroup) -> Prediction:
        self.steps += 1
        return super().predict(encoded, state)


def test_turns_end_early_when_nothing_can_win_any_more() -> None:
    network = Counting([1e-9, 1e-9, 1e-9, 0.98, 0.01, 0.01])
    search(network, turns(2, seed=0), Answers(bonus=0.0, max_length=30, n_best=1))
    assert network.steps == 2
