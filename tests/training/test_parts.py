"""What is drawn for a batch, blanks and wrong pairs, is the same in each process's share of it, and in each part."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from pipeline.config import Config, Training
from pipeline.dataset.blanks import Blanked, BlankExamples
from pipeline.dataset.pairs import PairExamples, Pairs
from pipeline.layout import Layout
from pipeline.tensors import FeatureSequences
from pipeline.training import filling, ranking
from pipeline.training.feed import Feed
from pipeline.training.filling import FillingLearner
from pipeline.training.loop import Loop
from pipeline.training.losses import total
from pipeline.training.materials import Materials, gather
from pipeline.training.processes import Place, make_fabric
from pipeline.training.ranking import RankingLearner
from pipeline.training.split import Split
from pipeline.training.starting import make_learner
from pipeline.training.state import STATE, read
from pipeline.training.train import train
from tests.training.drawn import ENTRIES, SMALL

Project = Callable[..., Config]
TURNS = 5


@pytest.fixture
def made(project: Project) -> Callable[[str], tuple[Config, Materials]]:
    """What a system learns from."""

    def make(name: str) -> tuple[Config, Materials]:
        config = project(changes={"systems": ENTRIES})
        return config, gather(config, name)

    return make


def feeds(split: Split, world: int) -> list[Feed]:
    settings = Training(epochs=1, batch_turns=TURNS, seed=1)
    return [Feed(split, settings, rank, world, pinned=False) for rank in range(world)]


def rows(batch: Any) -> dict[tuple[str, int], Any]:
    """Of each row its sentences, and the features of its videos, whatever the batch pads them to."""

    def text(place: int) -> list[int]:
        found: list[int] = batch.texts.ids[place][: batch.texts.lengths[place]].tolist()
        return found

    def video(place: int) -> list[Any]:
        each: list[FeatureSequences] = list(batch.features.values())
        return [one.values[place][: one.lengths[place]].tolist() for one in each]

    if isinstance(batch, Blanked):
        places = enumerate(zip(batch.words.tolist(), batch.blanks.tolist(), batch.video_rows.tolist(), strict=True))
        found = [(word, blank, text(row), video(seen)) for row, (word, blank, seen) in places]
    else:
        assert isinstance(batch, Pairs)
        pairs = zip(batch.text_rows.tolist(), batch.video_rows.tolist(), strict=True)
        found = [[(text(said), video(seen)) for said, seen in zip(*row, strict=True)] for row in pairs]
    assert len(found) == len(set(batch.keys))
    return dict(zip(batch.keys, found, strict=True))


@pytest.mark.parametrize("by", ["dialog", "turn"])
@pytest.mark.parametrize("name", ENTRIES)
def test_a_row_has_in_a_share_and_in_a_part_what_it_has_in_the_whole_batch(made: Any, name: str, by: Any) -> None:
    split = Split.of(made(name)[1].training.dataset, by)
    for world in (2, 3):
        shared = feeds(split, world)
        for units, *steps in zip(split.shuffled(TURNS, 1, 0), *(feed.steps(0, 0) for feed in shared), strict=True):
            whole, found = rows(split.read(units)), dict[tuple[str, int], Any]()
            for feed, step in zip(shared, steps, strict=True):
                # A process that nothing is left for reads a row of another's.
                assert {**whole, **rows(step.batch)} == whole
                found |= rows(step.batch) if step.share else {}
                for unit in step.units:
                    part, _ = feed.part(step, [unit])
                    assert {**whole, **rows(part)} == whole
            assert found == whole


@pytest.mark.parametrize("name", ENTRIES)
def test_the_only_process_draws_by_the_rows_of_its_batch(made: Any, name: str) -> None:
    """As trainings always have: a model that is there was made of these batches."""
    split = made(name)[1].training
    (feed,) = feeds(split, 1)
    examples = split.dataset
    for step in feed.steps(0, 0):
        dialogs = dict.fromkeys(split.units[unit][0] for unit in step.units)
        every = [(dialog, row) for dialog in dialogs for row in range(examples.rows(dialog))]
        draws = random.Random(str(every))
        if isinstance(examples, BlankExamples):
            drawn = [(d, examples.free[d][row].turn, examples.free[d][row].draw(draws)) for d, row in every]
            assert rows(step.batch) == rows(examples.made_of(drawn))
        else:
            assert isinstance(examples, PairExamples)
            assert rows(step.batch) == rows(examples.made_of(every, examples.pairs(every, draws)))


@pytest.mark.parametrize("name", ENTRIES)
def test_gradients_of_shares_and_of_parts_add_up_to_that_of_the_batch(made: Any, name: str) -> None:
    config, materials = made(name)
    torch.manual_seed(5)
    learner = make_learner(config, name, materials).double()

    def gradient(parts: list[tuple[Any, float]]) -> Tensor:
        learner.zero_grad()
        for batch, weight in parts:
            learned = learner(batch.map(lambda each: each.double() if each.is_floating_point() else each)).learned
            torch.autograd.backward(weight * total(learned, 1.0))
        return torch.cat([p.grad.flatten() for p in learner.parameters() if p.grad is not None])

    split = materials.training
    for units, *steps in zip(split.shuffled(TURNS, 1, 0), *(feed.steps(0, 0) for feed in feeds(split, 2)), strict=True):
        expected = gradient([(split.read(units), 1.0)])
        assert expected.abs().max() > 1e-4
        torch.testing.assert_close(gradient([(step.batch, step.share) for step in steps]), expected, rtol=0, atol=1e-9)
        (feed,) = feeds(split, 1)
        step = next(each for each in feed.steps(0, 0) if each.units == units)
        parts = [feed.part(step, [unit]) for unit in units]
        torch.testing.assert_close(gradient(parts), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "measure", "where", "scores"),
    [
        ("filler", filling.rank_among_words, filling, "word_scores"),
        ("chooser", ranking.rank_among_choices, ranking, "row_scores"),
    ],
)
def test_a_validation_that_is_halved_measures_the_same(
    made: Any, monkeypatch: pytest.MonkeyPatch, name: str, measure: Any, where: Any, scores: str
) -> None:
    config, materials = made(name)
    torch.manual_seed(5)
    model, fabric = make_learner(config, name, materials).model, make_fabric("cpu", Place(), "32-true")
    compute, expected = getattr(where, scores), measure(fabric, model, materials.validation, 9)

    def limited(network: Any, batch: Any) -> Tensor:
        if len(batch.keys) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        found: Tensor = compute(network, batch)
        return found

    monkeypatch.setattr(where, scores, limited)
    assert measure(fabric, model, materials.validation, 9) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("name", "learner"), [("filler", FillingLearner), ("finder", RankingLearner)])
def test_a_training_that_is_halved_learns_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, learner: Any
) -> None:
    def learned(folder: str) -> dict[str, Tensor]:
        settings = {"epochs": 1, "batch_turns": TURNS, "learning_rate": 0.001}
        config = project(folder, {"systems": {name: ENTRIES[name]}, "training": settings})
        train(config, name)
        return load_file(Layout(config.results).model(name) / "model.safetensors")

    expected, forward = learned("whole"), learner.forward

    def limited(self: Any, batch: Any) -> Any:
        if len(batch.keys) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(self, batch)

    monkeypatch.setattr(learner, "forward", limited)
    found = learned("halved")
    assert "halved from here on" in capsys.readouterr().err
    for key, weight in expected.items():
        torch.testing.assert_close(found[key], weight, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("network", "other"), [("ct_san_choose", " from"), ("jsfusion", " and moments of batch")])
def test_what_another_number_of_processes_changes_is_said(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], network: str, other: str
) -> None:
    small = {"hidden": 8, "joint": 8, "tensor": 8, "channels": 8, "readout": [8, 8, 8]}
    entry = {**ENTRIES["chooser"], "network": network, "sizes": SMALL if network == "ct_san_choose" else small}
    config = project(changes={"systems": {"chooser": entry}})
    folder = Layout(config.results).state("chooser")

    def stopped(self: Loop) -> float:
        self._save()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Loop, "_validate", stopped)
        train(config, "chooser")
    state = read(folder / STATE)
    replace(state, generators=2 * state.generators).write(folder / STATE)
    capsys.readouterr()
    train(config, "chooser")
    assert f"1 processes, 2 before: the same batches, but other dropout{other}" in capsys.readouterr().err
