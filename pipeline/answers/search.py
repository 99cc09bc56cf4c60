"""Batched beam search: the answers of many turns at once, beams as rows of one batch.

Legend: T turns, K beam width, N = T x K rows, V vocabulary, i words so far, n answers kept a turn.

The rules (section 6 and choice 8; the organisers' code):
- A finished answer scores log P + bonus x (words + 1), `<eos>` being a word too; one still open log P + bonus x words.
- At each step every open hypothesis also yields a finished answer by `<eos>`, outside the beam's K places; the places
  go to the K best continuations by other words. So beam 1 follows the most probable word at each step (greedy), and its
  answer is that path, ended where the score is highest.
- `<unk>`, `<pad>` and `<sos>` are never emitted. P is the network's softmax as it is: what they would have had is not
  given to other words.
- An answer has min_length to max_length words: a shorter one does not finish, after max_length words only `<eos>`
  follows.
- A turn ends when its n-th best finished answer scores at least as much as the best open hypothesis could still reach:
  its score and the bonus of all words that may come. Nothing found later could enter the n best: all n, not only the
  first, are those of the search without an early end. What is missing is what the beam of K dropped.
- Of equal scores the fewer words win, then the better-placed hypothesis, then the lower word id.

What the encoder found stays one row a turn: its hypotheses read the same one (`Generator.predict`).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.answers.chances import Chances
from pipeline.config import Answers
from pipeline.networks.base import Generator
from pipeline.tensors import TensorGroup
from pipeline.vocabulary import END, PADDING

DROP = 8
"""Turns that are done leave the batch when they are one in so many: what the encoder found of the rest is copied."""


@dataclass(frozen=True)
class Answer:
    """A generated answer: word ids without `<eos>`, and its score."""

    ids: tuple[int, ...]
    score: float


@dataclass(frozen=True)
class Finished(TensorGroup):
    """The best finished answers of T turns, best first.

    scores: (T, n), -inf where there are fewer. words: (T, n, max_length), padded. lengths: (T, n).
    """

    scores: Tensor
    words: Tensor
    lengths: Tensor

    @classmethod
    def none(cls, turns: int, settings: Answers, device: torch.device) -> "Finished":
        """Nothing finished yet."""
        shape = (turns, settings.n_best)
        words = torch.full((*shape, settings.max_length), PADDING, device=device)
        lengths = torch.zeros(shape, dtype=torch.long, device=device)
        return cls(torch.full(shape, -torch.inf, dtype=torch.float64, device=device), words, lengths)

    def add(self, scores: Tensor, words: Tensor) -> "Finished":
        """With answers of scores (T, K) and words (T, K, i) taken in; those here already go first among equals."""
        turns, kept = self.scores.shape
        padded = self.words.new_full((turns, scores.shape[1], self.words.shape[2]), PADDING)
        padded[:, :, : words.shape[2]] = words
        lengths = self.lengths.new_full(scores.shape, words.shape[2])
        joined, order = torch.cat((self.scores, scores), 1).sort(dim=1, descending=True, stable=True)
        order = order[:, :kept]
        all_words = torch.cat((self.words, padded), 1)
        return Finished(
            joined[:, :kept],
            all_words.gather(1, order.unsqueeze(2).expand(-1, -1, all_words.shape[2])),
            torch.cat((self.lengths, lengths), 1).gather(1, order),
        )

    def answers(self) -> list[list[Answer]]:
        """The answers of each turn, best first."""
        rows = zip(self.scores.tolist(), self.words.tolist(), self.lengths.tolist(), strict=True)
        return [
            [Answer(tuple(ids[:length]), score) for score, ids, length in zip(*row, strict=True) if score != -torch.inf]
            for row in rows
        ]


@torch.no_grad()
def search(network: Generator, encoded: TensorGroup, settings: Answers) -> list[list[Answer]]:
    """The n best answers of every row (turn) of ``encoded``, best first; fewer where the rules allow no more.

    The network is used in the mode it is in; answers that can be had again need evaluation mode. Raises `ValueError`
    for settings no answer can meet, `ArithmeticError` when the network's scores are not finite numbers.
    """
    if settings.min_length > settings.max_length:
        raise ValueError(f"answers of at least {settings.min_length} and at most {settings.max_length} words")
    state = network.start(encoded)
    prediction = network.predict(encoded, state)
    device, turns = prediction.logits.device, len(prediction.logits)
    scores = torch.zeros(turns, 1, dtype=torch.float64, device=device)
    words = torch.zeros(turns, 1, 0, dtype=torch.long, device=device)
    finished = Finished.none(turns, settings, device)
    places = torch.arange(turns, device=device)
    results: dict[int, list[Answer]] = {}
    for length in range(settings.max_length + 1):
        width = scores.shape[1]
        chances = Chances(prediction.logits.view(*scores.shape, -1))
        if length >= settings.min_length:
            finished = finished.add(scores + chances.of(END) + settings.bonus, words)
        if length == settings.max_length:
            break
        scores, parents, following = chances.best(scores + settings.bonus, settings.beam)
        before = words.gather(1, parents.unsqueeze(2).expand(-1, -1, length))
        words = torch.cat((before, following.unsqueeze(2)), 2)
        done = finished.scores[:, -1] >= reach(scores[:, 0], length + 1, settings)
        # The one thing that a step on a GPU waits for.
        gone = int(done.sum())
        if gone == len(places):
            break
        rows = parents + width * torch.arange(len(places), device=device).unsqueeze(1)
        # Nothing more comes from a turn that is done.
        scores = scores.masked_fill(done.unsqueeze(1), -torch.inf)
        if DROP * gone >= len(places):
            results.update(zip(places[done].tolist(), finished.select(done.nonzero()[:, 0]).answers(), strict=True))
            kept = (~done).nonzero()[:, 0]
            places, finished, encoded = places[kept], finished.select(kept), encoded.select(kept)
            scores, words, rows = scores[kept], words[kept], rows[kept]
        rows = rows.flatten()
        state = network.advance(state.select(rows), prediction.passed_on(rows), words[:, :, -1].flatten())
        prediction = network.predict(encoded, state)
    results.update(zip(places.tolist(), finished.answers(), strict=True))
    for answers in results.values():
        if not answers or not all(math.isfinite(answer.score) for answer in answers):
            raise ArithmeticError("the network's word scores are not finite numbers")
    return [results[turn] for turn in range(turns)]


def reach(scores: Tensor, length: int, settings: Answers) -> Tensor:
    """The most that open hypotheses of ``scores`` (T,) and ``length`` words can come to: further words cost nothing.

    As many of them as may come give their bonus, or as few as must when it is negative.
    """
    most = settings.max_length - length + 1
    fewest = max(settings.min_length - length, 0) + 1
    return scores + settings.bonus * (most if settings.bonus >= 0 else fewest)
