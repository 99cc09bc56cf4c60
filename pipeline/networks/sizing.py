"""What the sizes of all networks have in common; those of each are gathered in `pipeline.networks.sizes`.

>>> Sizes().can, Sizes().takes_concepts
('generate', False)
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from pipeline.section import Section

WIDEST = 65_536
"""Units of a layer."""
DEEPEST = 100
"""Layers on one another."""
LONGEST = 10_000
"""Steps of a video, words of a sentence."""
Width = Annotated[int, Field(gt=0, le=WIDEST)]
Ability = Literal["generate", "match", "fill", "detect"]
"""To say something word by word; to score how well a sentence and a video fit; to name a missing word; to say which
concepts a video shows."""


class Sizes(Section):
    """Base of every network's sizes: immutable, unknown keys refused.

    can: what the network can do, which a system's task asks for.
    takes_history: whether the network has an encoder for the dialog so far; without, a system needs `history: false`.
    takes_question: whether it reads the question and the description in front of it; without, it sees features alone.
    attends_concepts: whether words that were detected in a video can be one of its modalities, where a system asks.

    A network that looks at places has a field `grid`, the rows and columns of the maps it reads (`parts.maps.as_maps`),
    which is compared with what is known of its features. To any other a step is a vector, that of a map too.
    """

    can: ClassVar[Ability] = "generate"
    takes_history: ClassVar[bool] = True
    takes_question: ClassVar[bool] = True
    attends_concepts: ClassVar[bool] = False

    standardise: bool = Field(
        False, description="features less the training videos' mean, over their deviation (the paper does not say)"
    )

    @property
    def takes_concepts(self) -> bool:
        """Whether the network is built to read concept words of each video."""
        return False

    def misfits(self, feature_dims: Mapping[str, int]) -> Iterator[str]:  # noqa: ARG002, those of maps read it
        """What keeps a network of these sizes from reading features of these dimensions, a line each."""
        return iter(())

    @property
    def context_size(self) -> int:
        """G, the size of the context vector, which teacher and student must have alike to be compared."""
        raise NotImplementedError

    def of_features(self, features: Iterable[str]) -> Self:  # noqa: ARG002, those with a size a feature read it
        """Sizes that build the same network of ``features``, with nothing said of other features."""
        return self


class GeneratorSizes(Sizes):
    """Sizes of networks that say something word by word."""

    tie_weights: bool = Field(
        False,
        description="the output layer's weights are the decoder's embedding, behind a linear layer where widths differ",
    )
    share_embeddings: bool = Field(False, description="question, history and decoder share one embedding")
