"""The comparison system "AVSD baseline": naive fusion (section 4 of docs/architecture.md).

Legend: T turns, N rows of a search, B videos, L steps of a feature, D its dimensions, W words of all answers, V
vocabulary, H units, A attention size, F size of the fused features.

This is the published architecture without the published code's slips: padding is masked, the projections are summed,
dropout is off at test time, and no state leaks from one sample to the next.

>>> network = NaiveFusionNetwork(NaiveFusionSizes(fusion=6), 11, {"i3d_rgb": 6}, history=False).eval()
>>> words = Sequences(torch.tensor([[5, 6, 7], [8, 0, 0]]), torch.tensor([3, 1]))
>>> video = FeatureSequences(torch.ones(1, 4, 6), torch.tensor([4]))  # One dialog of two turns.
>>> none = Sequences(torch.zeros(0, 1, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
>>> past, dialog = torch.zeros(2, 0, dtype=torch.int64), torch.tensor([0, 0])
>>> decoded = network(Inputs(words, none, past, {"i3d_rgb": video}, dialog), words)
>>> decoded.logits.shape, decoded.context.shape
(torch.Size([4, 11]), torch.Size([4, 6]))
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.networks.base import Decoded, Generator, Prediction
from pipeline.networks.inputs import Inputs
from pipeline.networks.parts.additive import masked_softmax
from pipeline.networks.parts.encoders import FeatureProjection, HistoryEncoder, WordEncoder
from pipeline.networks.parts.lstm import LSTM
from pipeline.networks.parts.packing import Packing
from pipeline.networks.parts.standard import Standardisation
from pipeline.networks.parts.words import WordScores, bridge, embedding
from pipeline.networks.sizes import NaiveFusionSizes
from pipeline.tensors import FeatureSequences, Sequences, TensorGroup
from pipeline.vocabulary import START


@dataclass(frozen=True)
class Encoded(TensorGroup):
    """What is fed at every word beside it: question, history and features.

    inputs: (T, 2H + F) or without history (T, H + F). fused: (T, F), the features' part of it.
    """

    inputs: Tensor
    fused: Tensor


@dataclass(frozen=True)
class State(TensorGroup):
    """The decoder's LSTM after the last word, hidden and cell (N, layers, H).

    product: (N, 4H), what is fed beside words through the first layer's weights, with its biases.
    """

    hidden: Tensor
    cell: Tensor
    product: Tensor


class FeatureAttention(nn.Module):
    """A feature's part of the fusion: its steps, projected, attended once from the question's final state q.

    h_t = tanh(P x_t + b_P); a = softmax_t(w^T tanh(W q + V h_t + b)); c = sum_t a_t h_t; U c + b_U. U acts on c alone,
    a weighted sum of steps: it is applied to the steps, once a video, and not to every turn's c.
    """

    def __init__(self, dims: int, sizes: NaiveFusionSizes) -> None:
        super().__init__()
        self.projection = FeatureProjection(dims, sizes.projection)
        self.keys = nn.Linear(sizes.projection, sizes.attention)
        self.query = nn.Linear(sizes.hidden, sizes.attention, bias=False)
        self.score = nn.Linear(sizes.attention, 1, bias=False)
        self.content = nn.Linear(sizes.projection, sizes.fusion)

    def forward(self, features: FeatureSequences | None, dialog: Tensor, question: Tensor) -> Tensor:
        """U c + b_U, (T, F); b_U without a feature. features: (B, L, D). dialog: (T,). question: (T, H)."""
        if features is None:
            return self.content.bias.expand(len(question), -1)
        steps, packing = self.projection(features)
        keys = packing.pad(self.keys(steps)).index_select(0, dialog)
        contents = packing.pad(functional.linear(steps, self.content.weight)).index_select(0, dialog)
        scores = self.score(torch.tanh(keys + self.query(question).unsqueeze(1))).squeeze(2)
        share = masked_softmax(scores, features.mask().index_select(0, dialog))
        return torch.bmm(share.unsqueeze(1), contents.to(share.dtype)).squeeze(1) + self.content.bias


class NaiveFusionNetwork(Generator):
    """Question, history and fused features side by side at every step of the decoder.

    What the features' attentions give is summed and put through tanh: that is the context vector, the same at every
    word. `<sos>` is the first word fed. A feature that the inputs do not hold, or a video has no step of, adds b_U.
    """

    def __init__(
        self, sizes: NaiveFusionSizes, vocabulary_size: int, feature_dims: Mapping[str, int], history: bool
    ) -> None:
        super().__init__()
        self.standard = Standardisation(feature_dims) if sizes.standardise else None
        hidden, tied = sizes.hidden, sizes.tie_weights
        shared = embedding(vocabulary_size, sizes.embedding, tied) if sizes.share_embeddings else None
        words = sizes.embedding if shared is None else shared
        self.question = WordEncoder(vocabulary_size, words, hidden, sizes.question_layers, False, sizes.dropout)
        self.history = (
            HistoryEncoder(vocabulary_size, words, hidden, sizes.history_layers, False, sizes.dropout)
            if history
            else None
        )
        self.attention = nn.ModuleDict({name: FeatureAttention(dims, sizes) for name, dims in feature_dims.items()})
        self.fusion = sizes.fusion
        self.embedding = embedding(vocabulary_size, sizes.embedding, tied) if shared is None else shared
        inputs = sizes.embedding + hidden * (2 if history else 1) + sizes.fusion
        self.decoder = LSTM(inputs, hidden, sizes.decoder_layers)
        self.squeeze = nn.Linear(hidden, sizes.output)
        self.bridge = bridge(sizes.output, sizes.embedding, tied)
        self.output = WordScores(sizes.embedding if tied else sizes.output, vocabulary_size, tied)
        self.dropout = nn.Dropout(sizes.dropout)

    def encode(self, inputs: Inputs) -> Encoded:
        """Everything the decoder is fed beside words."""
        if self.standard is not None:
            inputs = self.standard(inputs)
        _, question = self.question(inputs.questions)
        parts = [question]
        if self.history is not None:
            parts.append(self.history(inputs.pairs, inputs.history)[1])
        total = question.new_zeros(len(question), self.fusion)
        for name, attention in self.attention.items():
            total = total + attention(inputs.features.get(name), inputs.dialog, question)
        fused = torch.tanh(total)
        return Encoded(torch.cat((*parts, fused), 1), fused)

    def start(self, encoded: TensorGroup) -> State:
        """The state after `<sos>`, from zero."""
        assert isinstance(encoded, Encoded)
        rows = len(encoded.inputs)
        zero = encoded.inputs.new_zeros(rows, len(self.decoder.forwards), self.decoder.hidden)
        words = torch.full((rows,), START, dtype=torch.int64, device=zero.device)
        weight, bias = self.decoder.entry_weight, self.decoder.entry_bias
        product = functional.linear(encoded.inputs, weight[:, -encoded.inputs.shape[1] :], bias)
        return self._advance(State(zero, zero, product), words)

    def predict(self, encoded: TensorGroup, state: TensorGroup) -> Prediction:
        """Scores of the next word."""
        assert isinstance(encoded, Encoded)
        assert isinstance(state, State)
        hypotheses = len(state.hidden) // len(encoded.fused)
        context = encoded.fused.repeat_interleave(hypotheses, 0, output_size=len(state.hidden))
        return Prediction(self._logits(state.hidden[:, -1]), context, {}, None)

    def advance(self, state: TensorGroup, prediction: Prediction, words: Tensor) -> State:  # noqa: ARG002
        """The state after ``words``."""
        assert isinstance(state, State)
        return self._advance(state, words)

    def decode(self, encoded: TensorGroup, targets: Sequences) -> Decoded:
        """All words of all answers: the decoder reads `<sos>` and every true word but the last."""
        assert isinstance(encoded, Encoded)
        packing = Packing.of(targets.lengths, targets.ids.shape[1], targets.ids.device)
        words = torch.cat((torch.full_like(targets.ids[:, :1], START), targets.ids[:, :-1]), 1)
        turns = packing.index.div(packing.padded, rounding_mode="floor")
        embedded = self.dropout(self.embedding(packing.pack(words)))
        states = self.decoder(torch.cat((embedded, encoded.inputs.index_select(0, turns)), 1), packing)
        order = packing.row_major()
        contexts = encoded.fused.index_select(0, turns.index_select(0, order))
        return Decoded(self._logits(states.index_select(0, order)), contexts)

    def _advance(self, state: State, words: Tensor) -> State:
        embedded = self.dropout(self.embedding(words))
        product = torch.addmm(state.product, embedded, self.decoder.entry_weight[:, : embedded.shape[1]].t())
        return State(*self.decoder.step(product, state.hidden, state.cell), state.product)

    def _logits(self, states: Tensor) -> Tensor:
        logits: Tensor = self.output(self.bridge(self.dropout(self.squeeze(states))), self.embedding)
        return logits
