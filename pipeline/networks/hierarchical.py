"""The comparison system "AVSD best system" (Sanabria, Palaskar, Metze: CMU Sinbad's submission for the DSTC7 AVSD
challenge): two encoders, question and video, under hierarchical attention, and a conditional GRU decoder.

Legend: T turns, N rows of a search, L steps of a modality, K modalities (question, then features), W words of all
answers, V vocabulary, E embedding, H decoder units, A attention size, G context vector.

With s_0 = tanh(W_0 [h_last, h_first] + b_0), the question's final states, forward at its last word, backward at its
first (choice 2, as the attention network has it; the toolkit takes the mean over all words, the description's too), at
word i, after the word y_{i-1}:

    s'_i = GRU1(s_{i-1}, emb(y_{i-1}))
    a_{k,i,t} = softmax_t(w_k^T tanh(W_k s'_i + V_k h_{k,t} + b_k));  c_{k,i} = sum_t a_{k,i,t} h_{k,t}
    e_{k,i} = w_B^T tanh(W_B s'_i + V_Bk c_{k,i} + b_B);  beta_i = softmax_k(e_i);  g_i = sum_k beta_{k,i} U_k c_{k,i}
    s_i = GRU2(s'_i, g_i);  P(y_i) = softmax(W_s tanh(W_o s_i + b_o) + b_s)

The third line is the hierarchical combination of Libovický and Helcl (2017): g_i is linear in the c_k, without tanh.
The decoder is the conditional GRU of nmtpytorch, the toolkit the system was built with. The paper leaves open, or this
page could not learn: all sizes; dropout (on embeddings and before the softmax, as the other networks have it); s_0; a
layer of tanh of the embedding's width before the softmax (the toolkit's); `<sos>` as y_0 (the toolkit's); fresh weights
of N(0, 2 / inputs) (the toolkit's; He et al., 2015): each a *(choice)*. The last is no detail. Nothing bounds g: from
PyTorch's smaller weights, ten steps of Adam that all learn which words are common at all make it so large that GRU2's
gates are saturated, and no gradient that tells questions apart comes through any more. There is no dialog history:
`build_network` refuses it.

>>> import torch
>>> from pipeline.networks.sizes import HierarchicalSizes
>>> network = HierarchicalNetwork(HierarchicalSizes(), 11, {"i3d_r50": 6}).eval()
>>> words = Sequences(torch.tensor([[5, 6, 7], [8, 0, 0]]), torch.tensor([3, 1]))
>>> video = FeatureSequences(torch.ones(1, 4, 6), torch.tensor([4]))  # One dialog of two turns.
>>> none = Sequences(torch.zeros(0, 1, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
>>> history, dialog = torch.zeros(2, 0, dtype=torch.int64), torch.tensor([0, 0])
>>> decoded = network(Inputs(words, none, history, {"i3d_r50": video}, dialog), words)
>>> decoded.logits.shape, decoded.context.shape
(torch.Size([4, 11]), torch.Size([4, 256]))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.networks.base import Decoded, Generator, Prediction
from pipeline.networks.inputs import Inputs
from pipeline.networks.parts import gru
from pipeline.networks.parts.additive import AdditiveAttention, Attended, Memory, look
from pipeline.networks.parts.encoders import Steps
from pipeline.networks.parts.packing import Packing, pick
from pipeline.networks.parts.standard import Standardisation
from pipeline.networks.parts.words import WordScores, embedding, source
from pipeline.networks.sizes import HierarchicalSizes
from pipeline.tensors import FeatureSequences, Sequences, TensorGroup
from pipeline.vocabulary import START

QUESTION = "question"
CHUNK_WASTE = 16
"""Steps of ended answers a chunk of the decoder's loop may hold: a further chunk costs about as much as so many."""


@dataclass(frozen=True)
class Encoded(TensorGroup):
    """What the decoder reads, one row a turn: s_0 (T, H), and a memory for each modality in order."""

    start: Tensor
    memories: dict[str, Memory]


@dataclass(frozen=True)
class State(TensorGroup):
    """s'_i: the decoder after GRU1 has read the last word, (N, H)."""

    proposal: Tensor


class HierarchicalAttention(AdditiveAttention):
    """Parameters of the attention within modalities and over them.

    As in `pipeline.networks.parts.additive`, U_k and V_Bk are applied to a modality's steps once a sequence, not to
    c_k at every word.
    """

    def __init__(self, widths: Mapping[str, int], state: int, attention: int, context: int) -> None:
        super().__init__(widths, state, attention, context)
        self.offset = nn.Parameter(torch.zeros(attention))

    def forward(self, state: Tensor, memories: Sequence[Memory]) -> Attended:
        """g_i (N, G) and all weights, from s'_i (N, H): as many rows for every row of the memories, side by side."""
        queries = self.query(state).view(len(memories[0].mask), -1, len(memories) + 1, self.size)
        temporal, mixtures = [], []
        for place, memory in enumerate(memories):
            share, mixture = look(queries[:, :, place], memory, self.score[place])
            temporal.append(share.flatten(0, 1))
            mixtures.append(mixture.flatten(0, 1))
        mixed = torch.stack(mixtures, 1)
        energy = torch.tanh(mixed[:, :, self.context :] + queries[:, :, -1:].flatten(0, 1) + self.offset)
        modality = torch.softmax(energy @ self.balance, 1)
        context = torch.bmm(modality.unsqueeze(1), mixed[:, :, : self.context]).squeeze(1)
        return Attended(context, tuple(temporal), modality)


class HierarchicalNetwork(Generator):
    """Question (the description in front) and features under hierarchical attention; see this module's equations.

    A feature that the inputs do not hold, or that a video has no step of, has c = 0.
    """

    def __init__(self, sizes: HierarchicalSizes, vocabulary_size: int, feature_dims: Mapping[str, int]) -> None:
        super().__init__()
        self.standard = Standardisation(feature_dims) if sizes.standardise else None
        words, hidden = sizes.embedding, sizes.decoder_hidden
        self.embedding = embedding(vocabulary_size, words, sizes.tie_weights)
        self.question_embedding = source(vocabulary_size, self.embedding if sizes.share_embeddings else words)
        self.question = gru.GRU(words, sizes.question_hidden, sizes.question_layers, bidirectional=True)
        self.projections = nn.ModuleDict(
            {name: nn.Linear(dims, sizes.projection) for name, dims in feature_dims.items()}
        )
        widths = {QUESTION: self.question.outputs, **dict.fromkeys(feature_dims, sizes.projection)}
        self.attention = HierarchicalAttention(widths, hidden, sizes.attention, sizes.context)
        self.start_state = nn.Linear(self.question.outputs, hidden)
        self.first = nn.GRUCell(words, hidden)
        self.second = nn.GRUCell(sizes.context, hidden)
        self.squeeze = nn.Linear(hidden, words)
        self.output = WordScores(words, vocabulary_size, sizes.tie_weights)
        self.dropout = nn.Dropout(sizes.dropout)
        if sizes.kaiming_normal:
            for weights in self.parameters():
                if weights.dim() > 1:
                    nn.init.kaiming_normal_(weights)
            nn.init.kaiming_normal_(self.attention.balance.unsqueeze(0))

    def encode(self, inputs: Inputs) -> Encoded:
        """s_0 and the memories; a video is projected once and its rows given to its turns."""
        if self.standard is not None:
            inputs = self.standard(inputs)
        questions = inputs.questions
        packing = Packing.of(questions.lengths, questions.ids.shape[1], questions.ids.device)
        states = self.question(self.dropout(self.question_embedding(packing.pack(questions.ids))), packing)
        memories = {QUESTION: self.attention.remember(QUESTION, Steps(states, packing))}
        for name, projection in self.projections.items():
            if name in inputs.features:
                steps = _projected(projection, inputs.features[name])
                memories[name] = self.attention.remember(name, steps).select(inputs.dialog)
            else:
                memories[name] = self.attention.nothing(len(inputs.dialog))
        forward, backward = states.chunk(2, 1)
        last = torch.cat((pick(forward, packing.last), pick(backward, packing.first)), 1)
        # The state adds up over words: it keeps full precision where automatic mixed precision is on.
        start = torch.tanh(self.start_state(last)).to(self.attention.score.dtype)
        return Encoded(start, memories)

    def start(self, encoded: TensorGroup) -> State:
        """s'_1, from s_0 and `<sos>`."""
        assert isinstance(encoded, Encoded)
        words = torch.full((len(encoded.start),), START, dtype=torch.int64, device=encoded.start.device)
        return State(gru.step(self.first, self._word_products(words), encoded.start))

    def predict(self, encoded: TensorGroup, state: TensorGroup) -> Prediction:
        """g_i, s_i and the scores of y_i, from s'_i."""
        assert isinstance(encoded, Encoded)
        assert isinstance(state, State)
        seen = self.attention(state.proposal, list(encoded.memories.values()))
        logits = self._logits(self._settled(state.proposal, seen.context))
        return Prediction(logits, seen.context, dict(zip(encoded.memories, seen.temporal, strict=True)), seen.modality)

    def advance(self, state: TensorGroup, prediction: Prediction, words: Tensor) -> State:
        """s'_{i+1}, from s'_i, g_i and y_i."""
        assert isinstance(state, State)
        settled = self._settled(state.proposal, prediction.context)
        return State(gru.step(self.first, self._word_products(words), settled))

    def decode(self, encoded: TensorGroup, targets: Sequences) -> Decoded:
        """The loop of `start`, `predict` and `advance` with the true words, for all answers at once.

        The words' products stand before the loop, the output layer after it. Rows whose answer has ended leave the
        loop at the next chunk's beginning.
        """
        assert isinstance(encoded, Encoded)
        packing = Packing.of(targets.lengths, targets.ids.shape[1], targets.ids.device)
        words = torch.cat((torch.full_like(targets.ids[:, :1], START), targets.ids[:, :-1]), 1)
        products = self._word_products(packing.pack(words))
        current = encoded.select(packing.order)
        state, states, contexts = current.start, [], []
        for chunk in packing.chunks(CHUNK_WASTE):
            state = state[: chunk.rows]
            current = current.map(lambda tensor, rows=chunk.rows: tensor[:rows])
            block = products.index_select(0, chunk.gather).view(chunk.steps, chunk.rows, -1)
            after, seen = [], []
            for product in block.unbind():
                proposal = gru.step(self.first, product, state)
                seen.append(self.attention(proposal, list(current.memories.values())).context)
                state = self._settled(proposal, seen[-1])
                after.append(state)
            states.append(torch.cat(after).index_select(0, chunk.keep))
            contexts.append(torch.cat(seen).index_select(0, chunk.keep))
        order = packing.row_major()
        settled, context = (torch.cat(parts).index_select(0, order) for parts in (states, contexts))
        return Decoded(self._logits(settled), context)

    def _word_products(self, words: Tensor) -> Tensor:
        return gru.product(self.first, self.dropout(self.embedding(words)))

    def _settled(self, proposal: Tensor, context: Tensor) -> Tensor:
        """s_i (N, H)."""
        return gru.step(self.second, gru.product(self.second, context), proposal)

    def _logits(self, states: Tensor) -> Tensor:
        hidden = self.dropout(torch.tanh(self.squeeze(states)))
        logits: Tensor = self.output(hidden, self.embedding)
        return logits


def _projected(projection: nn.Module, features: FeatureSequences) -> Steps:
    packing = Packing.of(features.lengths, features.values.shape[1], features.values.device)
    return Steps(projection(packing.pack(features.values)), packing)
