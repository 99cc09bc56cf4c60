"""Made-up inputs for the networks, and small networks for them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from pipeline.networks.base import Generator
from pipeline.networks.inputs import Inputs
from pipeline.networks.registry import build_network
from pipeline.networks.sizes import SIZES, Sizes
from pipeline.tensors import FeatureSequences, Sequences
from tests.networks.moving_cells import World, world

VOCABULARY = 11
DIMS = {"i3d_rgb": 6, "vggish": 5}
SMALL: dict[str, dict[str, Any]] = {
    "attention": {
        "embedding": 5, "question_hidden": 3, "history_hidden": 4, "projection": {"i3d_rgb": 7},
        "projection_default": 3, "attention": 4, "context": 6, "decoder_hidden": 5,
    },
    "naive_fusion": {"embedding": 5, "hidden": 4, "projection": 5, "attention": 3, "fusion": 6, "output": 7},
    "hierarchical": {
        "embedding": 5, "question_hidden": 3, "projection": 7, "attention": 4, "context": 6, "decoder_hidden": 4,
    },
    "captioner": {"width": 6},
    "ct_san": {"embedding": 5, "width": 6},
}  # fmt: skip
SHARED = {"tie_weights": True, "share_embeddings": True}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("attention", {}),
    ("attention", {"decoder_layers": 2, "question_layers": 1, "standardise": True}),
    ("attention", SHARED),
    ("naive_fusion", {"standardise": True}),
    ("naive_fusion", SHARED),
    ("hierarchical", {"standardise": True}),
    ("hierarchical", {"question_layers": 2, **SHARED}),
    ("captioner", {"standardise": True, "adaptor": True, "adaptor_hidden": 7}),
    ("captioner", {"inject": "init", "layers": 3}),
    ("captioner", {"inject": "concat", "layers": 1, "adaptor": True, "adaptor_residual": True, **SHARED}),
    ("ct_san", {"semantic": False, "standardise": True}),  # With concept words: test_ct_san.py.
    ("ct_san", {"semantic": False, "layers": 1, **SHARED}),
]
VIEWS: list[tuple[str, dict[str, int], bool]] = [
    (name, dims, history)
    for name in SMALL
    for dims in ({}, {"vggish": 5}, DIMS)
    if dims or SIZES[name].takes_question
    for history in ((False, True) if SIZES[name].takes_history else (False,))
]
AFFORDABLE: dict[str, dict[str, Any]] = {"captioner": {"width": 64}}
"""What of a network's default sizes is too large for a test that wants these."""
Maker = Callable[..., tuple[Inputs, Sequences]]
Builder = Callable[..., Generator]


def _label(case: tuple[Any, ...]) -> str:
    return "-".join(str(part) for name in case for part in (name if isinstance(name, dict) else [name]))


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


@pytest.fixture
def build() -> Builder:
    """Small networks in double precision, no parameter and no moment left at a constant, which would hide mistakes.

    history: by default whether the network takes any.
    """

    def make(
        name: str,
        changes: dict[str, Any] | None = None,
        dims: dict[str, int] = DIMS,
        history: bool | None = None,
    ) -> Generator:
        torch.manual_seed(1)
        sizes = SIZES[name].model_validate({**SMALL[name], **(changes or {})})
        past = SIZES[name].takes_history if history is None else history
        network = build_network(name, sizes, VOCABULARY, dims, past).double().eval()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.3)
        if network.standard is not None:
            for feature, width in dims.items():
                network.standard.fit(feature, torch.randn(width), torch.rand(width) + 0.5)
        return network

    return make


@pytest.fixture
def sizes_of() -> Callable[..., Sizes]:
    """A network's default sizes, as far as a test can afford them, with changes: ``sizes_of(name, **changes)``."""

    def make(name: str, **changes: Any) -> Sizes:
        return SIZES[name].model_validate({**AFFORDABLE.get(name, {}), **changes})

    return make


@pytest.fixture(scope="session")
def moving_cells() -> World:
    """Videos, and a detector of what moves in them."""
    return world()


@pytest.fixture(params=CASES, ids=_label)
def case(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """A network and what of its sizes is changed."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=VIEWS, ids=_label)
def view(request: pytest.FixtureRequest) -> tuple[str, dict[str, int], bool]:
    """A network, the features it sees, and whether it sees the history: every subset a network can see."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=SMALL)
def name(request: pytest.FixtureRequest) -> str:
    """Every network."""
    return str(request.param)
