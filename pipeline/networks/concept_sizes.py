"""Sizes of the networks that detect concept words, and of those that attend to them (CT-SAN), without torch.

The defaults are those of Yu, Ko, Choi and Kim, "End-to-end Concept Word Detection for Video Captioning, Retrieval, and
Question Answering" (CVPR 2017), or a choice where it gives none (docs/systems.md).

>>> sizes = TracingSizes()
>>> sizes.cells, TracingSizes(grid=(2, 2), pool=False).cells
((4, 4), (2, 2))
>>> list(sizes.misfits({"maps": 2048}))
["feature 'maps' of 2048 values a step is no map of 7 x 7 cells (extract it with pool: none, or set grid)"]
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from pipeline.networks.sizing import DEEPEST, LONGEST, Ability, GeneratorSizes, Sizes, Width

Side = Annotated[int, Field(gt=0, le=1_000)]
Grid = tuple[Side, Side]


def misfits(grid: Grid, feature_dims: Mapping[str, int]) -> Iterator[str]:
    """What keeps features from being maps of ``grid`` cells, a line each."""
    rows, columns = grid
    for feature, dims in feature_dims.items():
        if dims % (rows * columns):
            yield (
                f"feature {feature!r} of {dims} values a step is no map of {rows} x {columns} cells (extract it with "
                "pool: none, or set grid)"
            )


def reduced(grid: Grid, pool: bool) -> Grid:
    """Cells along each side that the reduction leaves: pooling in twos leaves the last odd cell one of its own."""
    rows, columns = grid
    return (-(-rows // 2), -(-columns // 2)) if pool else (rows, columns)


class DetectorSizes(Sizes):
    """What all networks that detect concepts have."""

    can: ClassVar[Ability] = "detect"
    takes_history: ClassVar[bool] = False
    takes_question: ClassVar[bool] = False

    steps: int = Field(40, gt=0, le=LONGEST, description="steps of a video at most; a longer one is thinned out evenly")


class TracingSizes(DetectorSizes):
    """Tracing LSTMs on maps, one trace for each cell; its features are stored with `pool: none`."""

    grid: Grid = Field((7, 7), description="rows and columns of the features' maps")
    pool: bool = Field(
        True, description="whether the maps are first halved, 2 x 2 cells by their maximum (7 x 7 become 4 x 4)"
    )
    width: Width = Field(500, description="channels of the reduced map, and units of the traces' LSTM")
    squash: bool = Field(
        False, description="tanh of the map where it is multiplied by a trace's state, as the authors' code has it"
    )
    normalise: bool = Field(
        False, description="that product over its norm (of all cells and channels), as the authors' code has it"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="on the traces' last states (the paper has none here)")

    @property
    def cells(self) -> Grid:
        """Rows and columns of the reduced map; as many traces as it has cells."""
        return reduced(self.grid, self.pool)

    def misfits(self, feature_dims: Mapping[str, int]) -> Iterator[str]:
        """What keeps features from being maps of the grid."""
        return misfits(self.grid, feature_dims)


class TemporalSizes(DetectorSizes):
    """Temporal attention and a layer, for features that are vectors; every default is a choice."""

    width: Width = Field(500, description="projection of each step, and the layer before the concepts' scores")
    attention: Width = Field(128, description="hidden units of the attention over steps")
    heads: Width = Field(4, description="attentions, side by side: a concept may show where others do not")
    dropout: float = Field(0.2, ge=0, lt=1, description="on projected steps and before the scores")


class SemanticSizes(Sizes):
    """What the networks of CT-SAN have in common; `semantic: false` is the paper's Base-SAN."""

    takes_history: ClassVar[bool] = False
    takes_question: ClassVar[bool] = False
    attends_concepts: ClassVar[bool] = True

    embedding: Width = Field(300, description="word embedding, the concept words' too")
    width: Width = Field(500, description="of a reduced map or projected step, and units of every LSTM")
    layers: int = Field(2, gt=0, le=DEEPEST, description="layers of the LSTM over words, with layer normalisation")
    steps: int = Field(40, gt=0, le=LONGEST, description="steps of a video at most; a longer one is thinned out evenly")
    grid: Grid | None = Field(
        None, description="rows and columns of the features' maps; null: each step is a vector, and projected"
    )
    pool: bool = Field(True, description="whether maps are first halved, 2 x 2 cells by their maximum")
    semantic: bool = Field(True, description="whether it attends to concept words (false: Base-SAN)")
    lambda_semantic: float = Field(1e-3, ge=0, le=1e6, description="weight of the attentions' regulariser in the loss")
    dropout: float = Field(0.2, ge=0, lt=1, description="on embeddings and after each layer of the LSTM over words")

    @property
    def takes_concepts(self) -> bool:
        """With semantic attention."""
        return self.semantic

    @property
    def context_size(self) -> int:
        """G."""
        return self.width

    def misfits(self, feature_dims: Mapping[str, int]) -> Iterator[str]:
        """What keeps features from being maps of the grid, where there is one."""
        return iter(()) if self.grid is None else misfits(self.grid, feature_dims)


class CTSANSizes(SemanticSizes, GeneratorSizes):
    """CT-SAN describing a video."""


class CTSANFillSizes(SemanticSizes):
    """CT-SAN naming the word at a blank."""

    can: ClassVar[Ability] = "fill"

    words: int = Field(40, gt=0, le=LONGEST, description="words of a sentence at most: of a longer one the last")


class CTSANChooseSizes(CTSANFillSizes):
    """CT-SAN scoring sentences, each read in the light of the video."""

    can: ClassVar[Ability] = "match"


class CTSANFindSizes(CTSANChooseSizes):
    """CT-SAN scoring sentences by compact bilinear pooling of sentence and video."""

    sketch: Width = Field(8000, description="values of the pooled product")
    hidden: Width = Field(1500, description="units of the maxout layer behind it")
    pieces: int = Field(2, gt=1, le=100, description="linear maps of which each unit is the maximum")
