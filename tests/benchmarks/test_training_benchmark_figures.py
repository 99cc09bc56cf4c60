"""The instruments of the training benchmark against what is known: published lengths, by hand, a second count."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import epoch, own_process, store_reading
from benchmarks.learning import OURS, PLAIN, measure_losses, spread
from benchmarks.trainees import QUICK, Recipe, Step, Times, TrainingBench, batch_dialogs, cores, in_turns, plain_values
from benchmarks.workload import ANSWER, VOCABULARY, MadeFeatures, Workload, made, read
from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.errors import UserError

CPU = torch.device("cpu")


def bench(folder: Path, **changes: object) -> TrainingBench:
    settings = {"device": CPU, "threads": 1, "repeats": 1, "recipe": Recipe(quick=True), "amount": QUICK}
    return TrainingBench(**{**settings, "folder": folder, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def many() -> Workload:
    return made(2000, seed=7)


def test_lengths_are_those_of_the_real_dialogs(many: Workload) -> None:
    turns = [turn for dialog in many.dialogs for turn in dialog.turns]
    assert {len(dialog.turns) for dialog in many.dialogs} == {10}
    means = {
        "question": np.mean([len(turn.question.split()) for turn in turns]),
        "answer": np.mean([len(turn.answer.split()) for turn in turns]),
        "summary": np.mean([len(dialog.summary.split()) for dialog in many.dialogs]),
        "caption": np.mean([len(dialog.caption.split()) for dialog in many.dialogs]),
    }
    assert means == pytest.approx({"question": 8.2, "answer": 10.5, "summary": 26.8, "caption": 35.2}, rel=0.02)
    answers = [len(turn.answer.split()) for turn in turns]
    assert (min(answers), max(answers)) == (5, 54)
    # Quantiles of the official validation dialogs.
    assert np.percentile(answers, [25, 50, 75, 90, 95]) == pytest.approx([7, 9, 12, 17, 21], abs=1)


def test_answers_of_a_dialog_are_alike(many: Workload) -> None:
    excess = np.log([[len(turn.answer.split()) - ANSWER.least for turn in dialog.turns] for dialog in many.dialogs])
    within = excess.var(1, ddof=1).mean()
    between = excess.mean(1).var() - within / excess.shape[1]
    assert between / (between + within) == pytest.approx(ANSWER.shared, abs=0.04)


def test_everything_follows_from_the_seed(many: Workload) -> None:
    assert made(3, seed=7).dialogs == many.dialogs[:3]
    assert made(3, seed=8).dialogs != many.dialogs[:3]
    values = MadeFeatures("i3d_rgb", 4, 6).read("made00001")
    assert values.shape == (4, 6) and values.dtype == np.float32
    assert np.array_equal(values, MadeFeatures("i3d_rgb", 4, 6).read("made00001"))
    assert not np.array_equal(values, MadeFeatures("i3d_rgb", 4, 6).read("made00002"))
    assert not np.array_equal(values, MadeFeatures("i3d_flow", 4, 6).read("made00001"))


def test_words_follow_zipf(many: Workload) -> None:
    assert len(many.vocabulary) == VOCABULARY == 3910
    ids = [place for dialog in many.dialogs for turn in dialog.turns for place in many.vocabulary.encode(turn.answer)]
    counts = np.bincount(ids, minlength=VOCABULARY)[4:]
    assert counts.sum() == len(ids)  # no special entry, no unknown word
    chances = 1 / (np.arange(len(counts)) + 3.7)
    expected = chances / chances.sum()
    assert counts[:50] / len(ids) == pytest.approx(expected[:50], rel=0.12)
    assert counts[-1000:].sum() / len(ids) == pytest.approx(expected[-1000:].sum(), rel=0.05)


def test_batches_hold_whole_dialogs(many: Workload) -> None:
    few = Workload(many.dialogs[:18], many.vocabulary, {"vggish": MadeFeatures("vggish", 3, 4)}, True)
    batches = few.batches({"model": few.view("summary"), "teacher": few.view("none")})
    epoch = [next(batches) for _ in range(3)]
    keys = [key for batch in epoch for key in batch.keys]
    assert sorted(keys) == sorted((dialog.video_id, turn) for dialog in few.dialogs for turn in range(10))
    assert all(len({video for video, _ in batch.keys}) * 10 == batch.turns for batch in epoch)
    assert [batch.turns for batch in epoch] == [60, 60, 60]


def test_dialogs_of_files(tmp_path: Path) -> None:
    turn = Turn("is he there ?", "he is there he is")
    dialogs = [Dialog(f"V{number}", "a caption", "a summary", (turn,)) for number in range(3)]
    write_dialogs(tmp_path / "one.json", dialogs[:2])
    write_dialogs(tmp_path / "two.json", dialogs[2:])
    found = read([tmp_path / "one.json", tmp_path / "two.json"], 2)
    assert found.dialogs == tuple(dialogs[:2]) and not found.made
    assert found.vocabulary.words[4:8] == ("he", "is", "a", "there")  # 9, 9, 6 and 6 times
    assert len(found.vocabulary) == VOCABULARY
    with pytest.raises(UserError, match="dialogs of one video in several files"):
        read([tmp_path / "one.json", tmp_path / "one.json"])


def test_calls_take_turns_batch_by_batch() -> None:
    order: list[tuple[str, object]] = []

    def call(name: str, wait: float) -> Step:
        def step(batch: object) -> None:
            order.append((name, batch))
            time.sleep(wait)

        return step

    calls = {"slow": call("slow", 0.02), "fast": call("fast", 0.0)}
    times = in_turns(calls, ["A", "B", "C"], 2, CPU)  # type: ignore[list-item]
    warm = [("slow", "A"), ("fast", "A")]
    assert order == warm + [(name, batch) for batch in "ABC" for name in ("slow", "fast")] * 2
    assert all(len(each.clock) == len(each.processor) == 2 for each in times.values())
    assert min(times["slow"].clock) > 0.06 > max(times["fast"].clock)
    assert max(times["slow"].processor) < 0.05  # it slept


def test_ratios_by_hand() -> None:
    times = {OURS: Times([1.0, 2.0], [1.0, 1.0]), PLAIN: Times([3.0, 5.0], [3.0, 4.0])}
    assert spread(times) == "ratio by repeat 3.00, 2.50; of processor time 3.50"


def test_cores_are_given_back() -> None:
    before = (os.sched_getaffinity(0), torch.get_num_threads())
    with cores(1):
        assert len(os.sched_getaffinity(0)) == 1
        assert torch.get_num_threads() == 1
    assert (os.sched_getaffinity(0), torch.get_num_threads()) == before


def test_a_process_of_its_own() -> None:
    found, peak = own_process.run("json", "loads", s='{"a": [1, 2]}')
    assert found == {"a": [1, 2]}
    assert 1 < peak < 100  # not the hundreds that this process takes with PyTorch
    with pytest.raises(UserError, match="JSONDecodeError"):
        own_process.run("json", "loads", s="no JSON")


def test_bytes_read_and_memory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(5 << 20))
    before = own_process.bytes_read()
    path.read_bytes()
    assert own_process.bytes_read() - before == pytest.approx(5 << 20, rel=0.01)
    resident = own_process.high_water()
    ballast = np.ones(int(resident + 100) << 17)  # 8 bytes each: larger by 100 MiB than all memory so far
    size = ballast.nbytes / 2**20
    del ballast
    assert resident + size + 50 > own_process.high_water() > size > resident


def test_what_epochs_read(tmp_path: Path) -> None:
    recipe = Recipe(quick=True)
    workload = recipe.make(12)
    store_reading.write_shards(tmp_path, [dialog.video_id for dialog in workload.dialogs], workload.stores)
    found = store_reading.read_epochs(plain_values(recipe), 12, str(tmp_path))
    assert found["values"] == 12 * 3 * (3 * 16 * 2)  # videos, features, steps of halves
    first, second = (epoch["bytes"] for epoch in found["epochs"])
    assert first > found["values"]
    assert second < first / 100  # all of it is kept


def test_an_epoch_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    curves = [
        {"epoch": 1.0, "turns_per_second": 500.0, "data_wait": 0.2, "peak_memory_mib": 10.0},
        {"epoch": 2.0, "turns_per_second": 1000.0, "data_wait": 0.1, "peak_memory_mib": 20.0},
    ]
    monkeypatch.setattr(epoch, "_train", lambda bench: curves)
    assert epoch.measure(bench(tmp_path)) == []
    rows = {row.what: row for row in epoch.measure(bench(tmp_path, epoch=True))}
    assert rows["epoch 2 of 76,590 turns"].ours == pytest.approx(76.59)
    assert rows["epoch 2 of 76,590 turns"].note == "estimated from 60 turns"
    assert (rows["epoch 1: waiting for data"].ours, rows["peak memory"].ours) == (0.2, 20.0)
    assert all(row.goal is None for row in rows.values())
    gpu = {row.what: row for row in epoch.measure(bench(tmp_path, epoch=True, device=torch.device("cuda")))}
    met = {what: row.goal.met(row.goal_value()) for what, row in gpu.items() if row.goal is not None}
    assert met == {"epoch 2 of 76,590 turns": False, "epoch 2: waiting for data": False}


def test_a_student_costs_more(tmp_path: Path) -> None:
    rates = {row.what: row.ours for row in measure_losses(bench(tmp_path, repeats=3))}
    assert list(rates) == ["ce", "st", "st_context", "joint"]
    assert rates["ce"] > rates["st"] > rates["joint"] > 0


def test_recipes_go_through_json(tmp_path: Path) -> None:
    recipe = Recipe(("a.json", "b.json"), 3, True)
    values = json.loads(json.dumps(plain_values(recipe)))
    assert Recipe(**{**values, "files": tuple(values["files"])}) == recipe
    assert batch_dialogs(10) * 10 == 640
