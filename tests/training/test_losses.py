"""Loss terms against NumPy, and where each sends its gradient."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.networks.base import Decoded
from pipeline.tensors import Sequences
from pipeline.training.losses import (
    context_error,
    cross_entropy,
    penalties,
    real_words,
    representation_error,
    soft_cross_entropy,
    total,
)

WORDS, VOCABULARY, CONTEXT = 7, 5, 3


def decoded(seed: int) -> Decoded:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(WORDS, VOCABULARY, generator=generator, requires_grad=True)
    return Decoded(logits, torch.randn(WORDS, CONTEXT, generator=generator, requires_grad=True))


def softmax(logits: torch.Tensor) -> np.ndarray:
    values = np.exp(logits.detach().numpy().astype(np.float64))
    return values / values.sum(1, keepdims=True)


def targets() -> torch.Tensor:
    return torch.tensor([4, 3, 1, 0, 2, 2, 3])


def test_real_words_are_read_row_by_row_without_padding() -> None:
    sequences = Sequences(torch.tensor([[5, 3, 0], [7, 8, 3], [0, 0, 0]]), torch.tensor([2, 3, 0]))
    assert real_words(sequences).tolist() == [5, 3, 7, 8, 3]


def test_cross_entropy_is_the_mean_over_words() -> None:
    student = decoded(1)
    expected = -np.log(softmax(student.logits)[np.arange(WORDS), targets().numpy()]).mean()
    assert cross_entropy(student, targets()).item() == pytest.approx(expected, rel=1e-6)


def test_a_networks_own_penalty_is_divided_by_the_words_as_the_other_terms_are() -> None:
    assert penalties(decoded(1)) == {}
    regularised = replace(decoded(1), penalty=torch.tensor([0.5, 2.0, 1.0]))
    assert penalties(regularised)["attention"].item() == pytest.approx(3.5 / WORDS)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_smoothed_targets_are_spread_over_the_whole_vocabulary(smoothing: float) -> None:
    student = decoded(1)
    expected = 0.0
    for i, word in enumerate(targets().tolist()):
        for y in range(VOCABULARY):
            chance = (1 - smoothing) * (y == word) + smoothing / VOCABULARY
            expected -= chance * np.log(softmax(student.logits)[i, y])
    assert cross_entropy(student, targets(), smoothing).item() == pytest.approx(expected / WORDS, rel=1e-6)


def test_soft_cross_entropy_is_equation_9() -> None:
    student, teacher = decoded(1), decoded(2)
    expected = 0.0
    for i in range(WORDS):
        for y in range(VOCABULARY):
            expected -= softmax(teacher.logits)[i, y] * np.log(softmax(student.logits)[i, y])
    assert soft_cross_entropy(student, teacher).item() == pytest.approx(expected / WORDS, rel=1e-6)


def test_a_certain_teacher_makes_soft_and_hard_cross_entropy_equal() -> None:
    student = decoded(1)
    certain = Decoded(torch.nn.functional.one_hot(targets(), VOCABULARY) * 1e4, torch.zeros(WORDS, CONTEXT))
    soft, hard = soft_cross_entropy(student, certain), cross_entropy(student, targets())
    assert soft.item() == pytest.approx(hard.item(), rel=1e-6)
    by_soft, by_hard = (torch.autograd.grad(loss, student.logits)[0] for loss in (soft, hard))
    torch.testing.assert_close(by_soft, by_hard)


def test_context_error_is_the_mean_over_dimensions_and_words() -> None:
    student, teacher = decoded(1), decoded(2)
    difference = (student.context - teacher.context).detach().numpy().astype(np.float64)
    assert context_error(student, teacher).item() == pytest.approx((difference**2).sum() / (WORDS * CONTEXT), rel=1e-6)


def test_soft_targets_carry_no_gradient_and_the_context_error_reaches_both() -> None:
    student, teacher = decoded(1), decoded(2)
    soft_cross_entropy(student, teacher).backward()
    assert student.logits.grad is not None
    assert teacher.logits.grad is None
    context_error(student, teacher).backward()
    expected = 2 * (student.context - teacher.context).detach() / (WORDS * CONTEXT)
    torch.testing.assert_close(student.context.grad, expected)
    torch.testing.assert_close(teacher.context.grad, -expected)


def test_half_precision_logits_are_summed_up_in_float32() -> None:
    student, teacher = decoded(1), decoded(2)
    halves = [Decoded(each.logits.bfloat16(), each.context.bfloat16()) for each in (student, teacher)]
    for loss in (soft_cross_entropy(*halves), context_error(*halves), cross_entropy(halves[0], targets())):
        assert loss.dtype == torch.float32


def test_total_weighs_the_context_error_alone() -> None:
    terms = {name: torch.tensor(value) for name, value in {"st": 1.0, "context": 10.0, "ce": 100.0}.items()}
    assert total(terms, 0.5).item() == 106.0
    assert total({"ce": torch.tensor(3.0)}, 0.5).item() == 3.0
    assert total({**terms, "rep": torch.tensor(7.0)}, 0.5, 3.0).item() == 106.0 + 21.0


def representations() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    student, teacher = (torch.randn(5, 4, generator=generator, requires_grad=True) for _ in range(2))
    return student, teacher, torch.tensor([3, 1, 4, 2, 5])


def test_representation_error_is_l1_over_dimensions_and_words() -> None:
    student, teacher, lengths = representations()
    expected = 0.0
    for row in range(5):
        for place in range(4):
            expected += int(lengths[row]) * abs((student[row, place] - teacher[row, place]).item()) / 4
    assert representation_error(student, teacher, lengths).item() == pytest.approx(expected / 15, rel=1e-6)


def test_the_representation_error_teaches_the_student_alone() -> None:
    student, teacher, lengths = representations()
    representation_error(student, teacher, lengths).backward()
    assert teacher.grad is None
    # The gradient of an L1 is its sign.
    assert student.grad is not None
    expected = torch.sign(student - teacher).detach() * lengths.unsqueeze(1) / (15 * 4)
    torch.testing.assert_close(student.grad, expected)


def test_shares_of_a_batch_add_up_to_its_representation_error() -> None:
    student, teacher, lengths = representations()
    parts = [torch.tensor([0, 3]), torch.tensor([1, 2, 4])]
    found = sum(
        representation_error(student[rows], teacher[rows], lengths[rows]) * lengths[rows].sum() / 15 for rows in parts
    )
    torch.testing.assert_close(found, representation_error(student, teacher, lengths))
