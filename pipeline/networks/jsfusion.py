"""JSFusion: how well a sentence fits a video, by every step with every word; and a widened variant that fills a blank.

Yu, Kim and Kim, "A Joint Sequence Fusion Model for Video Question Answering and Retrieval" (ECCV 2018). The paper
leaves out masks, activations and where D2 to D4 are normalised: docs/systems.md says what was chosen.

Legend: S sentences, B videos, P pairs, N steps, M words, E dimensions of a step or a word, K `joint`, V vocabulary.

    h = BLSTM(x);   v_n = D1v([h_n; x_n]),  w_m = D1w([h_m; x_m])       once a video, once a sentence
    J = parts.semantic_tensor(v, w);   j = parts.gated_convolutions(J)  a pair
    score = W D7(D6(D5(j))) + b;   of sizes with `text_term` + u . w_M, M the last word
    blank:  logits = W (D7(D6(D5(j))) + w_b) + c,   b the place of the blank;   of text alone W w_b + c

>>> from pipeline.networks.sizes import JSFusionFillSizes
>>> sizes = JSFusionFillSizes(embedding=5, hidden=4, joint=6, tensor=6, channels=3, readout=(4,))
>>> network = JSFusionFiller(sizes, 11, {"i3d_rgb": 6}).eval()
>>> texts = network.texts(Sequences(torch.tensor([[5, 2, 7]]), torch.tensor([3])))  # The second word is missing.
>>> videos = network.videos({"i3d_rgb": FeatureSequences(torch.ones(1, 4, 6), torch.tensor([4]))})
>>> network.fill(texts, videos).shape
torch.Size([1, 11])
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor, nn

from pipeline.networks.matching import Filler, Matcher
from pipeline.networks.parts.alignment import aligned, shown
from pipeline.networks.parts.cutting import blanks_of, last_words
from pipeline.networks.parts.dense import Dense
from pipeline.networks.parts.gated_convolutions import SMALLEST, GatedConvolutions
from pipeline.networks.parts.lstm import LSTM
from pipeline.networks.parts.packing import Packing
from pipeline.networks.parts.semantic_tensor import SemanticTensor, real_cells
from pipeline.networks.parts.standard import Standardisation
from pipeline.networks.parts.words import WordRows
from pipeline.networks.sizes import JSFusionFillSizes, JSFusionSizes
from pipeline.tensors import ON_HOST, FeatureSequences, Sequences, TensorGroup, sent_to


@dataclass(frozen=True)
class Encoded(TensorGroup):
    """Sentences or videos, a row each.

    values: (S, M, K) or (B, N, K), D1 of every word or step, zero behind the last; or (S, 1, K), what `fusion: states`
    multiplies. lengths: on the host. own: (S, K) what a sentence counts by itself, D1 of the blank's word or with
    `text_term` of the last; (S, 0) where there is neither.
    """

    values: Tensor
    lengths: Tensor = field(metadata=ON_HOST)
    own: Tensor


class SequenceEncoder(nn.Module):
    """h of every step, beside the step itself.

    kind: blstm, lstm; dense: a layer that sees one step; conv: a convolution over three (for `mode: blank_only`).
    """

    def __init__(self, inputs: int, hidden: int, kind: str) -> None:
        super().__init__()
        self.lstm = LSTM(inputs, hidden, 1, kind == "blstm") if kind in ("blstm", "lstm") else None
        self.dense = Dense(inputs, 2 * hidden) if kind == "dense" else None
        self.conv = nn.Conv1d(inputs, 2 * hidden, 3, padding=1) if kind == "conv" else None
        self.states = hidden if kind == "lstm" else 2 * hidden
        self.outputs = self.states + inputs

    def forward(self, values: Tensor, packing: Packing) -> tuple[Tensor, Tensor | None]:
        """(R, outputs) of the steps ``values`` (R, inputs) in ``packing``; final states where there are such."""
        last = None
        if self.lstm is not None:
            states = self.lstm(values, packing)
            last = self.lstm.last(states, packing)
        elif self.dense is not None:
            states = self.dense(values)
        else:
            assert self.conv is not None
            states = packing.pack(self.conv(packing.pad(values).transpose(1, 2)).transpose(1, 2)).tanh()
        return torch.cat((states, values), 1), last


class Side(nn.Module):
    """Sentences, or videos, by themselves: encoder and D1, or the encoder's final states alone."""

    def __init__(self, inputs: int, sizes: JSFusionSizes, kind: str) -> None:
        super().__init__()
        self.encoder = SequenceEncoder(inputs, sizes.hidden, kind)
        self.projection = Dense(self.encoder.outputs, sizes.joint) if sizes.fusion == "tensor" else None
        self.width = sizes.joint if sizes.fusion == "tensor" else self.encoder.states
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, values: Tensor, lengths: Tensor, places: Tensor | None = None) -> Encoded:
        """Of ``values`` (S, M, E), of which ``lengths`` (S,) on the host are real, one at least.

        places: (S,) on the host, in each sentence that of the word that counts by itself.
        """
        packing = Packing.of(lengths, values.shape[1], values.device)
        steps, last = self.encoder(packing.pack(values), packing)
        none = values.new_zeros(len(lengths), 0)
        if self.projection is None:
            assert last is not None
            return Encoded(last.unsqueeze(1), torch.ones_like(lengths), none if places is None else last)
        projected = packing.pad(self.dropout(self.projection(steps)))
        if places is None:
            return Encoded(projected, lengths, none)
        (rows,) = sent_to(values.device, torch.arange(len(places)) * projected.shape[1] + places)
        return Encoded(projected, lengths, projected.flatten(0, 1).index_select(0, rows))


class _JSFusion(nn.Module):
    """What both variants have: the two sides, and from pairs of them D7."""

    standard: Standardisation | None

    def __init__(
        self, sizes: JSFusionSizes, vocabulary_size: int, feature_dims: Mapping[str, int], blank_only: bool, top: int
    ) -> None:
        """top: D7's width. blank_only: the blank's word stands for the sentence. Without features there is no D7."""
        super().__init__()
        self.standard = Standardisation(feature_dims) if sizes.standardise else None
        self.dims, self.sizes, self.blank_only = dict(feature_dims), sizes, blank_only
        self.embedding = nn.Embedding(vocabulary_size, sizes.embedding)
        self.video: Side | None = None
        if feature_dims:
            self.video = Side(sum(feature_dims.values()), sizes, "conv" if blank_only else sizes.encoder)
        self.text = Side(sizes.embedding, sizes, sizes.encoder)
        self.tensor: SemanticTensor | None = None
        self.convolutions: GatedConvolutions | None = None
        if not feature_dims:
            self.readout = nn.Sequential()
            return
        width = self.text.width
        if sizes.fusion == "tensor":
            self.tensor, width = SemanticTensor(sizes.joint, sizes.tensor, sizes.dropout), sizes.tensor
            if sizes.pooling == "conv":
                self.convolutions = GatedConvolutions(width, sizes.channels, sizes.gates, across=not blank_only)
                width = sizes.channels
        widths = (width, *sizes.readout, top)
        self.readout = nn.Sequential(*(Dense(*pair) for pair in pairwise(widths)))

    def videos(
        self,
        features: Mapping[str, FeatureSequences],
        count: int | None = None,
        concepts: Sequences | None = None,  # noqa: ARG002, it reads none
    ) -> Encoded:
        """Features side by side on one clock, D1v of every step; of a network without features nothing."""
        if self.video is None:
            assert count is not None
            none = self.embedding.weight.new_zeros(count, 1, 0)
            return Encoded(none, torch.ones(count, dtype=torch.int64), none.squeeze(1))
        features = shown(features, self.dims, self.embedding.weight, count or 0)
        scaled = features if self.standard is None else self.standard.scaled(features)
        steps = aligned(scaled, self.dims, self.sizes.steps)
        encoded: Encoded = self.video(steps.values, steps.lengths)
        return encoded

    def texts(self, sentences: Sequences) -> Encoded:
        """D1w of every word. An empty sentence is one `<pad>`."""
        ids, lengths, _ = last_words(sentences, self.sizes.words, torch.zeros(0))
        encoded: Encoded = self.text(self.embedding(ids), lengths, lengths - 1 if self.sizes.text_term else None)
        return encoded

    def texts_with_blank(self, sentences: Sequences, blanks: Tensor | None) -> Encoded:
        """D1w of every word, and of the one at the blank."""
        blanks = blanks_of(sentences) if blanks is None else blanks
        ids, lengths, blanks = last_words(sentences, self.sizes.words, blanks)
        encoded: Encoded = self.text(self.embedding(ids), lengths, blanks)
        if self.blank_only:
            return Encoded(encoded.own.unsqueeze(1), torch.ones_like(lengths), encoded.own)
        return encoded

    def top(self, texts: Encoded, videos: Encoded) -> Tensor:
        """D7 (P, top) of pairs."""
        if self.tensor is None:
            joined = (texts.values * videos.values).squeeze(1)
        else:
            longest = int(videos.lengths.max()), int(texts.lengths.max())
            sides = videos.values[:, : longest[0]], texts.values[:, : longest[1]]
            joined = self._pooled(self.tensor, *sides, videos.lengths, texts.lengths)
        read: Tensor = self.readout(joined)
        return read

    def _pooled(self, tensor: SemanticTensor, steps: Tensor, words: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        if self.convolutions is not None:
            least = (SMALLEST, 1 if self.blank_only else SMALLEST)
            convolved: Tensor = self.convolutions(tensor(steps, words, rows, columns, least), rows, columns)
            return convolved
        cells: Tensor = tensor(steps, words, rows, columns)
        if self.sizes.pooling == "mean":
            (counts,) = sent_to(cells.device, rows * columns)
            return cells.sum((2, 3)) / counts.unsqueeze(1)
        (real,) = sent_to(cells.device, real_cells(rows, columns, *cells.shape[2:]))
        return cells.masked_fill(~real.unsqueeze(1), -torch.inf).amax((2, 3))


class JSFusionNetwork(_JSFusion, Matcher):
    """A score for a sentence and a video; see this module's equations."""

    def __init__(self, sizes: JSFusionSizes, vocabulary_size: int, feature_dims: Mapping[str, int]) -> None:
        *_, top = sizes.readout
        before = sizes.model_copy(update={"readout": sizes.readout[:-1]})
        super().__init__(before, vocabulary_size, feature_dims, False, top)
        self.score = nn.Linear(top, 1)
        self.text_score = nn.Linear(self.text.width, 1, bias=False) if sizes.text_term else None

    def match(self, texts: TensorGroup, videos: TensorGroup) -> Tensor:
        """Scores (P,), unbounded."""
        assert isinstance(texts, Encoded)
        assert isinstance(videos, Encoded)
        scores: Tensor = self.score(self.top(texts, videos))
        if self.text_score is not None:
            scores = scores + self.text_score(texts.own)
        return scores.squeeze(1)

    def looks(self, texts: TensorGroup, videos: TensorGroup) -> Tensor:
        """The steps' shares of the tensor's gates; alike where there is no tensor."""
        assert isinstance(texts, Encoded)
        assert isinstance(videos, Encoded)
        if self.tensor is None:
            return videos.values.new_ones(len(videos.values), 1)
        found: Tensor = self.tensor.looks(videos.values, texts.values, videos.lengths, texts.lengths)
        return found


class JSFusionFiller(_JSFusion, Filler):
    """The word at a blank; see this module's equations, and `mode` of the sizes. Without features: by text alone."""

    def __init__(self, sizes: JSFusionFillSizes, vocabulary_size: int, feature_dims: Mapping[str, int]) -> None:
        super().__init__(sizes, vocabulary_size, feature_dims, sizes.mode == "blank_only", sizes.joint)
        self.output = WordRows(sizes.joint, vocabulary_size)

    def texts(self, sentences: Sequences, blanks: Tensor | None = None) -> Encoded:
        """D1w of every word, and of the blank's. A sentence without a blank has it in the first place."""
        return self.texts_with_blank(sentences, blanks)

    def fill(self, texts: TensorGroup, videos: TensorGroup) -> Tensor:
        """Scores (P, V)."""
        assert isinstance(texts, Encoded)
        assert isinstance(videos, Encoded)
        joined = texts.own
        if self.video is not None:
            joined = self.top(texts, videos) + joined
            joined = joined / 2 if self.blank_only else joined
        logits: Tensor = self.output(joined)
        return logits
