"""The distilled captioner: one sentence about a video from its pooled features, by a GRU language model.

A teacher pools the features of all frames and the whole sound; a student those of a part of them, through an adaptor
that learns to give what the teacher has. Frames and sound are two features (a 2D network's pooling layer, PANNs' or
another's embedding); any others, in any number, do as well. Question, description and history are not read.

Legend: T rows (turns; of a describing system, descriptions), N rows of a search, B videos, Z dimensions of all features
together, H width, V vocabulary, K layers, W words of all sentences.

    z = [mean_n f1_n ; mean_t f2_t ; ...];  z^ = A(z) with an adaptor, else z;  x_0 = W_z z^ + b_z
    inject: add     in_t = emb(y_(t-1)) + x_0,     states 0
            init    in_t = emb(y_(t-1)),           states tanh(x_0)
            concat  in_t = [emb(y_(t-1)) ; x_0],   states 0
    s_t = the residual GRU layers (`parts.residual_gru`) on in_1 .. in_t, y_0 = <sos>;  P(y_t) = softmax(W_s s_t + b_s)

The paper leaves open how the video enters the language model, the number of layers, all dropout (here on embeddings,
after every layer and in the adaptor), and whether the adaptor has a residual connection: each an option. Its latent
width of 2,576 is not that of the pooled features (2,048 + 512), hence W_z.

The context vector is x_0, all that the decoder knows of the video: its size is the width, whatever the features.

>>> from pipeline.networks.inputs import Inputs
>>> from pipeline.tensors import FeatureSequences
>>> sizes = CaptionerSizes(width=16, adaptor=True)
>>> network = CaptionerNetwork(sizes, 11, {"frames": 6, "sound": 5}).eval()
>>> none = Sequences(torch.zeros(0, 1, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
>>> question = Sequences(torch.zeros(2, 0, dtype=torch.int64), torch.tensor([0, 0]))
>>> frames = FeatureSequences(torch.ones(1, 4, 6), torch.tensor([4]))  # One video, two descriptions, no sound.
>>> inputs = Inputs(question, none, torch.zeros(2, 0, dtype=torch.int64), {"frames": frames}, torch.tensor([0, 0]))
>>> network.represent(inputs).shape
torch.Size([2, 11])
>>> decoded = network(inputs, Sequences(torch.tensor([[5, 6, 3], [8, 3, 0]]), torch.tensor([3, 2])))
>>> decoded.logits.shape, decoded.context.shape
(torch.Size([5, 11]), torch.Size([5, 16]))
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.networks.base import Decoded, Generator, Prediction
from pipeline.networks.inputs import Inputs
from pipeline.networks.parts.adaptor import Adaptor
from pipeline.networks.parts.packing import Packing
from pipeline.networks.parts.pooling import time_means
from pipeline.networks.parts.residual_gru import ResidualGRU
from pipeline.networks.parts.standard import Standardisation
from pipeline.networks.parts.words import WordScores, embedding
from pipeline.networks.sizes import CaptionerSizes
from pipeline.tensors import Sequences, TensorGroup
from pipeline.vocabulary import START


@dataclass(frozen=True)
class Encoded(TensorGroup):
    """What the decoder reads: x_0 (T, H)."""

    latent: Tensor


@dataclass(frozen=True)
class State(TensorGroup):
    """The decoder after the last word: states of its layers (N, K, H), and s_t (N, H)."""

    layers: Tensor
    top: Tensor


class CaptionerNetwork(Generator):
    """Pooled features, adaptor, GRU language model; see this module's equations.

    Parameters carry no feature's name: a student that sees cheaper features starts from its teacher's by name and size.
    """

    def __init__(self, sizes: CaptionerSizes, vocabulary_size: int, feature_dims: Mapping[str, int]) -> None:
        super().__init__()
        self.standard = Standardisation(feature_dims) if sizes.standardise else None
        self.dims = dict(feature_dims)
        self.inject = sizes.inject
        pooled, width = sum(feature_dims.values()), sizes.width
        self.adaptor: Adaptor | None = None
        if sizes.adaptor:
            self.adaptor = Adaptor(
                pooled, sizes.adaptor_hidden or pooled, sizes.adaptor_dropout, sizes.adaptor_residual
            )
        self.latent = nn.Linear(pooled, width)
        self.embedding = embedding(vocabulary_size, width, sizes.tie_weights)
        inputs = 2 * width if sizes.inject == "concat" else width
        self.language = ResidualGRU(inputs, width, sizes.layers, sizes.dropout)
        self.output = WordScores(width, vocabulary_size, sizes.tie_weights)
        self.dropout = nn.Dropout(sizes.dropout)
        for layer in (self.latent, *([] if sizes.tie_weights else [self.output])):
            nn.init.xavier_uniform_(layer.weight)
        for layer in (self.latent, self.output):
            nn.init.zeros_(layer.bias)

    def represent(self, inputs: Inputs) -> Tensor:
        """The representation (T, Z): z^ with an adaptor, else z; each video is pooled and adapted once."""
        if self.standard is not None:
            inputs = self.standard(inputs)
        # With every feature taken away nothing says how many videos there are: never more than rows.
        videos = next((len(each.values) for each in inputs.features.values()), len(inputs.dialog))
        pooled = time_means(inputs.features, self.dims, self.latent.weight.new_empty(videos, 0))
        pooled = pooled if self.adaptor is None else self.adaptor(pooled)
        return pooled.index_select(0, inputs.dialog)

    def read(self, representation: Tensor) -> Encoded:
        """x_0 of ``representation`` (T, Z), see `represent`."""
        # The states add up over words: they keep full precision where automatic mixed precision is on.
        return Encoded(self.latent(representation).to(self.embedding.weight.dtype))

    def encode(self, inputs: Inputs) -> Encoded:
        """x_0, from the features alone."""
        return self.read(self.represent(inputs))

    def start(self, encoded: TensorGroup) -> State:
        """The state after `<sos>`."""
        assert isinstance(encoded, Encoded)
        words = torch.full((len(encoded.latent),), START, dtype=torch.int64, device=encoded.latent.device)
        return self._step(words, encoded.latent, self._first(encoded.latent))

    def predict(self, encoded: TensorGroup, state: TensorGroup) -> Prediction:
        """P(y_t) from s_t; there is no attention. Each turn's x_0 is given to its hypotheses."""
        assert isinstance(encoded, Encoded)
        assert isinstance(state, State)
        hypotheses = len(state.top) // max(len(encoded.latent), 1)
        return Prediction(self._logits(state.top), encoded.latent.repeat_interleave(hypotheses, 0), {}, None)

    def advance(self, state: TensorGroup, prediction: Prediction, words: Tensor) -> State:
        """The state after ``words``; x_0 is the prediction's context."""
        assert isinstance(state, State)
        return self._step(words, prediction.context, state.layers)

    def decode(self, encoded: TensorGroup, targets: Sequences) -> Decoded:
        """All sentences at once, layer by layer; the rows of words are packed, no padding is computed."""
        assert isinstance(encoded, Encoded)
        packing = Packing.of(targets.lengths, targets.ids.shape[1], targets.ids.device)
        before = torch.cat((torch.full_like(targets.ids[:, :1], START), targets.ids[:, :-1]), 1)
        rows = packing.index.div(packing.padded, rounding_mode="floor")
        latent = encoded.latent.index_select(0, rows)
        states = self.language(self._entry(packing.pack(before), latent), packing, self._first(encoded.latent))
        order = packing.row_major()
        return Decoded(self._logits(states.index_select(0, order)), latent.index_select(0, order))

    def _entry(self, words: Tensor, latent: Tensor) -> Tensor:
        """in_t (N, H), with `concat` (N, 2 H), of the words (N,) before and x_0 (N, H)."""
        embedded = self.dropout(self.embedding(words))
        if self.inject == "concat":
            return torch.cat((embedded, latent), 1)
        entry: Tensor = embedded + latent if self.inject == "add" else embedded
        return entry

    def _first(self, latent: Tensor) -> Tensor:
        """The layers' states (N, K, H) before `<sos>`."""
        first = torch.tanh(latent) if self.inject == "init" else torch.zeros_like(latent)
        return first.unsqueeze(1).expand(-1, len(self.language.layers), -1)

    def _step(self, words: Tensor, latent: Tensor, layers: Tensor) -> State:
        top, layers = self.language.step(self._entry(words, latent), layers)
        return State(layers, top)

    def _logits(self, states: Tensor) -> Tensor:
        logits: Tensor = self.output(states, self.embedding)
        return logits
