"""A world in which what moves says the word: the detector finds it, and CT-SAN says it before Base-SAN does."""

from typing import Any

import torch
from torch.nn import functional

from pipeline.networks.base import Generator
from pipeline.networks.inputs import Inputs
from pipeline.networks.registry import build_network
from pipeline.networks.sizes import SIZES
from pipeline.tensors import FeatureSequences, Sequences
from tests.networks.moving_cells import one_thread


def test_a_moving_coloured_cell_implies_its_word(moving_cells: Any) -> None:
    """Each video also shows a cell of another colour that does not move, whose word is wrong."""
    shown, labels = moving_cells.test
    untrained = build_network("tracing", moving_cells.sizes, labels.shape[1], moving_cells.dims, False)
    figures = []
    with torch.no_grad():
        for network in (untrained, moving_cells.detector):
            found, right = network.detect({"maps": shown}) > 0, labels > 0
            figures.append(float(2 * (found & right).sum() / (found.sum() + right.sum())))
    assert figures[1] > 0.9, figures
    assert figures[0] < 0.6, figures


def test_concept_words_of_the_detector_tell_the_language_model_what_moves(moving_cells: Any) -> None:
    """CT-SAN, which reads the detector's two likeliest words, names the colour that moves; Base-SAN hardly does yet."""
    right = {semantic: named_rightly(moving_cells, semantic) for semantic in (True, False)}
    assert right[True] > 0.75, right
    assert right[True] > right[False] + 0.25, right


@one_thread()
def named_rightly(world: Any, semantic: bool) -> float:
    """Share of test videos whose colour is named, after `said COLOUR <eos>` was learned of the training videos."""
    torch.manual_seed(0)
    sizes = SIZES["ct_san"].model_validate({
        "embedding": 16, "width": 16, "layers": 1, "grid": (3, 3), "pool": False, "dropout": 0.0, "semantic": semantic,
    })  # fmt: skip
    network = build_network("ct_san", sizes, 9, world.dims, False)
    assert isinstance(network, Generator)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    shown, labels = world.training
    for _ in range(15):
        for part in torch.randperm(len(labels)).split(32):
            targets = said(labels[part])
            decoded = network(seen(world, FeatureSequences(shown.values[part], shown.lengths[part])), targets)
            loss = functional.cross_entropy(decoded.logits, targets.ids.flatten())
            if decoded.penalty is not None:
                loss = loss + decoded.penalty.sum() / len(decoded.logits)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    shown, labels = world.test
    with torch.no_grad():
        logits = network(seen(world, shown), said(labels)).logits.unflatten(0, (-1, 3))
    return float((logits[:, 1].argmax(1) == said(labels).ids[:, 1]).float().mean())


def said(labels: torch.Tensor) -> Sequences:
    colours = labels.argmax(1) + 4
    ids = torch.stack([torch.full_like(colours, 8), colours, torch.full_like(colours, 3)], 1)
    return Sequences(ids, torch.full((len(ids),), 3))


def seen(world: Any, shown: FeatureSequences) -> Inputs:
    count = len(shown.lengths)
    with torch.no_grad():
        words = world.detector.detect({"maps": shown}).topk(2).indices + 4
    none = Sequences(torch.zeros(count, 0, dtype=torch.int64), torch.zeros(count, dtype=torch.int64))
    concepts = Sequences(words, torch.full((count,), 2))
    history = torch.zeros(count, 0, dtype=torch.int64)
    return Inputs(none, none, history, {"maps": shown}, torch.arange(count), concepts)
