"""The losses of student-teacher training: equations 9, 10 and 11 of the paper, and cross entropy.

Legend: W real target words of a batch (`<eos>` among them), V vocabulary, G size of the context vector.

All are means over the W words, the context error over the G dimensions too (choice 5): lambda_c = 1 and the clipping of
gradients refer to that. Softmaxes are taken in float32 at least, whatever precision the networks run in.
"""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

from pipeline.networks.base import Decoded
from pipeline.tensors import Sequences, full_precision, length_mask, sent_to

Terms = dict[str, Tensor]
"""Scalar loss terms by name: `ce` (hard targets), `st` (soft targets), `context` (context vectors), `student_ce`."""


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


def soft_cross_entropy(student: Decoded, teacher: Decoded) -> Tensor:
    """L_ST, equation 9: - sum_y P^(y) log P(y), mean over words. Temperature 1; no gradient reaches the teacher."""
    soft_targets = full_precision(teacher.logits.detach()).softmax(-1)
    return functional.cross_entropy(full_precision(student.logits), soft_targets)


def context_error(student: Decoded, teacher: Decoded) -> Tensor:
    """L_MSE of equations 10 and 11: (g_i - g^_i)^2, mean over dimensions and words. Its gradient reaches both."""
    return functional.mse_loss(full_precision(student.context), full_precision(teacher.context))


def total(terms: Mapping[str, Tensor], lambda_context: float) -> Tensor:
    """What is minimised: the sum of the terms, the context error weighted by lambda_c."""
    weighted = [lambda_context * term if name == "context" else term for name, term in terms.items()]
    return sum(weighted[1:], weighted[0])
