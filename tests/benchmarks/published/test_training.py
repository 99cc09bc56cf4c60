"""Section baseline with a made-up checkout: what is trained on, counted and told, and how failures read."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.published import training
from benchmarks.published.job import Job
from benchmarks.published.sides import NpyStore, ours, shuffled, spread
from benchmarks.published.training import Comparison, Measured
from benchmarks.shared import workload
from benchmarks.shared.workload import MadeFeatures, Workload
from pipeline.errors import UserError
from pipeline.networks.registry import build_network
from pipeline.networks.sizes import NaiveFusionSizes
from tests.benchmarks.published import stand_in

WORDS = workload.VOCABULARY


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return stand_in.write(tmp_path / "checkout")


def tiny(dialogs: int, *features: str) -> Workload:
    return workload.made(dialogs, stores={name: MadeFeatures(name, 3, 16) for name in features})


def test_both_sides_train_on_the_workload(checkout: Path) -> None:
    # Three of five batches, a dialog of ten turns each, and three of seven of eight turns.
    given = tiny(5, "i3d_rgb", "vggish", "i3d_flow")
    found = training.measure(checkout, given, threads=1, repeats=2, batches=3)
    assert (found.ours.turns, found.theirs.turns) == (30, 24)
    network = build_network("naive_fusion", NaiveFusionSizes(), WORDS, {"i3d_rgb": 16, "i3d_flow": 16}, history=True)
    assert found.ours.weights == sum(weight.numel() for weight in network.parameters())
    assert found.theirs.weights == WORDS**2
    for side in (found.ours, found.theirs):
        assert len(side.rates) == len(side.processor_rates) == 2 and min(*side.rates, *side.processor_rates) > 0
        # Fresh networks know next to nothing: log 3,910 is 8.27. They learn: the second run finds lower losses.
        assert 9 > side.losses[0] > side.losses[1]
        assert 50 < side.peak < 4000


def test_a_batch_of_one_turn_is_left_out(checkout: Path) -> None:
    # 41 turns of one dialog each in batches of 8: five, and one turn.
    dialogs = tiny(41, "i3d_rgb", "i3d_flow")
    single = [type(dialog)(dialog.video_id, "", "", dialog.turns[:1]) for dialog in dialogs.dialogs]
    chosen = Workload(tuple(single), dialogs.vocabulary, dialogs.stores, True)
    found = training.measure(checkout, chosen, threads=1, repeats=1)
    assert (found.ours.turns, found.theirs.turns) == (41, 40)


def test_a_side_that_fails_is_told_with_its_last_words(checkout: Path) -> None:
    path = checkout / "code" / "mmseq2seq_model.py"
    path.write_text(path.read_text().replace("words = torch", "raise ValueError('no such thing'); words = torch"))
    with pytest.raises(UserError) as caught:
        training.measure(checkout, tiny(2, "i3d_rgb", "i3d_flow"), threads=1)
    assert str(caught.value) == (
        "section baseline: the published code ended with status 1 (ValueError: no such thing); give another checkout "
        "of dialogtekgeek/AudioVisualSceneAwareDialog"
    )


def test_what_does_not_fit_is_refused(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: no such folder; give --published a checkout of dialogtekgeek/"):
        training.measure(tmp_path / "nowhere", tiny(1), threads=1)
    with pytest.raises(UserError, match=r"run_i3d.sh: cannot be read \(FileNotFoundError\)"):
        training.measure(tmp_path, tiny(1), threads=1)
    with pytest.raises(
        UserError, match=r"run_i3d.sh: fea_type is i3d_rgb i3d_flow, expected two of .*\(i3d_rgb, vggish"
    ):
        training.measure(checkout, tiny(1, "i3d_rgb", "vggish"), threads=1)


def test_ours_reads_the_files_and_learns_as_training_does(checkout: Path, tmp_path: Path) -> None:
    given = tiny(7, "i3d_rgb", "i3d_flow")
    job = Job.make(tmp_path, checkout, given, threads=1, batches=100)
    store = NpyStore(job.features / "i3d_flow", 16)
    video = given.dialogs[3].video_id
    np.testing.assert_array_equal(store.read(video), given.stores["i3d_flow"].read(video))
    assert video in store and "other" not in store
    torch.manual_seed(0)
    side = ours(Job.read(tmp_path))
    batches = list(side.batches())
    # Batches of 8 turns: whole dialogs of ten turns each, every one of them once.
    assert sorted(batch.keys[0][0] for batch in batches) == sorted(dialog.video_id for dialog in given.dialogs)
    assert all(len(batch.keys) == 10 for batch in batches)
    before = [weight.detach().clone() for weight in side.network.parameters()]
    turns, words, loss = side.learn(batches[0])
    dialog = next(dialog for dialog in given.dialogs if dialog.video_id == batches[0].keys[0][0])
    assert turns == 10 and words == sum(len(turn.answer.split()) + 1 for turn in dialog.turns)
    assert loss == pytest.approx(np.log(WORDS), rel=0.05)
    changes = [
        (weight.detach() - old).abs().max() for weight, old in zip(side.network.parameters(), before, strict=True)
    ]
    # Adam's first step is the learning rate, whatever the gradient's size.
    assert max(map(float, changes)) == pytest.approx(1e-3, rel=0.01)
    assert threading.active_count() < 20


def test_spread_takes_the_middles_of_equal_parts() -> None:
    assert spread(range(10), 5) == [1, 3, 5, 7, 9]
    assert spread(range(100), 4) == [12, 37, 62, 87]
    assert spread(range(3), 5) == [0, 1, 2]
    assert sorted(shuffled(list(range(50)))) == list(range(50)) != shuffled(list(range(50)))
    assert shuffled(list(range(50))) == shuffled(list(range(50)))


def test_ratios_by_hand() -> None:
    mine = Measured(640, (100.0, 400.0, 500.0), (900.0, 600.0, 700.0), (8.0, 7.0, 6.5), 900.0, 11)
    other = Measured(638, (50.0, 90.0, 80.0), (100.0, 100.0, 90.0), (8.0, 7.5, 7.25), 1800.0, 22)
    found = Comparison(mine, other, threads=2)
    assert (found.ratio, found.processor_ratio) == (5.0, 7.0)
    speed, memory, weights = found.rows()
    assert speed.record()["met"] is True and (speed.ours, speed.reference, speed.unit) == (400.0, 80.0, "turns/s")
    assert speed.note == "2 threads, 640 and 638 turns; ratio of processor time 7"
    assert (memory.ratio, weights.ratio) == (0.5, 0.5)
    assert weights.note == "loss of a word after 3 runs 6.50 and 7.25"
    assert Comparison(other, mine, threads=2).rows()[0].record()["met"] is False
