"""Made-up inputs for the networks."""

from collections.abc import Callable

import pytest
import torch

from pipeline.networks.inputs import Inputs
from pipeline.tensors import FeatureSequences, Sequences

VOCABULARY = 11
DIMS = {"i3d_rgb": 6, "vggish": 5}


def _sentences(generator: torch.Generator, lengths: list[int], padded: int) -> Sequences:
    ids = torch.zeros(len(lengths), padded, dtype=torch.int64)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(4, VOCABULARY, (length,), generator=generator)
    return Sequences(ids, torch.tensor(lengths, dtype=torch.int64))


def _features(generator: torch.Generator, lengths: list[int], dims: int, dtype: torch.dtype) -> FeatureSequences:
    values = torch.zeros(len(lengths), max(*lengths, 1), dims, dtype=dtype)
    for row, length in enumerate(lengths):
        values[row, :length] = torch.randn(length, dims, generator=generator, dtype=torch.float64).to(dtype)
    return FeatureSequences(values, torch.tensor(lengths, dtype=torch.int64))


Maker = Callable[..., tuple[Inputs, Sequences]]


@pytest.fixture
def make_inputs() -> Maker:
    """Two dialogs of three and two turns: the second video is silent, first turns have no history."""

    def make(dtype: torch.dtype = torch.float64, seed: int = 0) -> tuple[Inputs, Sequences]:
        generator = torch.Generator().manual_seed(seed)
        inputs = Inputs(
            questions=_sentences(generator, [3, 5, 2, 4, 1], 6),
            pairs=_sentences(generator, [4, 2, 3], 5),
            history=torch.tensor([[-1, -1], [0, -1], [0, 1], [-1, -1], [2, -1]]),
            features={
                "i3d_rgb": _features(generator, [4, 2], DIMS["i3d_rgb"], dtype),
                "vggish": _features(generator, [3, 0], DIMS["vggish"], dtype),
            },
            dialog=torch.tensor([0, 0, 0, 1, 1]),
        )
        return inputs, _sentences(generator, [2, 4, 3, 1, 4], 5)

    return make
