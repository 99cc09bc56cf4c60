"""Encoders that the dialog networks share.

Legend: N sentences, L words at most, R real steps of all sequences, T turns, P history pairs, J pairs at most in one
turn's history, E embedding, H units.

>>> sentences = Sequences(torch.tensor([[5, 6, 7], [8, 0, 0]]), torch.tensor([3, 1]))
>>> steps, last = WordEncoder(11, 4, 3, layers=2, bidirectional=True, dropout=0.5)(sentences)
>>> steps.values.shape, last.shape
(torch.Size([4, 6]), torch.Size([2, 6]))

Three turns of a dialog, whose history is nothing, pair 0, and both pairs: 1 + 1 + 2 steps.

>>> history = torch.tensor([[-1, -1], [0, -1], [0, 1]])
>>> steps, last = HistoryEncoder(11, 4, 3, layers=2, bidirectional=True, dropout=0.5)(sentences, history)
>>> steps.values.shape, last.shape
(torch.Size([4, 6]), torch.Size([3, 6]))

>>> videos = FeatureSequences(torch.ones(2, 5, 8), torch.tensor([5, 0]))
>>> FeatureProjection(8, 3)(videos).values.shape
torch.Size([5, 3])

>>> WordProjection(4, 3)(sentences, nn.Embedding(11, 4), nn.Dropout(0.5)).values.shape
torch.Size([4, 3])
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.networks.parts.lstm import LSTM
from pipeline.networks.parts.packing import Packing, pick
from pipeline.networks.parts.words import source
from pipeline.tensors import FeatureSequences, Sequences, sent_to


class Steps(NamedTuple):
    """Encoded sequences: values (R, D) of the real steps, and where they belong."""

    values: Tensor
    packing: Packing

    def mean(self) -> Tensor:
        """(N, D) mean over the steps of each sequence; zero for a sequence without any."""
        padded = self.packing.pad(self.values)
        counts = self.packing.pad(torch.ones_like(self.values[:, :1])).sum(1)
        return padded.sum(1) / counts.clamp(min=1)


class WordEncoder(nn.Module):
    """Sentences through an embedding and an LSTM (section 4: question encoder, and the words of a history pair)."""

    def __init__(
        self,
        vocabulary: int,
        embedding: int | nn.Embedding,
        hidden: int,
        layers: int,
        bidirectional: bool,
        dropout: float,
    ) -> None:
        """embedding: E of an embedding of its own, or the one it shares with another part of the network."""
        super().__init__()
        self.embedding = source(vocabulary, embedding)
        self.dropout = nn.Dropout(dropout)
        self.lstm = LSTM(self.embedding.embedding_dim, hidden, layers, bidirectional)
        self.outputs = self.lstm.outputs

    def forward(self, sentences: Sequences) -> tuple[Steps, Tensor]:
        """States of every word, and the final states (N, directions x H); zero for an empty sentence."""
        packing = Packing.of(sentences.lengths, sentences.ids.shape[1], sentences.ids.device)
        words = self.dropout(self.embedding(packing.pack(sentences.ids)))
        states = self.lstm(words, packing)
        return Steps(states, packing), self.lstm.last(states, packing)


class HistoryEncoder(nn.Module):
    """The dialog so far (section 4, hierarchical): each pair, one sentence, becomes a vector H_j; an LSTM reads those.

    A turn without any pair has one learned step instead (choice 10).
    """

    def __init__(
        self,
        vocabulary: int,
        embedding: int | nn.Embedding,
        hidden: int,
        layers: int,
        bidirectional: bool,
        dropout: float,
    ) -> None:
        """embedding: as `WordEncoder` has it."""
        super().__init__()
        self.words = WordEncoder(vocabulary, embedding, hidden, layers, bidirectional=False, dropout=dropout)
        self.pairs = LSTM(hidden, hidden, 1, bidirectional)
        self.outputs = self.pairs.outputs
        self.empty = nn.Parameter(torch.zeros(self.outputs))

    def forward(self, pairs: Sequences, history: Tensor) -> tuple[Steps, Tensor]:
        """States over the pairs of each turn, and the final states (T, directions x H).

        pairs: (P, Lp), P may be 0. history: (T, J) int64 on the host, pairs before each turn, -1 where there are fewer.
        """
        _, vectors = self.words(pairs)
        counts = (history >= 0).sum(1)
        packing = Packing.of(counts, history.shape[1])
        filled = Packing.of(counts.clamp(min=1), max(history.shape[1], 1))
        device = vectors.device
        looked_back_on, sources = sent_to(device, packing.pack(history), _sources(packing, filled))
        packing, filled = packing.to(device), filled.to(device)
        states = self.pairs(vectors.index_select(0, looked_back_on), packing)
        empty = self.empty.to(states.dtype)
        none = (packing.last < 0).unsqueeze(1)
        final = torch.where(none, empty, self.pairs.last(states, packing))
        return Steps(pick(torch.cat((empty.unsqueeze(0), states)), sources), filled), final


def _sources(packing: Packing, filled: Packing) -> Tensor:
    """For each step of ``filled`` its position in ``packing`` plus one; 0 for a step only ``filled`` has."""
    places = torch.zeros(filled.rows * filled.padded, dtype=torch.int64)
    if packing.padded:
        places[packing.index] = torch.arange(1, len(packing.index) + 1)
    return places[filled.index]


class FeatureProjection(nn.Module):
    """A feature's steps through one layer with tanh (section 4)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, features: FeatureSequences) -> Steps:
        """Projected steps of every video, real ones only."""
        packing = Packing.of(features.lengths, features.values.shape[1], features.values.device)
        return Steps(torch.tanh(self.linear(packing.pack(features.values))), packing)


class WordProjection(nn.Module):
    """Words without an order, embedded, through one layer with tanh: the concept words of a video as a modality."""

    def __init__(self, embedding: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(embedding, outputs)

    def forward(self, words: Sequences, table: nn.Embedding, dropout: nn.Module) -> Steps:
        """A step for every real word. table: the embedding they are looked up in, behind it ``dropout``."""
        packing = Packing.of(words.lengths, words.ids.shape[1], words.ids.device)
        embedded = dropout(table(packing.pack(words.ids)))
        return Steps(torch.tanh(self.linear(embedded)), packing)
