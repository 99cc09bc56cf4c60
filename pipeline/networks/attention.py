"""The attention network of the student-teacher paper (Hori et al., Interspeech 2019; docs/architecture.md).

Legend: T turns, N rows of a search, B videos, L steps of a modality, W words of all answers, V vocabulary, H decoder
units, G context vector, K modalities: question, features, history, concept words.

>>> from pipeline.tensors import FeatureSequences
>>> network = AttentionNetwork(AttentionSizes(context=6), 11, {"i3d_rgb": 8}, history=True).eval()
>>> words = Sequences(torch.tensor([[5, 6, 7], [8, 0, 0]]), torch.tensor([3, 1]))
>>> video = FeatureSequences(torch.ones(1, 4, 8), torch.tensor([4]))  # One dialog of two turns.
>>> past = torch.tensor([[-1], [0]])  # The second turn looks back on pair 0.
>>> inputs = Inputs(words, words.select(torch.tensor([0])), past, {"i3d_rgb": video}, torch.tensor([0, 0]))
>>> decoded = network(inputs, words)
>>> decoded.logits.shape, decoded.context.shape
(torch.Size([4, 11]), torch.Size([4, 6]))
>>> encoded = network.encode(inputs)
>>> prediction = network.predict(encoded, network.start(encoded))
>>> {name: tuple(share.shape) for name, share in prediction.attention.items()}
{'question': (2, 3), 'i3d_rgb': (2, 4), 'history': (2, 1)}
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.networks.base import Decoded, Generator, Prediction
from pipeline.networks.inputs import Inputs
from pipeline.networks.parts.additive import Memory, MultimodalAttention, attend_hypotheses
from pipeline.networks.parts.encoders import FeatureProjection, HistoryEncoder, Steps, WordEncoder, WordProjection
from pipeline.networks.parts.lstm import LSTM
from pipeline.networks.parts.lstm_step import Layer
from pipeline.networks.parts.packing import Packing
from pipeline.networks.parts.recurrence import run
from pipeline.networks.parts.standard import Standardisation
from pipeline.networks.parts.words import WordScores, bridge, embedding
from pipeline.networks.sizes import AttentionSizes
from pipeline.tensors import Sequences, TensorGroup

QUESTION, HISTORY, CONCEPTS = "question", "history", "concepts"


@dataclass(frozen=True)
class State(TensorGroup):
    """The decoder's LSTM: hidden and cell, (N, layers, H)."""

    hidden: Tensor
    cell: Tensor


@dataclass(frozen=True)
class Encoded(TensorGroup):
    """What the decoder reads, one row a turn: its first state s_0, and a memory for each modality in order."""

    start: State
    memories: dict[str, Memory]


class AttentionNetwork(Generator):
    """Question, features and history attended at every word (section 4; equations 3 and 5 to 8).

    Word i is predicted from s_{i-1} and g_i, P(y_i) = softmax(W_s [s_{i-1}, g_i] + b_s) (3); then the state moves on
    with it, s_i = LSTM(s_{i-1}, [emb(y_i), g_i]) (5). A feature that the inputs do not hold is a modality without any
    step: its c is zero.

    Without a question, as a network that describes a video is (``question``), the features are all its modalities, and
    s_0 is a linear map of the means of their projected steps.

    With ``concepts`` the words that were detected in the video are one more modality: a step each, tanh of a linear map
    of its embedding, which is the decoder's, as wide as that.
    """

    def __init__(
        self,
        sizes: AttentionSizes,
        vocabulary_size: int,
        feature_dims: Mapping[str, int],
        history: bool,
        question: bool = True,
        concepts: bool = False,
    ) -> None:
        super().__init__()
        self.standard = Standardisation(feature_dims) if sizes.standardise else None
        hidden, dropout, tied = sizes.decoder_hidden, sizes.dropout, sizes.tie_weights
        shared = embedding(vocabulary_size, sizes.embedding, tied) if sizes.share_embeddings else None
        words = sizes.embedding if shared is None else shared
        self.question: WordEncoder | None = None
        widths: dict[str, int] = {}
        if question:
            self.question = WordEncoder(
                vocabulary_size, words, sizes.question_hidden, sizes.question_layers, True, dropout
            )
            widths[QUESTION] = self.question.outputs
        self.features = nn.ModuleDict()
        for name, dims in feature_dims.items():
            widths[name] = sizes.projection.get(name, sizes.projection_default)
            self.features[name] = FeatureProjection(dims, widths[name])
        started_from = sum(widths[name] for name in feature_dims) if self.question is None else self.question.outputs
        self.history: HistoryEncoder | None = None
        if history:
            self.history = HistoryEncoder(
                vocabulary_size, words, sizes.history_hidden, sizes.history_layers, True, dropout
            )
            widths[HISTORY] = self.history.outputs
        self.concepts = WordProjection(sizes.embedding, sizes.embedding) if concepts else None
        if concepts:
            widths[CONCEPTS] = sizes.embedding
        self.attention = MultimodalAttention(widths, hidden, sizes.attention, sizes.context)
        self.start_state = nn.Linear(started_from, 2 * sizes.decoder_layers * hidden)
        self.embedding = embedding(vocabulary_size, sizes.embedding, tied) if shared is None else shared
        self.decoder = LSTM(sizes.embedding + sizes.context, hidden, sizes.decoder_layers)
        self.bridge = bridge(hidden + sizes.context, sizes.embedding, tied)
        self.output = WordScores(sizes.embedding if tied else hidden + sizes.context, vocabulary_size, tied)
        self.dropout = nn.Dropout(dropout)

    def encode(self, inputs: Inputs) -> Encoded:
        """Memories of every modality; a video is projected once and its rows given to its turns."""
        if self.standard is not None:
            inputs = self.standard(inputs)
        memories: dict[str, Memory] = {}
        first: list[Tensor] = []
        if self.question is not None:
            steps, last = self.question(inputs.questions)
            memories[QUESTION] = self.attention.remember(QUESTION, steps)
            first.append(last)
        for name, projection in self.features.items():
            projected = projection(inputs.features[name]) if name in inputs.features else None
            if projected is None:
                memories[name] = self.attention.nothing(len(inputs.dialog))
            else:
                memories[name] = self.attention.remember(name, projected).select(inputs.dialog)
            if self.question is None:
                first.append(self._mean(name, projected, inputs.dialog))
        if self.history is not None:
            steps, _ = self.history(inputs.pairs, inputs.history)
            memories[HISTORY] = self.attention.remember(HISTORY, steps)
        if self.concepts is not None:
            memories[CONCEPTS] = self.attention.nothing(len(inputs.dialog))
            if inputs.concepts is not None:
                steps = self.concepts(inputs.concepts, self.embedding, self.dropout)
                memories[CONCEPTS] = self.attention.remember(CONCEPTS, steps).select(inputs.dialog)
        # The cell adds up over words: it keeps full precision where automatic mixed precision is on.
        start = self.start_state(torch.cat(first, 1)).to(self.attention.score.dtype)
        hidden, cell = start.view(len(start), len(self.decoder.forwards), -1).chunk(2, 2)
        return Encoded(State(hidden, cell), memories)

    def _mean(self, name: str, steps: Steps | None, dialog: Tensor) -> Tensor:
        """(T, D) mean of a feature's projected steps, zero where there is none."""
        if steps is None:
            return self.attention.score.new_zeros(len(dialog), self.attention.width(name))
        return steps.mean().index_select(0, dialog)

    def start(self, encoded: TensorGroup) -> State:
        """s_0, a linear map of the question's final states (choice 2), or of the features' means."""
        assert isinstance(encoded, Encoded)
        return encoded.start

    def predict(self, encoded: TensorGroup, state: TensorGroup) -> Prediction:
        """Equations 6 to 8 and 3, from s_{i-1}."""
        assert isinstance(encoded, Encoded)
        assert isinstance(state, State)
        top = state.hidden[:, -1]
        seen = attend_hypotheses(top, list(encoded.memories.values()), self.attention.weights())
        logits = self._logits(top, seen.context)
        return Prediction(logits, seen.context, dict(zip(encoded.memories, seen.temporal, strict=True)), seen.modality)

    def advance(self, state: TensorGroup, prediction: Prediction, words: Tensor) -> State:
        """Equation 5."""
        assert isinstance(state, State)
        return self._advance(state, prediction.context, self._word_products(words))

    def decode(self, encoded: TensorGroup, targets: Sequences) -> Decoded:
        """The loop of `start`, `predict` and `advance` with the true words, for all answers at once.

        What does not depend on the state stands outside the loop: the words' products before it, the output layer
        after it.
        """
        assert isinstance(encoded, Encoded)
        packing = Packing.of(targets.lengths, targets.ids.shape[1], targets.ids.device)
        current = encoded.select(packing.order)
        states, contexts = run(
            packing.sizes,
            self._word_products(packing.pack(targets.ids)),
            current.start.hidden,
            current.start.cell,
            list(current.memories.values()),
            self.attention.weights(),
            [Layer(*weights) for weights in self.decoder.weights(self.attention.context)],
        )
        order = packing.row_major()
        top, context = states.index_select(0, order), contexts.index_select(0, order)
        return Decoded(self._logits(top, context), context)

    def _word_products(self, words: Tensor) -> Tensor:
        """(N, 4H), the chosen words' part of the decoder's pre-activations, with its biases."""
        embedded = self.dropout(self.embedding(words))
        return functional.linear(embedded, self.decoder.entry_weight[:, : embedded.shape[1]], self.decoder.entry_bias)

    def _advance(self, state: State, context: Tensor, product: Tensor) -> State:
        product = torch.addmm(product, context, self.decoder.entry_weight[:, -context.shape[1] :].t())
        return State(*self.decoder.step(product, state.hidden, state.cell))

    def _logits(self, states: Tensor, contexts: Tensor) -> Tensor:
        joined = self.bridge(self.dropout(torch.cat((states, contexts), 1)))
        logits: Tensor = self.output(joined, self.embedding)
        return logits
