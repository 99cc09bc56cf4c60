"""Batches by dialog and by turn, and dealt out to several processes, teach the same."""

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor

from pipeline.config import Config, Training
from pipeline.corpus.dialogs import Dialog, Turn, read_dialogs, write_dialogs
from pipeline.dataset.batch import Batch
from pipeline.dataset.dialogs import DialogDataset
from pipeline.dataset.views import View
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.systems.system import build
from pipeline.tensors import FeatureSequences
from pipeline.training.feed import Feed, ahead
from pipeline.training.learner import Learner
from pipeline.training.losses import Losses, total
from pipeline.training.materials import Materials, gather
from pipeline.training.split import Split
from pipeline.vocabulary.words import build as build_vocabulary

Project = Callable[..., Config]
LAMBDA = 0.7


@pytest.fixture
def made(project: Project) -> tuple[Materials, Learner]:
    """A joint learner in float64 without dropout."""
    config = project()
    materials = gather(config, "joint")
    torch.manual_seed(5)
    networks = [
        build(config, name, len(materials.vocabulary), materials.dims(role))
        for name, role in (("joint", "model"), ("teacher", "teacher"))
    ]
    learner = Learner("joint", *networks).double()
    return materials, learner.eval()


def double(batch: Batch) -> Batch:
    def precise(tensor: Tensor) -> Tensor:
        return tensor.double() if tensor.is_floating_point() else tensor

    return batch.map(precise)


def gradient(learner: Learner, parts: Iterable[tuple[Batch, float]]) -> Tensor:
    """Of the sum of the batches' losses, each weighted."""
    learner.zero_grad(set_to_none=False)
    for parameter in learner.parameters():
        parameter.grad = torch.zeros_like(parameter)
    for batch, weight in parts:
        losses: Losses = learner(double(batch))
        torch.autograd.backward(weight * total(losses.learned, LAMBDA))
    return torch.cat([p.grad.flatten() for p in learner.parameters() if p.grad is not None])


def epoch(split: Split, batch_turns: int) -> list[list[int]]:
    return split.shuffled(batch_turns, 1, 0)


def test_dialogs_and_turns_give_the_same_gradient(made: tuple[Materials, Learner]) -> None:
    materials, learner = made
    dataset = materials.training.dataset
    found = []
    for split in (Split.of(dataset), Split.of(dataset, "turn")):
        batches = epoch(split, 5)
        assert len(batches) > 3
        words = sum(split.words)
        parts = ((split.read(units), sum(split.words[unit] for unit in units) / words) for units in batches)
        found.append(gradient(learner, parts))
    by_dialog, by_turn = found
    assert by_dialog.abs().max() > 1e-3
    torch.testing.assert_close(by_turn, by_dialog, rtol=0, atol=1e-9)


@pytest.mark.parametrize("by", ["dialog", "turn"])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_the_mean_of_the_processes_gradients_is_that_of_the_whole_batch(
    made: tuple[Materials, Learner], by: str, world: int
) -> None:
    materials, learner = made
    split = Split.of(materials.training.dataset, by)  # type: ignore[arg-type]
    settings = Training(epochs=1, batch_turns=4, seed=1)
    feeds = [Feed(split, settings, rank, world, pinned=False).steps(0, 0) for rank in range(world)]
    idle = 0
    for units, *steps in zip(epoch(split, 4), *feeds, strict=True):
        idle += sum(step.share == 0 for step in steps)
        whole = split.read(units)
        assert whole.targets is not None
        expected = gradient(learner, [(whole, 1.0)])
        found = gradient(learner, [(step.batch, step.share * world) for step in steps]) / world
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
        keys = [key for step in steps if step.share for key in step.batch.keys]
        assert sorted(keys) == sorted(whole.keys)
        for step in steps:
            assert (step.words, step.turns) == (int(whole.targets.lengths.sum()), whole.turns)
            assert set(step.video_ids) == {video_id for video_id, _ in whole.keys}
    # A batch of one dialog leaves nothing for a second process.
    assert (idle > 0) == (world > 1 and by == "dialog")


def test_units_are_dialogs_or_turns(project: Project) -> None:
    dataset = gather(project(), "plain").training.dataset
    by_dialog, by_turn = Split.of(dataset), Split.of(dataset, "turn")
    assert by_dialog.units[:3] == ((0, (0,)), (1, (0, 1)), (2, (0, 1, 2)))
    assert by_turn.units[:4] == ((0, (0,)), (1, (0,)), (1, (1,)), (2, (0,)))
    # "it is <colour> .", "yes , a <thing> .", "<colour> i think", each with <eos>.
    assert (by_dialog.turns[2], by_dialog.lengths[2], by_dialog.words[2]) == (3, 5, 5 + 6 + 4)
    assert (by_turn.turns[3:6], by_turn.lengths[3:6], by_turn.words[3:6]) == ((1, 1, 1), (4, 5, 3), (5, 6, 4))
    assert [len(units) for units in epoch(by_turn, 6)] == [6] * 4
    batch = by_turn.read([5, 0, 3])
    assert sorted(batch.keys) == [("t0", 0), ("t2", 0), ("t2", 2)]
    features = batch.views["model"].features["i3d_rgb"]
    assert isinstance(features, FeatureSequences)
    # The two turns about t2 share its features.
    assert len(features.lengths) == 2


@pytest.mark.parametrize("by", ["dialog", "turn"])
def test_a_dialog_of_captions_alone_is_named(by: str) -> None:
    dialogs = [Dialog("a", "", "", (Turn("what ?", "a cat"),)), Dialog("b", "", "", (), ("a dog runs",))]
    vocabulary = build_vocabulary(dialogs, frozenset({"captions"}), 1)
    dataset = DialogDataset(dialogs, vocabulary, {}, {"model": View((), "none", True)})
    with pytest.raises(UserError, match=r"^x\.json: dialog b: no turn in it to learn from \(1 of 2 have none\); leave"):
        Split.of(dataset, by, "x.json")  # type: ignore[arg-type]


@pytest.mark.parametrize("split", ["training", "validation"])
def test_an_answering_system_is_not_trained_on_captions_alone(project: Project, split: str) -> None:
    config = project()
    path = Layout(config.results).dialogs(split)
    given = read_dialogs(path)
    write_dialogs(path, [*given, Dialog("b", "", "", (), ("a dog runs",))])
    of = len(given) + 1
    with pytest.raises(
        UserError, match=rf"{split}\.json: dialog b: no turn .* \(1 of {of} have none\); .*captions\.question"
    ):
        gather(config, "text")


def test_turns_of_a_batch_are_of_like_length(project: Project) -> None:
    split = Split.of(gather(project(), "plain").training.dataset, "turn")
    spread = [
        max(split.lengths[unit] for unit in units) - min(split.lengths[unit] for unit in units)
        for units in epoch(split, 4)
    ]
    # Three lengths, sorted as one pool and cut into six batches: at most two of them hold unequal ones.
    assert sum(width > 0 for width in spread) <= 2


def test_steps_go_on_from_any_place(project: Project) -> None:
    split = gather(project(), "plain").training
    feed = Feed(split, Training(epochs=3, batch_turns=6, seed=1), 0, 1, pinned=False)
    every = [(step.batch.keys, step.last) for step in feed.steps(0, 0)]
    assert len(every) == feed.left(0, 0)
    later = [(step.batch.keys, step.last) for step in feed.steps(1, 2)]
    assert later == every[-feed.left(1, 2) :]
    assert [last for _, last in every].count(True) == 3


def test_reading_ahead_keeps_the_order_and_raises_where_it_fails() -> None:
    def read(place: int) -> int:
        if place == 5:
            raise KeyError(place)
        return place * place

    found: list[int] = []
    with pytest.raises(KeyError):
        for value in ahead(read, range(9)):
            found.append(value)  # noqa: PERF402
    assert found == [0, 1, 4, 9, 16]
    assert list(ahead(read, range(4))) == [0, 1, 4, 9]
