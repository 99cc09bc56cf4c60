"""CT-SAN beside a sentence: the word at a blank, how well a sentence describes a video, and which video it is about.

Yu, Ko, Choi and Kim, "End-to-end Concept Word Detection for Video Captioning, Retrieval, and Question Answering" (CVPR
2017), sections 4.2 to 4.4. What the paper leaves open, and what was chosen: docs/systems.md.

Legend: S sentences, B videos, P pairs, M words, D width, V vocabulary. s_N, a, phi, psi: `networks.ct_san`.

    fill     [h^f ; h^b] = BLSTM(phi(w_1, a) .. phi(w_M, a)) at the blank, both ways from s_N
             logits = W_y psi(tanh(W_o [h^f ; h^b] + b_o), a) + b_y
    choose   h_M = LSTM(phi(w_1, a) .. phi(w_M, a)) from s_N;   score = W_s ReLU(W_a h_M + b_a)
    find     h_M = the same from zero;   score = W_s maxout(W_p nu + b_p), nu = parts.bilinear(s_N, h_M)

phi puts a video's concepts into every word, so that a sentence is read for each pair. Where there is no semantic
attention `find` reads it once.

>>> from pipeline.networks.concept_sizes import CTSANFindSizes
>>> network = CTSANFinder(CTSANFindSizes(width=8, sketch=32, hidden=6), 11, {"frames": 6}).eval()
>>> texts = network.texts(Sequences(torch.tensor([[5, 6, 7], [8, 0, 0]]), torch.tensor([3, 1])))
>>> frames = FeatureSequences(torch.ones(2, 4, 6), torch.tensor([4, 2]))
>>> videos = network.videos({"frames": frames}, concepts=Sequences(torch.tensor([[5], [9]]), torch.tensor([1, 1])))
>>> network.match(texts, videos).shape
torch.Size([2])
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from pipeline.networks.concept_sizes import CTSANChooseSizes, CTSANFillSizes, CTSANFindSizes
from pipeline.networks.ct_san import Listening
from pipeline.networks.matching import Filler, Matcher, Scored
from pipeline.networks.parts.bilinear import CompactBilinear
from pipeline.networks.parts.cutting import blanks_of, last_words
from pipeline.networks.parts.norm_lstm import NormLSTM
from pipeline.networks.parts.packing import Packing
from pipeline.networks.parts.semantic import Concepts, Speaking
from pipeline.networks.parts.words import WordRows
from pipeline.tensors import ON_HOST, FeatureSequences, Sequences, TensorGroup, length_mask, sent_to


@dataclass(frozen=True)
class Texts(TensorGroup):
    """Sentences: word ids (S, M), 0 behind the last; lengths on the host.

    blanks: (S,) on the host, the place of each one's blank; 0 for those who do not ask. states: (S, D) h_M of sentences
    that are read without a video, (S, 0) of others.
    """

    ids: Tensor
    lengths: Tensor = field(metadata=ON_HOST)
    blanks: Tensor = field(metadata=ON_HOST)
    states: Tensor


@dataclass(frozen=True)
class Videos(TensorGroup):
    """s_N (B, D), or what `find` makes of it, and concept words."""

    seen: Tensor
    concepts: Concepts


class _Beside(Listening):
    """What the three have: sentences beside videos."""

    def __init__(
        self, sizes: CTSANFillSizes, vocabulary_size: int, feature_dims: Mapping[str, int], bidirectional: bool
    ) -> None:
        super().__init__(sizes, vocabulary_size, feature_dims, False)
        self.most = sizes.words
        self.language = NormLSTM(sizes.width, sizes.width, sizes.layers, sizes.dropout, bidirectional)

    def texts(self, sentences: Sequences) -> Texts:
        """Their last words. An empty sentence is one `<pad>`."""
        ids, lengths, _ = last_words(sentences, self.most, torch.zeros(0))
        return Texts(ids, lengths, torch.zeros_like(lengths), self.embedding.weight.new_zeros(len(ids), 0))

    def videos(
        self, features: Mapping[str, FeatureSequences], count: int | None = None, concepts: Sequences | None = None
    ) -> Videos:
        """s_N and a."""
        seen = self.watched(features, count or 0)
        return Videos(seen, self.concepts(concepts, len(seen)))

    def read(self, texts: Texts, concepts: Concepts, start: Tensor) -> tuple[Tensor, Packing, Tensor]:
        """States (R, directions x D) of every word, where they belong, and log shares gamma (P, M, K)."""
        longest = int(texts.lengths.max()) if len(texts.lengths) else 1
        entry, gamma = self.reading(self.words(texts.ids[:, :longest]), concepts)
        packing = Packing.of(texts.lengths, longest, entry.device)
        return self.language(packing.pack(entry), packing, start), packing, gamma

    def regularised(self, lengths: Tensor, gamma: Tensor) -> Tensor | None:
        """Weighted g(gamma) (P,) over the words of each sentence."""
        (real,) = sent_to(gamma.device, length_mask(lengths, gamma.shape[1]))
        return self.penalty(real, gamma)


class CTSANFiller(_Beside, Filler):
    """The word at a blank; see this module's equations."""

    def __init__(self, sizes: CTSANFillSizes, vocabulary_size: int, feature_dims: Mapping[str, int]) -> None:
        super().__init__(sizes, vocabulary_size, feature_dims, True)
        self.joined = nn.Linear(2 * sizes.width, sizes.width)
        self.speaking = Speaking(sizes.embedding, sizes.width, sizes.semantic)
        self.output = WordRows(sizes.width, vocabulary_size)

    def texts(self, sentences: Sequences, blanks: Tensor | None = None) -> Texts:
        """Their last words, the blank among them. A sentence without a blank has it in the first place."""
        blanks = blanks_of(sentences) if blanks is None else blanks
        ids, lengths, blanks = last_words(sentences, self.most, blanks)
        return Texts(ids, lengths, blanks, self.embedding.weight.new_zeros(len(ids), 0))

    def fill(self, texts: TensorGroup, videos: TensorGroup) -> Tensor:
        """Scores (P, V)."""
        return self.scored(texts, videos).scores

    def scored(self, texts: TensorGroup, videos: TensorGroup) -> Scored:
        """Scores (P, V), and lambda (g(gamma) + g(beta)), beta the attention at the blank."""
        assert isinstance(texts, Texts)
        assert isinstance(videos, Videos)
        states, packing, gamma = self.read(texts, videos.concepts, videos.seen)
        (rows,) = sent_to(states.device, torch.arange(packing.rows) * packing.padded + texts.blanks)
        at_blank = packing.pad(states).flatten(0, 1).index_select(0, rows)
        spoken, beta = self.speaking(self.joined(at_blank).tanh().unsqueeze(1), videos.concepts)
        of_words, of_blank = (
            self.regularised(texts.lengths, gamma),
            self.regularised(torch.ones_like(texts.lengths), beta),
        )
        penalty = None if of_words is None or of_blank is None else of_words + of_blank
        return Scored(self.output(spoken.squeeze(1)), penalty)


class CTSANChooser(_Beside, Matcher):
    """How well a sentence describes a video; see this module's equations."""

    def __init__(self, sizes: CTSANChooseSizes, vocabulary_size: int, feature_dims: Mapping[str, int]) -> None:
        super().__init__(sizes, vocabulary_size, feature_dims, False)
        self.hidden = nn.Linear(sizes.width, sizes.width)
        self.score = nn.Linear(sizes.width, 1, bias=False)

    def match(self, texts: TensorGroup, videos: TensorGroup) -> Tensor:
        """Scores (P,), unbounded."""
        return self.scored(texts, videos).scores

    def scored(self, texts: TensorGroup, videos: TensorGroup) -> Scored:
        """Scores (P,), and lambda g(gamma)."""
        assert isinstance(texts, Texts)
        assert isinstance(videos, Videos)
        states, packing, gamma = self.read(texts, videos.concepts, videos.seen)
        scores = self.score(self.hidden(self.language.last(states, packing)).relu()).squeeze(1)
        return Scored(scores, self.regularised(texts.lengths, gamma))

    def looks(self, texts: TensorGroup, videos: TensorGroup) -> Tensor:  # noqa: ARG002, all alike
        """Alike everywhere: nothing weighs the steps."""
        assert isinstance(videos, Videos)
        return videos.seen.new_ones(len(videos.seen), 1)


class CTSANFinder(_Beside, Matcher):
    """Which video a sentence is about; see this module's equations. What is seen of a video is its spectrum."""

    def __init__(self, sizes: CTSANFindSizes, vocabulary_size: int, feature_dims: Mapping[str, int]) -> None:
        super().__init__(sizes, vocabulary_size, feature_dims, False)
        self.pooling = CompactBilinear(sizes.width, sizes.sketch)
        self.pieces = nn.Linear(sizes.sketch, sizes.hidden * sizes.pieces)
        self.score = nn.Linear(sizes.hidden, 1, bias=False)
        self.shape = (sizes.hidden, sizes.pieces)

    def texts(self, sentences: Sequences) -> Texts:
        """Their last words; without semantic attention h_M too."""
        texts = super().texts(sentences)
        if self.sizes.semantic:
            return texts
        nothing = self.concepts(None, len(texts.ids))
        return Texts(texts.ids, texts.lengths, texts.blanks, self._last(texts, nothing)[0])

    def videos(
        self, features: Mapping[str, FeatureSequences], count: int | None = None, concepts: Sequences | None = None
    ) -> Videos:
        """The spectrum of s_N, and a."""
        videos = super().videos(features, count, concepts)
        return Videos(self.pooling.spectrum(videos.seen, 0), videos.concepts)

    def match(self, texts: TensorGroup, videos: TensorGroup) -> Tensor:
        """Scores (P,), unbounded."""
        return self.scored(texts, videos).scores

    def scored(self, texts: TensorGroup, videos: TensorGroup) -> Scored:
        """Scores (P,), and lambda g(gamma)."""
        assert isinstance(texts, Texts)
        assert isinstance(videos, Videos)
        states, penalty = texts.states, None
        if self.sizes.semantic:
            states, gamma = self._last(texts, videos.concepts)
            penalty = self.regularised(texts.lengths, gamma)
        pooled = self.pooling.joined(videos.seen, self.pooling.spectrum(states, 1))
        scores = self.score(self.pieces(pooled).view(-1, *self.shape).amax(2)).squeeze(1)
        return Scored(scores, penalty)

    def looks(self, texts: TensorGroup, videos: TensorGroup) -> Tensor:  # noqa: ARG002, all alike
        """Alike everywhere: nothing weighs the steps."""
        assert isinstance(videos, Videos)
        return self.score.weight.new_ones(len(videos.seen), 1)

    def _last(self, texts: Texts, concepts: Concepts) -> tuple[Tensor, Tensor]:
        """h_M (P, D), and gamma."""
        start = self.embedding.weight.new_zeros(len(texts.ids), self.sizes.width)
        states, packing, gamma = self.read(texts, concepts, start)
        return self.language.last(states, packing), gamma
