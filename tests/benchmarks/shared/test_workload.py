"""What is trained on and answered, beside published lengths, by hand, a second count."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.shared.dialog_bench import Recipe
from benchmarks.shared.workload import ANSWER, VOCABULARY, MadeFeatures, Workload, made, read
from benchmarks.training.bench import batch_dialogs
from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.errors import UserError

CPU = torch.device("cpu")


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


def test_recipes_go_through_json(tmp_path: Path) -> None:
    recipe = Recipe(("a.json", "b.json"), 3, True)
    values = json.loads(json.dumps(asdict(recipe)))
    assert replace(Recipe(**values), files=tuple(values["files"])) == recipe
    assert batch_dialogs(10) * 10 == 640
