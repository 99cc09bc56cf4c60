"""Gradients written out by hand against finite differences."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.networks.parts import recurrence
from pipeline.networks.parts.additive import Memory, Weights
from pipeline.networks.parts.lstm_step import Layer
from pipeline.networks.parts.packed_lstm import packed_lstm
from pipeline.networks.parts.packing import Packing
from pipeline.networks.parts.recurrence import run

ATTENTION, CONTEXT, HIDDEN = 3, 2, 4


def numbers(*size: int) -> Tensor:
    return torch.randn(*size, dtype=torch.float64, requires_grad=True)


def loop(lengths: list[int], layers: int) -> tuple[Callable[..., Any], list[Tensor]]:
    """A decoder's loop as a function of everything that has a gradient."""
    torch.manual_seed(0)
    sizes, answers = Packing.of(torch.tensor(lengths), 4).sizes, len(lengths)
    masks = [torch.rand(answers, steps) < 0.7 for steps in (4, 2)]
    masks[1][0] = False  # A modality without any step.
    modalities = len(masks)
    tensors = [numbers(sum(lengths), 4 * HIDDEN), numbers(answers, layers, HIDDEN), numbers(answers, layers, HIDDEN)]
    for mask in masks:
        tensors += [numbers(*mask.shape, ATTENTION), numbers(*mask.shape, CONTEXT + ATTENTION)]
    tensors += [numbers((modalities + 1) * ATTENTION, HIDDEN), numbers(modalities, ATTENTION)]
    tensors += [numbers(modalities, CONTEXT), numbers(modalities, ATTENTION), numbers(ATTENTION)]
    for layer in range(layers):
        entry = HIDDEN if layer else CONTEXT
        tensors += [numbers(4 * HIDDEN, entry), numbers(4 * HIDDEN), numbers(4 * HIDDEN, HIDDEN)]

    def function(*given: Tensor) -> tuple[Tensor, Tensor]:
        products, hidden, cell, *rest = given
        memories = [Memory(*rest[2 * place : 2 * place + 2], mask) for place, mask in enumerate(masks)]
        rest = rest[2 * modalities :]
        decoder = [Layer(*rest[place : place + 3]) for place in range(5, len(rest), 3)]
        return run(sizes, products, hidden, cell, memories, Weights(*rest[:5]), decoder)

    return function, tensors


@pytest.fixture(params=[False, True], ids=["apart", "joined"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The modalities one after the other, as on a CPU, and all at once, as on a GPU."""
    monkeypatch.setitem(recurrence.JOINED, "cpu", request.param)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("lengths", [[3, 2, 2], [4], [1, 1], [4, 1, 1]])
def test_gradients_of_the_decoders_loop(lengths: list[int], layers: int) -> None:
    function, tensors = loop(lengths, layers)
    assert torch.autograd.gradcheck(function, tensors)


@pytest.mark.parametrize(("lengths", "layers"), [([3, 2, 2], 1), ([4, 1, 1], 2)])
def test_gradients_of_the_joined_loop(lengths: list[int], layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(recurrence.JOINED, "cpu", True)
    function, tensors = loop(lengths, layers)
    assert torch.autograd.gradcheck(function, tensors)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("lengths", [[4, 3, 3, 1], [4], [1, 1]])
def test_both_forms_of_the_loop_are_equal(lengths: list[int], layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    function, tensors = loop(lengths, layers)
    found = []
    for joined in (False, True):
        monkeypatch.setitem(recurrence.JOINED, "cpu", joined)
        values = function(*tensors)
        slopes = torch.autograd.grad([value.sin().sum() for value in values], tensors)
        found.append([*values, *slopes])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_gradients_under_mixed_precision_are_those_without(form: None) -> None:
    function, tensors = loop([3, 2, 2], 1)
    given = [tensor.detach().float().requires_grad_() for tensor in tensors]
    found = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            found.append(torch.autograd.grad([value.sum() for value in function(*given)], given))
    for one, other in zip(*found, strict=True):
        assert one.dtype == other.dtype and torch.equal(one, other)


def test_without_gradients_the_loop_gives_the_same(form: None) -> None:
    function, tensors = loop([3, 2, 2], 2)
    with torch.no_grad():
        plain = function(*tensors)
    for left, right in zip(plain, function(*tensors), strict=True):
        assert torch.equal(left, right)
    assert not plain[0].requires_grad


@pytest.mark.parametrize("lengths", [[4, 2, 2, 1], [3], [1, 1]])
def test_gradients_of_an_lstm_layer(lengths: list[int]) -> None:
    torch.manual_seed(0)
    sizes = Packing.of(torch.tensor(lengths), 4).sizes
    given = numbers(sum(lengths), 2), numbers(4 * HIDDEN, 2), numbers(4 * HIDDEN, HIDDEN), numbers(4 * HIDDEN)
    assert torch.autograd.gradcheck(lambda *tensors: packed_lstm(sizes, *tensors), given)
