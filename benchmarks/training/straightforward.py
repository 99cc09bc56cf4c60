"""The attention network the way it is commonly written: the yardstick of training, and a second implementation.

The same equations as `pipeline.networks.attention` (6 to 8, 3 and 5), a row a turn: a video's features are repeated
for every turn and projected again, every turn's whole history is encoded again, `nn.LSTM` runs over packed sequences,
attention keys and the output layer are computed inside the time loop, which goes on to the longest answer for all.

Legend: T turns, L steps of a modality, P pairs in the histories of all turns, J pairs at most in one, La longest
answer, V vocabulary, H decoder units, A attention size, G context vector.

Every turn has a question of at least one word, and every video at least one step of every feature.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pipeline.networks.inputs import Inputs
from pipeline.networks.sizes import AttentionSizes
from pipeline.tensors import Sequences, length_mask

QUESTION, HISTORY = "question", "history"
MASKED = -1e9


class Encoded(NamedTuple):
    """A modality's steps (T, L, D), and which are real: (T, L) bool."""

    steps: Tensor
    mask: Tensor


class TemporalAttention(nn.Module):
    """Equation 6: w^T tanh(W s + V h + b), softmax over the steps, their weighted sum."""

    def __init__(self, width: int, state: int, size: int) -> None:
        super().__init__()
        self.state = nn.Linear(state, size, bias=False)
        self.step = nn.Linear(width, size)
        self.score = nn.Linear(size, 1, bias=False)

    def forward(self, state: Tensor, encoded: Encoded) -> Tensor:
        """State (T, H) -> c (T, D)."""
        hidden = torch.tanh(self.state(state).unsqueeze(1) + self.step(encoded.steps))
        scores = self.score(hidden).squeeze(2).masked_fill(~encoded.mask, MASKED)
        return (torch.softmax(scores, 1).unsqueeze(2) * encoded.steps).sum(1)


class ModalityAttention(nn.Module):
    """Equations 7 and 8: the modalities' c_k, projected, weighted by attention, summed, tanh'ed."""

    def __init__(self, widths: Mapping[str, int], state: int, size: int, context: int) -> None:
        super().__init__()
        self.state = nn.Linear(state, size, bias=False)
        self.energies = nn.ModuleDict({name: nn.Linear(width, size) for name, width in widths.items()})
        self.contents = nn.ModuleDict({name: nn.Linear(width, context) for name, width in widths.items()})
        self.score = nn.Linear(size, 1, bias=False)

    def forward(self, state: Tensor, contexts: Mapping[str, Tensor]) -> Tensor:
        """State (T, H) and c_k (T, D_k) -> g (T, G)."""
        contents = torch.stack([self.contents[name](context) for name, context in contexts.items()], 1)
        energies = torch.stack([self.energies[name](context) for name, context in contexts.items()], 1)
        scores = self.score(torch.tanh(self.state(state).unsqueeze(1) + energies))
        return torch.tanh((torch.softmax(scores, 1) * contents).sum(1))


class StraightforwardNetwork(nn.Module):
    """The attention network, trained with teacher forcing; sizes, features and history as for ours."""

    def __init__(
        self, sizes: AttentionSizes, vocabulary_size: int, feature_dims: Mapping[str, int], history: bool
    ) -> None:
        super().__init__()
        words, hidden = sizes.embedding, sizes.decoder_hidden
        self.dropout = nn.Dropout(sizes.dropout)
        self.question_words = nn.Embedding(vocabulary_size, words)
        self.question = _lstm(words, sizes.question_hidden, sizes.question_layers, bidirectional=True)
        widths = {QUESTION: 2 * sizes.question_hidden}
        self.projections = nn.ModuleDict()
        for name, dims in feature_dims.items():
            widths[name] = sizes.projection.get(name, sizes.projection_default)
            self.projections[name] = nn.Linear(dims, widths[name])
        self.with_history = history
        if history:
            self.pair_words = nn.Embedding(vocabulary_size, words)
            self.pair = _lstm(words, sizes.history_hidden, sizes.history_layers, bidirectional=False)
            self.history = _lstm(sizes.history_hidden, sizes.history_hidden, 1, bidirectional=True)
            self.empty = nn.Parameter(torch.zeros(2 * sizes.history_hidden))
            widths[HISTORY] = 2 * sizes.history_hidden
        self.attentions = nn.ModuleDict(
            {name: TemporalAttention(width, hidden, sizes.attention) for name, width in widths.items()}
        )
        self.over = ModalityAttention(widths, hidden, sizes.attention, sizes.context)
        self.start = nn.Linear(widths[QUESTION], 2 * sizes.decoder_layers * hidden)
        self.answer_words = nn.Embedding(vocabulary_size, words)
        inputs = [words + sizes.context] + [hidden] * (sizes.decoder_layers - 1)
        self.cells = nn.ModuleList(nn.LSTMCell(width, hidden) for width in inputs)
        self.output = nn.Linear(hidden + sizes.context, vocabulary_size)

    def forward(self, inputs: Inputs, targets: Sequences) -> Tensor:
        """Logits (T, La, V), also beyond the end of an answer, where they mean nothing."""
        modalities, states = self.encode(inputs)
        words = self.dropout(self.answer_words(targets.ids))
        logits = []
        for word in words.unbind(1):
            top = states[-1][0]
            context = self.over(top, {name: self.attentions[name](top, seen) for name, seen in modalities.items()})
            logits.append(self.output(self.dropout(torch.cat((top, context), 1))))
            below = torch.cat((word, context), 1)
            for layer, cell in enumerate(self.cells):
                states[layer] = cell(below, states[layer])
                below = states[layer][0]
        return torch.stack(logits, 1)

    def encode(self, inputs: Inputs) -> tuple[dict[str, Encoded], list[tuple[Tensor, Tensor]]]:
        """Every modality, a row a turn, and the decoder's first state of every layer."""
        steps, last = self._sentences(self.question, self.question_words, inputs.questions)
        modalities = {QUESTION: Encoded(steps, inputs.questions.mask())}
        for name, projection in self.projections.items():
            repeated = inputs.features[name].select(inputs.dialog)
            modalities[name] = Encoded(torch.tanh(projection(repeated.values)), repeated.mask())
        if self.with_history:
            modalities[HISTORY] = self._history(inputs)
        layers = self.start(last).view(len(last), len(self.cells), 2, -1)
        return modalities, [(layers[:, layer, 0], layers[:, layer, 1]) for layer in range(len(self.cells))]

    def _sentences(self, lstm: nn.LSTM, embedding: nn.Embedding, sentences: Sequences) -> tuple[Tensor, Tensor]:
        """States (N, L, D), and the top layer's final ones side by side (N, D)."""
        return _run(lstm, self.dropout(embedding(sentences.ids)), sentences.lengths)

    def _history(self, inputs: Inputs) -> Encoded:
        """Every turn's own pairs, each encoded for every turn that looks back on it."""
        counts = (inputs.history >= 0).sum(1)
        longest = max(inputs.history.shape[1], 1)
        steps = torch.cat((self.empty.view(1, 1, -1), self.empty.new_zeros(1, longest - 1, len(self.empty))), 1)
        steps = steps.repeat(len(counts), 1, 1)
        looking = counts.nonzero().squeeze(1)
        if len(looking):
            pairs = inputs.pairs.select(inputs.history[inputs.history >= 0])
            _, vectors = self._sentences(self.pair, self.pair_words, pairs)
            rows = vectors.new_zeros(len(looking), longest, vectors.shape[1])
            rows[length_mask(counts[looking], longest)] = vectors
            states, _ = _run(self.history, rows, counts[looking])
            steps[looking] = states
        return Encoded(steps, length_mask(counts.clamp(min=1), longest).to(steps.device))


def padded_cross_entropy(logits: Tensor, targets: Sequences) -> Tensor:
    """Mean of -log P over the real words, from logits (T, La, V) that are padded."""
    unread = targets.ids.masked_fill(~targets.mask(), -100)
    return F.cross_entropy(logits.flatten(0, 1), unread.flatten(), ignore_index=-100)


def _lstm(inputs: int, hidden: int, layers: int, *, bidirectional: bool) -> nn.LSTM:
    return nn.LSTM(inputs, hidden, layers, batch_first=True, bidirectional=bidirectional)


def _run(lstm: nn.LSTM, rows: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """States (N, L, D) of rows of at least one step, and the top layer's final ones side by side (N, D)."""
    packed = pack_padded_sequence(rows, lengths.cpu(), batch_first=True, enforce_sorted=False)
    states, (last, _) = lstm(packed)
    directions = 2 if lstm.bidirectional else 1
    steps, _ = pad_packed_sequence(states, batch_first=True, total_length=rows.shape[1])
    return steps, torch.cat(last[-directions:].unbind(), 1)
