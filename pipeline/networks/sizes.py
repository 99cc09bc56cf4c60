"""Sizes of every network, without torch, so that a configuration is checked before anything heavy is imported.

The defaults are the paper's (docs/architecture.md), or a choice where it gives none: a configuration may override
single entries.

>>> AttentionSizes(embedding=300).embedding
300
>>> {name: sizes.takes_history for name, sizes in SIZES.items()}
{'attention': True, 'naive_fusion': True, 'hierarchical': False, 'captioner': False, 'jsfusion': False, \
'jsfusion_fill': False, 'tracing': False, 'temporal': False, 'ct_san': False, 'ct_san_fill': False, \
'ct_san_choose': False, 'ct_san_find': False}
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline import packages
from pipeline.names import Name
from pipeline.networks.concept_sizes import (
    CTSANChooseSizes,
    CTSANFillSizes,
    CTSANFindSizes,
    CTSANSizes,
    DetectorSizes,
    SemanticSizes,
    TemporalSizes,
    TracingSizes,
)
from pipeline.networks.sizing import DEEPEST, LONGEST, WIDEST, Ability, GeneratorSizes, Sizes, Width

if TYPE_CHECKING:
    from pipeline.networks.base import Generator

__all__ = [
    "DEEPEST", "LONGEST", "SIZES", "WIDEST", "Ability", "AttentionSizes", "CTSANChooseSizes", "CTSANFillSizes",
    "CTSANFindSizes", "CTSANSizes", "CaptionerSizes", "DetectorSizes", "GeneratorSizes", "HierarchicalSizes",
    "JSFusionFillSizes", "JSFusionSizes", "NaiveFusionSizes", "PackageSizes", "SemanticSizes", "Sizes",
    "TemporalSizes", "TracingSizes", "Width",
]  # fmt: skip


class AttentionSizes(GeneratorSizes):
    """The attention network of the student-teacher paper (section 4)."""

    attends_concepts: ClassVar[bool] = True

    embedding: int = Field(200, gt=0, le=WIDEST, description="word embedding of question, history and decoder")
    question_hidden: int = Field(256, gt=0, le=WIDEST, description="question BLSTM, units per direction")
    question_layers: int = Field(2, gt=0, le=DEEPEST, description="layers of the question BLSTM")
    history_hidden: int = Field(
        256, gt=0, le=WIDEST, description="LSTM over a pair's words; BLSTM over pairs, units per direction"
    )
    history_layers: int = Field(2, gt=0, le=DEEPEST, description="layers of the LSTM over a pair's words")
    projection: dict[Name, Annotated[int, Field(gt=0, le=WIDEST)]] = Field(
        {"i3d_rgb": 512, "i3d_flow": 512, "vggish": 64, "i3d_r50": 512},
        description="output of each feature's projection layer; a feature not listed gets projection_default",
    )
    projection_default: int = Field(
        512, gt=0, le=WIDEST, description="projection of a feature not listed in `projection`"
    )
    attention: int = Field(128, gt=0, le=WIDEST, description="size of the additive attentions")
    context: int = Field(256, gt=0, le=WIDEST, description="size of the context vector g")
    decoder_hidden: int = Field(256, gt=0, le=WIDEST, description="decoder LSTM units")
    decoder_layers: int = Field(1, gt=0, le=DEEPEST, description="decoder LSTM layers")
    dropout: float = Field(0.5, ge=0, lt=1, description="on embeddings and before the softmax")

    @property
    def context_size(self) -> int:
        """G."""
        return self.context

    def of_features(self, features: Iterable[str]) -> Self:
        """A projection for each of ``features``, and for no other.

        >>> AttentionSizes(projection={"vggish": 64}, projection_default=32).of_features(["vggish", "clip"]).projection
        {'clip': 32, 'vggish': 64}
        """
        projection = {name: self.projection.get(name, self.projection_default) for name in sorted(features)}
        default = type(self).model_fields["projection_default"].default
        return self.model_copy(update={"projection": projection, "projection_default": default})


class NaiveFusionSizes(GeneratorSizes):
    """The AVSD baseline: naive fusion of question, history and features."""

    embedding: int = Field(100, gt=0, le=WIDEST, description="word embedding")
    hidden: int = Field(128, gt=0, le=WIDEST, description="question, history and decoder LSTM units")
    question_layers: int = Field(2, gt=0, le=DEEPEST, description="layers of the question LSTM")
    history_layers: int = Field(2, gt=0, le=DEEPEST, description="layers of the history's word LSTM")
    decoder_layers: int = Field(2, gt=0, le=DEEPEST, description="layers of the decoder LSTM")
    projection: int = Field(512, gt=0, le=WIDEST, description="output of each feature's projection layer")
    attention: int = Field(128, gt=0, le=WIDEST, description="size of the attention over a feature's steps")
    fusion: int = Field(256, gt=0, le=WIDEST, description="size of the summed projections of the features")
    output: int = Field(128, gt=0, le=WIDEST, description="projection before the softmax")
    dropout: float = Field(0.5, ge=0, lt=1, description="on embeddings and before the softmax")

    @property
    def context_size(self) -> int:
        """G."""
        return self.fusion


class HierarchicalSizes(GeneratorSizes):
    """The AVSD best system: question and video features under hierarchical attention; every default is a choice."""

    takes_history: ClassVar[bool] = False

    embedding: int = Field(
        256, gt=0, le=WIDEST, description="word embedding of question and decoder; layer before the softmax"
    )
    question_hidden: int = Field(256, gt=0, le=WIDEST, description="question GRU, units per direction")
    question_layers: int = Field(1, gt=0, le=DEEPEST, description="layers of the question GRU")
    projection: int = Field(512, gt=0, le=WIDEST, description="output of each feature's linear projection")
    attention: int = Field(
        128, gt=0, le=WIDEST, description="size of the additive attentions, within modalities and over them"
    )
    context: int = Field(256, gt=0, le=WIDEST, description="size of the hierarchical context vector")
    decoder_hidden: int = Field(256, gt=0, le=WIDEST, description="units of both GRUs of the decoder")
    dropout: float = Field(0.5, ge=0, lt=1, description="on embeddings and before the softmax")
    kaiming_normal: bool = Field(
        True,
        description="fresh weights are N(0, 2 / inputs), as the toolkit's; false: PyTorch's own, with which it may"
        " never come to hear the question",
    )

    @property
    def context_size(self) -> int:
        """G."""
        return self.context


class CaptionerSizes(GeneratorSizes):
    """The distilled captioner, which sees features alone; the paper's latent width, other defaults are choices.

    At full width and with 10,000 words it has some 140 million weights; 128 to 256 do for small corpora.
    """

    takes_history: ClassVar[bool] = False
    takes_question: ClassVar[bool] = False

    width: int = Field(2576, gt=0, le=WIDEST, description="word embedding, GRU layers and the video's latent vector")
    layers: int = Field(2, gt=0, le=DEEPEST, description="GRU layers, each with a residual connection")
    dropout: float = Field(0.5, ge=0, lt=1, description="on embeddings and after each GRU layer")
    inject: Literal["add", "init", "concat"] = Field(
        "add", description="the video's latent vector: added to each word, the layers' first state, or beside each word"
    )
    adaptor: bool = Field(False, description="an adaptor of the pooled features: students of rep and rep_ce have one")
    adaptor_hidden: int | None = Field(
        None,
        gt=0,
        le=WIDEST,
        description="units of the adaptor's two hidden layers; null: as many as the features' dimensions",
    )
    adaptor_dropout: float = Field(0.1, ge=0, lt=1, description="in the adaptor, after each hidden layer")
    adaptor_residual: bool = Field(False, description="the adaptor adds to its input, and starts as the identity")

    @property
    def context_size(self) -> int:
        """G."""
        return self.width


class JSFusionSizes(Sizes):
    """JSFusion: every frame with every word in one tensor, read by gated convolutions. The rows of its ablations are
    `encoder`, `fusion`, `pooling` and `gates`; the one without sound is a system without that feature.
    """

    can: ClassVar[Ability] = "match"
    takes_history: ClassVar[bool] = False

    embedding: Width = Field(300, description="word embedding, learned")
    steps: int = Field(40, gt=0, le=LONGEST, description="steps of a video at most; a longer one is thinned out evenly")
    words: int = Field(40, gt=0, le=LONGEST, description="words of a sentence at most: of a longer one the last")
    encoder: Literal["blstm", "lstm", "dense"] = Field(
        "blstm", description="what reads each sequence: BLSTM, LSTM, or a dense layer that sees one step (noBLSTM)"
    )
    hidden: Width = Field(512, description="units of the encoders, per direction")
    fusion: Literal["tensor", "states"] = Field(
        "tensor",
        description="tensor: every step with every word; states: the product of both final states (LSTM-fusion)",
    )
    joint: Width = Field(512, description="D1, the space in which steps and words are multiplied")
    tensor: Width = Field(512, description="D2, D3 and D4, of each cell of the tensor")
    pooling: Literal["conv", "mean", "max"] = Field(
        "conv", description="gated convolutions, or the mean (JSTmean) or maximum (JSTmax) of all cells instead"
    )
    channels: Width = Field(256, description="of each convolution")
    gates: bool = Field(True, description="whether convolutions are gated (false: noattention)")
    readout: tuple[Width, ...] = Field(
        (256, 256, 128), min_length=1, description="D5, D6, D7, behind the pooling; the last one is scored"
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="after D1, D2 and D3")
    text_term: bool = Field(
        False,
        description="whether the last word's D1, behind which all are read, adds a term to the score, as the blank's "
        "does in the filler: that a question and an answer go together no frame shows",
    )

    @model_validator(mode="after")
    def _final_states(self) -> Self:
        if self.fusion == "states" and self.encoder == "dense":
            raise ValueError("fusion: states multiplies final states, which encoder: dense has none of; give lstm")
        return self


class JSFusionFillSizes(JSFusionSizes):
    """JSFusion widened to name the word at a blank."""

    can: ClassVar[Ability] = "fill"

    joint: Width = Field(1024, description="D1, the space in which steps and words are multiplied; D7 has its width")
    tensor: Width = Field(2048, description="D2, D3 and D4, of each cell of the tensor")
    channels: Width = Field(1024, description="of each convolution")
    readout: tuple[Width, ...] = Field((1024, 1024), description="D5, D6, behind the pooling")
    dropout: float = Field(0.2, ge=0, lt=1, description="after D1, D2 and D3")
    mode: Literal["joint", "blank_only"] = Field(
        "joint",
        description="joint: the whole tensor, and the blank's D1 added to D7; blank_only: the blank alone with the "
        "steps, a convolution over these, and the mean of the two, as the authors' code has it",
    )

    @model_validator(mode="after")
    def _blank(self) -> Self:
        if self.fusion == "states":
            raise ValueError("fusion: states has no place for a blank; give tensor")
        if self.text_term:
            raise ValueError("text_term: the blank's word has its own term already; leave it out")
        return self


class PackageSizes(packages.Sourced, GeneratorSizes):
    """Base of the sizes of another package's network, which make the network themselves."""

    def network(
        self, vocabulary_size: int, feature_dims: Mapping[str, int], history: bool, question: bool
    ) -> "Generator":
        """The network with fresh weights, as `registry.build_network` is asked for it; torch is imported here."""
        raise NotImplementedError


_OWN: dict[str, type[Sizes]] = {
    "attention": AttentionSizes,
    "naive_fusion": NaiveFusionSizes,
    "hierarchical": HierarchicalSizes,
    "captioner": CaptionerSizes,
    "jsfusion": JSFusionSizes,
    "jsfusion_fill": JSFusionFillSizes,
    "tracing": TracingSizes,
    "temporal": TemporalSizes,
    "ct_san": CTSANSizes,
    "ct_san_fill": CTSANFillSizes,
    "ct_san_choose": CTSANChooseSizes,
    "ct_san_find": CTSANFindSizes,
}
SIZES: dict[str, type[Sizes]] = {**_OWN, **packages.brought(packages.NETWORKS, _OWN, PackageSizes)}
"""By the network's name."""
