"""CT-SAN describing a video: a language model that attends to concept words where it reads and where it speaks.

Yu, Ko, Choi and Kim, "End-to-end Concept Word Detection for Video Captioning, Retrieval, and Question Answering" (CVPR
2017), sections 3.2 and 4.1. The concept words come from a system of its own (`networks.detectors`): which ones are most
likely is a discrete choice, through which no gradient would reach a detector. What the paper leaves open, and what was
chosen: docs/systems.md. The other three heads: `networks.ct_san_pairs`.

Legend: T rows (descriptions), N rows of a search, B videos, K concept words, E embedding, D width, V vocabulary, W
words of all sentences. phi, psi: `parts.semantic`.

    s_N = LSTM(v_1 .. v_N), v_n the mean of a reduced map, or a projected step;   a_i = E[concept i]
    x_t = phi(E[y_(t-1)], a);   h_t = LSTM(x_t, h_(t-1)), h_0 = s_N in every layer;   p_t = psi(h_t, a)
    P(y_t) = softmax(W_y p_t + b_y), y_0 = <sos>;   penalty = lambda (g(beta) + g(gamma)), see `parts.semantic.uneven`

The context vector is s_N. A view without concept words has none of any video.

>>> from pipeline.networks.inputs import Inputs
>>> from pipeline.tensors import FeatureSequences
>>> network = CTSANNetwork(CTSANSizes(width=8), 11, {"frames": 6}).eval()
>>> none = Sequences(torch.zeros(0, 1, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
>>> question = Sequences(torch.zeros(2, 0, dtype=torch.int64), torch.tensor([0, 0]))
>>> frames = FeatureSequences(torch.ones(1, 4, 6), torch.tensor([4]))  # One video, two descriptions, three concepts.
>>> concepts = Sequences(torch.tensor([[5, 9, 7]]), torch.tensor([3]))
>>> history, dialog = torch.zeros(2, 0, dtype=torch.int64), torch.tensor([0, 0])
>>> inputs = Inputs(question, none, history, {"frames": frames}, dialog, concepts)
>>> decoded = network(inputs, Sequences(torch.tensor([[5, 6, 3], [8, 3, 0]]), torch.tensor([3, 2])))
>>> decoded.logits.shape, decoded.context.shape, decoded.penalty.shape
(torch.Size([5, 11]), torch.Size([5, 8]), torch.Size([2]))
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.networks.base import Decoded, Generator, Prediction
from pipeline.networks.concept_sizes import CTSANSizes, SemanticSizes
from pipeline.networks.inputs import Inputs
from pipeline.networks.parts.alignment import aligned, shown
from pipeline.networks.parts.lstm import LSTM
from pipeline.networks.parts.norm_lstm import NormLSTM
from pipeline.networks.parts.packing import Packing
from pipeline.networks.parts.reduction import Reduction
from pipeline.networks.parts.semantic import Concepts, Reading, Speaking, uneven
from pipeline.networks.parts.standard import Standardisation
from pipeline.networks.parts.words import WordScores, bridge, embedding
from pipeline.tensors import FeatureSequences, Sequences, TensorGroup
from pipeline.vocabulary import START


class Listening(nn.Module):
    """What all networks of CT-SAN have: videos watched, words embedded, concept words looked up, and phi.

    `maps` has the name that it has in a detector: a network can start from one with it (`init_from`).
    """

    standard: Standardisation | None

    def __init__(self, sizes: SemanticSizes, vocabulary_size: int, feature_dims: Mapping[str, int], tied: bool) -> None:
        super().__init__()
        self.standard = Standardisation(feature_dims) if sizes.standardise else None
        self.sizes, self.dims = sizes, dict(feature_dims)
        self.maps: Reduction | None = None
        self.projection: nn.Linear | None = None
        if sizes.grid is None:
            self.projection = nn.Linear(sum(feature_dims.values()), sizes.width)
        else:
            self.maps = Reduction(feature_dims, sizes.grid, sizes.width, sizes.pool)
        self.video = LSTM(sizes.width, sizes.width, 1)
        self.embedding = embedding(vocabulary_size, sizes.embedding, tied)
        self.reading = Reading(sizes.embedding, sizes.width, sizes.semantic)
        self.dropout = nn.Dropout(sizes.dropout)

    def watched(self, features: Mapping[str, FeatureSequences], count: int) -> Tensor:
        """Each video's s_N (B, D). count: B, where there are no features."""
        weight = self.embedding.weight
        features = shown(features, self.dims, weight, count)
        scaled = features if self.standard is None else self.standard.scaled(features)
        steps = aligned(scaled, self.dims, self.sizes.steps)
        packing = Packing.of(steps.lengths, steps.values.shape[1], steps.values.device)
        values = packing.pack(steps.values)
        if self.maps is not None:
            read = self.maps(values).mean((2, 3))
        else:
            assert self.projection is not None
            read = self.projection(values)
        # The language model's states add up over words: full precision where automatic mixed precision is on.
        last: Tensor = self.video.last(self.video(read, packing), packing).to(weight.dtype)
        return last

    def concepts(self, words: Sequences | None, count: int) -> Concepts:
        """a_i of each video; none where it has no word, and of a network without semantic attention."""
        weight = self.embedding.weight
        if words is None or not self.sizes.semantic:
            none = torch.zeros(count, 0, dtype=torch.bool, device=weight.device)
            return Concepts(weight.new_zeros(count, 0, weight.shape[1]), none)
        real = words.mask()
        return Concepts(self.embedding(words.ids.masked_fill(~real, 0)), real)

    def words(self, ids: Tensor) -> Tensor:
        """Embedded words (..., E) of ``ids``, behind dropout."""
        embedded: Tensor = self.dropout(self.embedding(ids))
        return embedded

    def penalty(self, places: Tensor, *shares: Tensor) -> Tensor | None:
        """The sum of weighted g (P,) over log shares (P, M, K) at real ``places`` (P, M); without attention None."""
        if not self.sizes.semantic:
            return None
        return self.sizes.lambda_semantic * torch.stack([uneven(each, places) for each in shares]).sum(0)


@dataclass(frozen=True)
class Encoded(TensorGroup):
    """What the language model reads: s_N (T, D), and each row's concept words."""

    seen: Tensor
    concepts: Concepts


@dataclass(frozen=True)
class State(TensorGroup):
    """After the last word: h and c of the layers (N, layers, D), h_t (N, D), and the row's concept words."""

    hidden: Tensor
    memory: Tensor
    top: Tensor
    concepts: Concepts


class CTSANNetwork(Listening, Generator):
    """See this module's equations. Question, pairs and history are not read."""

    def __init__(self, sizes: CTSANSizes, vocabulary_size: int, feature_dims: Mapping[str, int]) -> None:
        super().__init__(sizes, vocabulary_size, feature_dims, sizes.tie_weights)
        self.language = NormLSTM(sizes.width, sizes.width, sizes.layers, sizes.dropout)
        self.speaking = Speaking(sizes.embedding, sizes.width, sizes.semantic)
        self.bridge = bridge(sizes.width, sizes.embedding, sizes.tie_weights)
        spoken = sizes.embedding if sizes.tie_weights else sizes.width
        self.output = WordScores(spoken, vocabulary_size, sizes.tie_weights)

    def encode(self, inputs: Inputs) -> Encoded:
        """s_N and a, each video once."""
        # With every feature taken away nothing says how many videos there are: never more than rows.
        seen = self.watched(inputs.features, len(inputs.dialog))
        return Encoded(seen, self.concepts(inputs.concepts, len(seen))).select(inputs.dialog)

    def start(self, encoded: TensorGroup) -> State:
        """The state after `<sos>`."""
        assert isinstance(encoded, Encoded)
        words = torch.full((len(encoded.seen),), START, dtype=torch.int64, device=encoded.seen.device)
        hidden = encoded.seen.unsqueeze(1).expand(-1, self.sizes.layers, -1)
        return self._step(words, hidden, torch.zeros_like(hidden), encoded.concepts)

    def predict(self, encoded: TensorGroup, state: TensorGroup) -> Prediction:
        """P(y_t) from h_t; there is no attention over time. Each row's s_N is given to its hypotheses."""
        assert isinstance(encoded, Encoded)
        assert isinstance(state, State)
        hypotheses = len(state.top) // max(len(encoded.seen), 1)
        spoken, _ = self.speaking(state.top.unsqueeze(1), state.concepts)
        return Prediction(self._logits(spoken.squeeze(1)), encoded.seen.repeat_interleave(hypotheses, 0), {}, None)

    def advance(self, state: TensorGroup, prediction: Prediction, words: Tensor) -> State:  # noqa: ARG002
        """The state after ``words``; of the prediction nothing is read."""
        assert isinstance(state, State)
        return self._step(words, state.hidden, state.memory, state.concepts)

    def decode(self, encoded: TensorGroup, targets: Sequences) -> Decoded:
        """All sentences at once: phi and psi of all places, between them the recurrence without padding."""
        assert isinstance(encoded, Encoded)
        packing = Packing.of(targets.lengths, targets.ids.shape[1], targets.ids.device)
        real = targets.mask()
        before = torch.cat((torch.full_like(targets.ids[:, :1], START), targets.ids[:, :-1]), 1)
        entry, gamma = self.reading(self.words(before.masked_fill(~real, 0)), encoded.concepts)
        states = self.language(packing.pack(entry), packing, encoded.seen)
        spoken, beta = self.speaking(packing.pad(states), encoded.concepts)
        order = packing.row_major()
        rows = packing.index.div(packing.padded, rounding_mode="floor").index_select(0, order)
        logits = self._logits(packing.pack(spoken).index_select(0, order))
        return Decoded(logits, encoded.seen.index_select(0, rows), self.penalty(real, gamma, beta))

    def _step(self, words: Tensor, hidden: Tensor, memory: Tensor, concepts: Concepts) -> State:
        entry, _ = self.reading(self.words(words).unsqueeze(1), concepts)
        top, hidden, memory = self.language.step(entry.squeeze(1), hidden, memory)
        return State(hidden, memory, top, concepts)

    def _logits(self, spoken: Tensor) -> Tensor:
        logits: Tensor = self.output(self.bridge(spoken), self.embedding)
        return logits
