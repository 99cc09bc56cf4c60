"""Parts of CT-SAN: the regulariser by hand, semantic attention's masks, the sketch against what it sketches."""

import math

import numpy as np
import pytest
import torch

from pipeline.networks.parts.bilinear import CompactBilinear
from pipeline.networks.parts.cutting import blanks_of, last_words
from pipeline.networks.parts.semantic import Concepts, Reading, Speaking, uneven
from pipeline.tensors import Sequences

ALL = torch.ones(1, 2, dtype=torch.bool)


def g(shares: list[list[float]], places: torch.Tensor = ALL) -> float:
    return float(uneven(torch.tensor(shares, dtype=torch.float64).log().unsqueeze(0), places))


def test_the_regulariser_of_two_places_and_two_concepts_by_hand() -> None:
    # Columns 0.5 + 0.9 and 0.5 + 0.1; rows (2 sqrt 0.5)^2 = 2 and (sqrt 0.9 + sqrt 0.1)^2 = 1 + 2 sqrt 0.09 = 1.6.
    assert g([[0.5, 0.5], [0.9, 0.1]]) == pytest.approx(math.sqrt(1.4**2 + 0.6**2) + 2 + 1.6)
    # Each place its own concept: the least there is. One concept for both: dearer. Both for both: dearest.
    least, one, both = g([[1, 0], [0, 1]]), g([[1, 0], [1, 0]]), g([[0.5, 0.5], [0.5, 0.5]])
    assert (least, one, both) == pytest.approx((math.sqrt(2) + 2, 2 + 2, math.sqrt(2) + 4))


def test_places_behind_the_last_word_and_missing_concepts_cost_nothing() -> None:
    inside = g([[0.5, 0.5], [0.9, 0.1]])
    padded = [[0.5, 0.5, 0.0], [0.9, 0.1, 0.0], [0.3, 0.3, 0.4]]
    assert g(padded, torch.tensor([[True, True, False]])) == pytest.approx(inside)
    nothing = uneven(torch.full((2, 3, 4), -torch.inf), torch.ones(2, 3, dtype=torch.bool))
    assert nothing.tolist() == [0, 0]
    assert uneven(torch.zeros(2, 3, 0), torch.ones(2, 3, dtype=torch.bool)).tolist() == [0, 0]


def test_the_regularisers_gradient_is_that_of_finite_differences_and_bounded_where_a_share_is_nought() -> None:
    energies = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    places = torch.tensor([[True, True, True], [True, False, False]])
    assert torch.autograd.gradcheck(lambda given: uneven(given.log_softmax(2), places), energies)
    steep = torch.tensor([[[0.0, -5000.0, -torch.inf]]], requires_grad=True)
    shares = steep.masked_fill(steep == -torch.inf, -torch.inf).log_softmax(2)
    uneven(shares, torch.ones(1, 1, dtype=torch.bool)).sum().backward()  # type: ignore[no-untyped-call]
    assert steep.grad is not None and steep.grad.isfinite().all()


def given(real: list[list[bool]]) -> tuple[torch.Tensor, torch.Tensor, Concepts]:
    generator = torch.Generator().manual_seed(1)
    words, states, vectors = (torch.randn(2, n, d, generator=generator).double() for n, d in ((3, 4), (3, 6), (5, 4)))
    return words, states, Concepts(vectors, torch.tensor(real))


def test_concepts_that_are_not_there_are_not_attended_to() -> None:
    words, states, concepts = given([[True] * 3 + [False] * 2, [False] * 5])
    reading, speaking = Reading(4, 6).double(), Speaking(4, 6).double()
    few = Concepts(concepts.vectors[:1, :3], concepts.real[:1, :3])
    for part, values in ((reading, words), (speaking, states)):
        made, shares = part(values, concepts)
        alone, own = part(values[:1], few)
        torch.testing.assert_close(made[:1], alone)
        torch.testing.assert_close(shares[:1, :, :3], own)
        torch.testing.assert_close(shares[0].exp().sum(1), torch.ones(3).double())
        assert not shares[0, :, 3:].exp().any() and not shares[1].exp().any()
        gradients = torch.autograd.grad(made.sum() + shares.exp().sum(), list(part.parameters()))
        assert all(gradient.isfinite().all() for gradient in gradients)
    torch.testing.assert_close(reading(words, concepts)[0][1], reading.entry(words[1]))
    torch.testing.assert_close(speaking(states, concepts)[0][1], states[1])


def test_the_sketch_is_that_of_the_outer_product() -> None:
    """Entry (d, e) of x y^T goes to place (h_d + k_e) mod Z with the sign s_d t_e."""
    pooling = CompactBilinear(5, 7).double()
    x, y = torch.randn(2, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    found = pooling.joined(pooling.spectrum(x, 0), pooling.spectrum(y, 1))
    expected = torch.zeros(3, 7).double()
    (h, k), (s, t) = pooling.places.tolist(), pooling.signs.tolist()
    for row, d, e in np.ndindex(3, 5, 5):
        expected[row, (h[d] + k[e]) % 7] += s[d] * t[e] * x[row, d] * y[row, e]
    torch.testing.assert_close(found, expected)


def test_inner_products_of_sketches_are_on_average_products_of_inner_products() -> None:
    generator = torch.Generator().manual_seed(3)
    x, y, z, w = torch.randn(4, 1, 12, dtype=torch.float64, generator=generator) + 0.5
    true = float((x @ z.T) * (y @ w.T))
    size, draws = 64, 600
    products = []
    for seed in range(draws):
        pooling = CompactBilinear(12, size, seed).double()
        one = pooling.joined(pooling.spectrum(x, 0), pooling.spectrum(y, 1))
        other = pooling.joined(pooling.spectrum(z, 0), pooling.spectrum(w, 1))
        products.append(float(one @ other.T))
    error = np.std(products) / math.sqrt(draws)
    assert abs(np.mean(products) - true) < 4 * error
    assert error < 0.1 * abs(true)


def test_the_hashes_are_fixed_and_kept_with_the_weights() -> None:
    first, second = CompactBilinear(9, 100), CompactBilinear(9, 100)
    assert torch.equal(first.places, second.places) and torch.equal(first.signs, second.signs)
    assert set(first.state_dict()) == {"places", "signs"}
    assert not torch.equal(first.places[0], first.places[1])
    with torch.device("meta"):
        elsewhere = CompactBilinear(9, 100)
    assert torch.equal(elsewhere.places, first.places)


def test_sentences_are_cut_to_their_last_words_but_not_the_blank_off() -> None:
    ids = torch.tensor([[9, 2, 5, 6, 7], [4, 5, 6, 99, 99], [99] * 5])
    sentences = Sequences(ids, torch.tensor([5, 3, 0]))
    assert blanks_of(sentences).tolist() == [1, 0, 0]
    cut, lengths, _ = last_words(sentences, 3, torch.zeros(0))
    assert (cut.tolist(), lengths.tolist()) == ([[5, 6, 7], [4, 5, 6], [0, 0, 0]], [3, 3, 1])
    cut, lengths, blanks = last_words(sentences, 3, blanks_of(sentences))
    assert (cut.tolist(), blanks.tolist()) == ([[2, 5, 6], [4, 5, 6], [0, 0, 0]], [0, 0, 0])
