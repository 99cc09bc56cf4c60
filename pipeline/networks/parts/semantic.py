"""Semantic attention: concept words of a video, attended to where a language model reads and where it speaks.

Yu, Ko, Choi and Kim, "End-to-end Concept Word Detection" (CVPR 2017), section 3.2; You et al. (CVPR 2016).

Legend: P rows (sentences), M places of a row, K concept words, E width of words, H of states. e: embedded words before
each place, a_i = E[concept i], h: states.

    phi   g_ti = softmax_i(e_t W_g a_i);         x_t = W_x (e_t + w_x * sum_i g_ti a_i)
    psi   b_ti = softmax_i(h_t W_b tanh(a_i));   p_t = h_t + w_h * sum_i b_ti W_b tanh(a_i)

Where a row has no concept word the sums are zero. Both return log shares with what they make, see `uneven`.

>>> concepts = Concepts(torch.rand(2, 5, 4), torch.tensor([[True] * 5, [False] * 5]))  # The second has no concept.
>>> x, shares = Reading(4, 6)(torch.rand(2, 3, 4), concepts)
>>> p, _ = Speaking(4, 6)(x, concepts)
>>> x.shape, p.shape, shares.exp().sum(2).tolist()[1]
(torch.Size([2, 3, 6]), torch.Size([2, 3, 6]), [0.0, 0.0, 0.0])
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.tensors import TensorGroup, full_precision


@dataclass(frozen=True)
class Concepts(TensorGroup):
    """Concept words of each row: a_i (P, K, E), and which of them there are, (P, K)."""

    vectors: Tensor
    real: Tensor


class Reading(nn.Module):
    """phi; see this module's equations. Without ``semantic`` x_t = W_x e_t alone."""

    def __init__(self, width: int, outputs: int, semantic: bool = True) -> None:
        super().__init__()
        self.entry = nn.Linear(width, outputs, bias=False)
        self.match = nn.Linear(width, width, bias=False) if semantic else None
        self.scale = nn.Parameter(torch.ones(width)) if semantic else None

    def forward(self, words: Tensor, concepts: Concepts) -> tuple[Tensor, Tensor]:
        """Inputs x (P, M, H) of ``words`` (P, M, E), and log shares (P, M, K)."""
        if self.match is None or self.scale is None:
            return self.entry(words), words.new_zeros(*words.shape[:2], 0)
        shares = _log_shares(words, self.match(concepts.vectors), concepts.real)
        found = torch.bmm(shares.exp().to(words.dtype), concepts.vectors)
        return self.entry(words + self.scale * found), shares


class Speaking(nn.Module):
    """psi; see this module's equations. Without ``semantic`` p_t = h_t."""

    def __init__(self, width: int, states: int, semantic: bool = True) -> None:
        super().__init__()
        self.match = nn.Linear(width, states, bias=False) if semantic else None
        self.scale = nn.Parameter(torch.ones(states)) if semantic else None

    def forward(self, states: Tensor, concepts: Concepts) -> tuple[Tensor, Tensor]:
        """Outputs p (P, M, H) of ``states`` (P, M, H), and log shares (P, M, K)."""
        if self.match is None or self.scale is None:
            return states, states.new_zeros(*states.shape[:2], 0)
        keys = self.match(concepts.vectors.tanh()).to(states.dtype)
        shares = _log_shares(states, keys, concepts.real)
        return states + self.scale * torch.bmm(shares.exp().to(states.dtype), keys), shares


def _log_shares(queries: Tensor, keys: Tensor, real: Tensor) -> Tensor:
    """Logarithms (P, M, K) of softmax_i(q_t k_i) over real ones; -inf for others."""
    behind = ~real.unsqueeze(1)
    energies = full_precision(torch.bmm(queries, keys.transpose(1, 2)))
    # A row of none but -inf has no softmax: it is made of zeros, and left out with the others.
    none = behind.all(2, keepdim=True)
    shares = energies.masked_fill(behind & ~none, -torch.inf).log_softmax(2)
    return shares.masked_fill(behind, -torch.inf)


def uneven(shares: Tensor, places: Tensor) -> Tensor:
    """The g (P,) of each row, which attention is regularised by, from its log shares (P, M, K).

    g = [sum_i (sum_t s_ti)^p]^(1/p) + sum_t [sum_i s_ti^q]^(1/q), p = 2 and q = 1/2: the first sum is small where all
    concepts are used alike, the second where each place uses few. places: (P, M), which of them there are. Logarithms,
    because the gradient of s^q has no bound at 0, and that of exp(q log s) has.
    """
    shares = full_precision(shares).masked_fill(~places.unsqueeze(2), -torch.inf)
    used: Tensor = torch.linalg.vector_norm(shares.exp().sum(1), dim=1)
    return used + (shares / 2).exp().sum(2).square().sum(1)
