"""The seam between networks and everything that uses them: training, search, report.

A network is one file: it subclasses `Generator`, and its sizes stand in `pipeline.networks.sizes`.

Legend: T turns (rows), N rows of a search (turns x beams), La answer length with `<eos>`, W real target words of a
batch (the sum of answer lengths), V vocabulary, G size of the context vector.

Greedy search by the seam's five methods, for two turns of a text-only network:

>>> import torch
>>> from pipeline.networks.registry import build_network
>>> from pipeline.networks.sizes import AttentionSizes
>>> network = build_network("attention", AttentionSizes(context=6), 11, {}, history=False).eval()
>>> words = Sequences(torch.tensor([[5, 6, 7], [8, 0, 0]]), torch.tensor([3, 1]))
>>> none = Sequences(torch.zeros(0, 1, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
>>> inputs = Inputs(words, none, torch.zeros(2, 0, dtype=torch.int64), {}, torch.tensor([0, 0]))
>>> encoded = network.encode(inputs)
>>> state = network.start(encoded)
>>> for _ in range(3):
...     prediction = network.predict(encoded, state)
...     state = network.advance(state, prediction, prediction.logits.argmax(1))
>>> prediction.logits.shape, prediction.context.shape
(torch.Size([2, 11]), torch.Size([2, 6]))

Teacher forcing, with the answers' four real words:

>>> network.decode(encoded, words).logits.shape
torch.Size([4, 11])
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from pipeline.networks.inputs import Inputs
from pipeline.networks.parts.standard import Standardisation
from pipeline.tensors import Sequences, TensorGroup


@dataclass(frozen=True)
class Decoded:
    """Teacher-forced outputs over the W real words, row by row (turn 0's words and its `<eos>`, then turn 1's ...).

    logits: (W, V), before the softmax of eq. 3. context: (W, G), g_i of eq. 7. penalty: (T,) what a regularised network
    adds to the loss of each turn's words together, already weighted; None of others.
    """

    logits: Tensor
    context: Tensor
    penalty: Tensor | None = None


@dataclass(frozen=True)
class Prediction(TensorGroup):
    """One step of a search.

    logits: (N, V). context: (N, G). attention: by modality (N, L_k), temporal weights of eq. 6 (a network without
    temporal attention leaves it empty). modality: (N, K) weights beta of eq. 7 in the order of `attention`, or None.
    """

    logits: Tensor
    context: Tensor
    attention: dict[str, Tensor]
    modality: Tensor | None

    def passed_on(self, rows: Tensor) -> "Prediction":
        """What `Generator.advance` reads of ``rows``, without the scores, which are large, and the weights."""
        return Prediction(self.logits[:0], self.context.index_select(0, rows), {}, None)


class Network(nn.Module):
    """What every network has, whatever it can do.

    standard: applied to the features first, where the sizes ask for it. Layers with a row a word are `nn.Embedding`,
    `parts.words.WordRows` and its `WordScores`: by these classes a network that starts from another one with other
    words takes each word's row.
    """

    standard: Standardisation | None


class Generator(Network, ABC):
    """A network that says something about a video, word by word: an answer, a description.

    The first word is predicted from the state that `start` gives; `advance` moves the state on with the word chosen.
    """

    @abstractmethod
    def encode(self, inputs: Inputs) -> TensorGroup:
        """Everything that does not depend on the answer, one row a turn (T first), so that `select` picks rows."""

    @abstractmethod
    def decode(self, encoded: TensorGroup, targets: Sequences) -> Decoded:
        """Teacher forcing: word i is predicted knowing the true words before it."""

    @abstractmethod
    def start(self, encoded: TensorGroup) -> TensorGroup:
        """The decoder's state before the first word; rows as ``encoded``."""

    @abstractmethod
    def predict(self, encoded: TensorGroup, state: TensorGroup) -> Prediction:
        """Scores of the next word, one row of ``state`` each.

        The rows of ``state`` may be a multiple of those of ``encoded``: each turn's hypotheses, as many for every turn,
        side by side. So no turn's memories are copied for its hypotheses.
        """

    @abstractmethod
    def advance(self, state: TensorGroup, prediction: Prediction, words: Tensor) -> TensorGroup:
        """The state after ``words`` (N,) int64 were chosen. Of ``prediction`` nothing is read but its context."""

    def forward(self, inputs: Inputs, targets: Sequences) -> Decoded:
        """Encode and decode with teacher forcing."""
        return self.decode(self.encode(inputs), targets)
