"""The losses of student-teacher training: equations 9, 10 and 11 of the paper, cross entropy, and L_rep.

Legend: T turns, W real target words of a batch (`<eos>` among them), V vocabulary, G size of the context vector, Z size
of a representation.

All are means over the W words, the errors over their dimensions too (choice 5): lambda_c = 1 and the clipping of
gradients refer to that. Softmaxes are taken in float32 at least, whatever precision the networks run in.
"""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

from pipeline.networks.base import Decoded
from pipeline.tensors import Sequences, full_precision, length_mask, sent_to

Terms = dict[str, Tensor]
"""Scalar loss terms by name: `ce` (hard targets), `st` (soft targets), `context` (context vectors), `rep`
(representations), `student_ce`, `attention`."""


class Losses(NamedTuple):
    """The loss terms of a batch.

    learned: what `total` adds up, with gradient. monitored: what is only looked at, without.
    """

    learned: Terms
    monitored: Terms


def real_words(targets: Sequences) -> Tensor:
    """(W,) the target words of all turns, row by row, in the order of `Decoded`."""
    real = length_mask(targets.lengths, targets.ids.shape[1])
    (places,) = sent_to(targets.ids.device, real.flatten().nonzero().squeeze(1))
    return targets.ids.flatten().index_select(0, places)


def cross_entropy(decoded: Decoded, words: Tensor, smoothing: float = 0.0) -> Tensor:
    """L_CE, hard targets: the mean of -log P(y_i) over ``words`` (W,).

    smoothing: share of each target's probability that is spread over the whole vocabulary.
    """
    return functional.cross_entropy(full_precision(decoded.logits), words, label_smoothing=smoothing)


def penalties(decoded: Decoded) -> Terms:
    """`attention`: what a network adds to the loss by itself, of all turns, over their words; empty of others.

    A mean over words as the other terms are, so that the shares of a batch, in any split, add up.
    """
    return {} if decoded.penalty is None else {"attention": decoded.penalty.sum() / len(decoded.logits)}


def soft_cross_entropy(student: Decoded, teacher: Decoded, temperature: float = 1.0) -> Tensor:
    """L_ST, equation 9: - sum_y P^(y) log P(y), mean over words; no gradient reaches the teacher.

    temperature: scores of both are divided by it before the softmax, and the loss is multiplied by its square, so that
    gradients stay as large (Hinton et al., 2015, section 2). 1 in the paper.
    """
    targets, scores = full_precision(teacher.logits.detach()), full_precision(student.logits)
    if temperature == 1:
        return functional.cross_entropy(scores, targets.softmax(-1))
    return temperature**2 * functional.cross_entropy(scores / temperature, (targets / temperature).softmax(-1))


def context_error(student: Decoded, teacher: Decoded) -> Tensor:
    """L_MSE of equations 10 and 11: (g_i - g^_i)^2, mean over dimensions and words. Its gradient reaches both."""
    return functional.mse_loss(full_precision(student.context), full_precision(teacher.context))


def representation_error(student: Tensor, teacher: Tensor, lengths: Tensor) -> Tensor:
    """L_rep of the distilled captioner: |A(z_S) - z_T|, mean over dimensions and words; none of it teaches the teacher.

    student, teacher: (T, Z). lengths: (T,) words of each turn's target. Every word of a turn has the turn's error: so
    the shares of a batch, in any split, add up as they do for the other terms.
    """
    errors = (full_precision(student) - full_precision(teacher.detach())).abs().mean(1)
    (words,) = sent_to(errors.device, lengths)
    return (errors * words).sum() / words.sum()


def total(
    terms: Mapping[str, Tensor], lambda_context: float, lambda_representation: float = 1.0, lambda_hard: float = 1.0
) -> Tensor:
    """What is minimised: the sum of the terms; errors, and true words beside soft targets, by their weights."""
    weights = {"context": lambda_context, "rep": lambda_representation, "student_ce": lambda_hard}
    weighted = [weights[name] * term if name in weights else term for name, term in terms.items()]
    return sum(weighted[1:], weighted[0])
