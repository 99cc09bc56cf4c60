"""Probabilities of the next word, computed as far as a search needs them.

Legend: T turns, K hypotheses of each, V vocabulary, W words that can continue an answer, S block size, B blocks.

Only the denominator of the softmax needs every score. Which words are best is found in two steps: the greatest score of
each block of S words, then the words of the best blocks. If a word is among the n best of a turn, its block is among
the n blocks with the greatest maxima: each block before it holds a word that goes before.

>>> chances = Chances(torch.tensor([[[0.0, 0.0, 0.0, 1.0, 2.0, 5.0, 4.0]]]))
>>> values, parents, words = chances.best(torch.zeros(1, 1, dtype=torch.float64), 2)
>>> parents.tolist(), words.tolist()
([[0, 0]], [[5, 6]])
"""

import torch
from torch import Tensor

from pipeline.vocabulary import END, PADDING, START, UNKNOWN

NEVER = (PADDING, UNKNOWN, START, END)
"""Ids that never continue an answer; `<eos>` ends it instead."""
FIRST = len(NEVER)
"""The first word that can: the special entries stand before all others."""
BLOCK = 64
"""About the root of the candidates of one turn: as many blocks as words in the best of them."""
ROWS = 64
"""Rows whose softmax is computed at once on a CPU."""

if sorted(NEVER) != list(range(FIRST)):
    raise ImportError(f"the special entries have ids {NEVER}, expected the first {FIRST}")


class Chances:
    """The softmax of scores ``logits`` (T, K, V)."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        words = logits[:, :, FIRST:]
        whole = words.shape[2] // BLOCK * BLOCK
        greatest = [words[:, :, :whole].view(*words.shape[:2], -1, BLOCK).amax(3)] if whole else []
        greatest += [words[:, :, whole:].amax(2, keepdim=True)] if whole < words.shape[2] else []
        self.greatest = torch.cat(greatest, 2)
        """(T, K, B), the greatest score of each block."""
        self.top = torch.maximum(self.greatest.amax(2), logits[:, :, :FIRST].amax(2)).float()
        self.total = denominator(logits.flatten(0, 1), self.top.flatten()).view_as(self.top).log_()
        """log of the denominator, less ``top``: (T, K) both."""

    def of(self, word: int) -> Tensor:
        """Logarithm of the probability of one word, (T, K)."""
        return self._log(self.logits[:, :, word], self.top, self.total)

    def best(self, scores: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """The ``count`` best continuations of each turn's hypotheses, or all, best first; (T, n) each.

        scores (T, K) float64 of the hypotheses. Returns scores with log P added, the places of the hypotheses, the
        words; of equal scores the better-placed hypothesis goes first, then the lower word id.
        """
        turns, width, vocabulary = self.logits.shape
        blocks = self.greatest.shape[2]
        bounds = scores.unsqueeze(2) + self._log(self.greatest, self.top.unsqueeze(2), self.total.unsqueeze(2))
        # By place again, so that of equal words the one with the lower place stays first.
        chosen = best(bounds.flatten(1), min(count, width * blocks))[1].sort(1).values
        parents = chosen // blocks
        ids = (FIRST + BLOCK * (chosen % blocks)).unsqueeze(2) + torch.arange(BLOCK, device=chosen.device)
        inside = ids < vocabulary
        ids = ids.clamp(max=vocabulary - 1)
        rows = parents + width * torch.arange(turns, device=chosen.device).unsqueeze(1)
        found = self.logits.reshape(-1)[rows.unsqueeze(2) * vocabulary + ids]
        logs = self._log(found, self.top.gather(1, parents).unsqueeze(2), self.total.gather(1, parents).unsqueeze(2))
        values = (scores.gather(1, parents).unsqueeze(2) + logs).masked_fill(~inside, -torch.inf).flatten(1)
        order = best(values, min(count, width * (vocabulary - FIRST)))[1]
        return values.gather(1, order), parents.gather(1, order // BLOCK), ids.flatten(1).gather(1, order)

    @staticmethod
    def _log(scores: Tensor, top: Tensor, total: Tensor) -> Tensor:
        return (scores - top) - total


def denominator(logits: Tensor, top: Tensor) -> Tensor:
    """Sums of exp(score - top), (N,), of ``logits`` (N, V) and ``top`` (N,).

    On a CPU some rows at a time, in one small piece of memory that stays in the cache: at the size of ``logits``
    getting new memory costs as much as computing.
    """
    if logits.is_cuda:
        return (logits - top.unsqueeze(1)).exp_().sum(1)
    sums = torch.empty_like(top)
    work = top.new_empty(min(ROWS, len(top)), logits.shape[1])
    for begin in range(0, len(top), ROWS):
        part = torch.sub(logits[begin : begin + ROWS], top[begin : begin + ROWS, None], out=work[: len(top) - begin])
        torch.sum(part.exp_(), 1, out=sums[begin : begin + ROWS])
    return sums


def best(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` largest of each row and where they stand, largest first, of equal ones the first."""
    if not values.is_cuda:
        # Several times faster than a sort, but of equal values it takes any.
        top, index = values.topk(min(count + 1, values.shape[1]), 1)
        if not ((top[:, 1:] == top[:, :-1]) & (top[:, 1:] > -torch.inf)).any():
            return top[:, :count], index[:, :count]
    ordered, index = values.sort(dim=1, descending=True, stable=True)
    return ordered[:, :count], index[:, :count]
