"""The answers benchmark: two searches that share no code agree, what is timed is what is said, the published side."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.answering.bench import LONGEST, ROLE, AnswerBench, Lengths, batched, every_answer
from benchmarks.answering.searching import clock_note, in_turns, measure_official, same, steps, typical
from benchmarks.answering.sequential import sequential_search
from benchmarks.shared.dialog_bench import Recipe
from benchmarks.shared.trainees import Times
from pipeline.answers.search import Answer
from pipeline.config import Answers
from pipeline.errors import UserError


def bench(folder: Path, **changes: object) -> AnswerBench:
    given = AnswerBench(
        device=torch.device("cpu"),
        threads=1,
        repeats=2,
        recipe=Recipe(quick=True),
        steps=2,
        dialogs=2,
        official=5,
        folder=folder,
    )
    return replace(given, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["attention", "naive_fusion", "hierarchical"])
@pytest.mark.parametrize(
    "settings",
    [
        Answers(max_length=8),
        Answers(max_length=5, bonus=7.5, n_best=3),
        Answers(max_length=7, min_length=3, bonus=-0.5, beam=3),
        Answers(max_length=6, beam=1, bonus=7.0, n_best=2),
    ],
    ids=["default", "long", "at least", "greedy"],
)
def test_both_searches_find_the_same(name: str, settings: Answers, tmp_path: Path) -> None:
    given = bench(tmp_path, dialogs=3)
    network, dataset = given.trained(name), given.dataset(name)
    if name != "hierarchical":  # Its fresh weights are as large by themselves.
        with torch.no_grad():
            for weight in network.parameters():
                weight.mul_(2.0)  # Far from uniform, so that inputs decide the words.
    together = list(batched(dataset))
    found = every_answer(network, together, settings)
    places = {dialog.video_id: place for place, dialog in enumerate(dataset.dialogs)}
    for (video, turn), ours in zip([key for batch in together for key in batch.keys], found, strict=True):
        alone = dataset.batch([(places[video], [turn])], with_targets=False).views[ROLE]
        theirs = sequential_search(network, alone, settings)
        assert [answer.ids for answer in ours] == [answer.ids for answer in theirs]
        assert [answer.score for answer in ours] == pytest.approx([answer.score for answer in theirs], abs=1e-4)
    assert len({turn[0].ids for turn in found}) > 1


def test_what_is_learned_is_not_answered(tmp_path: Path) -> None:
    given = bench(tmp_path)
    answered = {dialog.video_id for dialog in given.answered.dialogs}
    assert len(answered) == 2 and answered.isdisjoint(dialog.video_id for dialog in given.learned.dialogs)
    one = given.trained("attention")
    assert one is given.trained("attention") and not one.training
    before = bench(tmp_path, steps=1).trained("attention").state_dict()
    assert any(not torch.equal(value, before[name]) for name, value in one.state_dict().items())
    # Nothing is left to learn from.
    files = tmp_path / "few.json"
    files.write_text('{"dialogs": [{"image_id": "a", "dialog": [{"question": "who ?", "answer": "he"}]}]}')
    with pytest.raises(UserError, match=r"^--dialogs: 1 dialogs, expected more than the 2 that are answered"):
        _ = bench(tmp_path, recipe=Recipe((str(files),), quick=True)).answered


def test_official_answers_last_turns_only(tmp_path: Path) -> None:
    given = bench(tmp_path)
    dataset = given.dataset("attention", given.recipe.make(5))
    batches = list(batched(dataset, last_only=True))
    assert sorted(key for batch in batches for key in batch.keys) == [(f"made{n:05d}", 9) for n in range(5)]
    every = [key for batch in batched(given.dataset("attention")) for key in batch.keys]
    assert sorted(every) == [(f"made{n:05d}", turn) for n in range(2) for turn in range(10)]
    [row] = measure_official(given)
    assert row.goal is None and row.ours > 0 and row.note.endswith("estimated from 5 turns")


def test_thirty_words_each_without_an_early_end(tmp_path: Path) -> None:
    given = bench(tmp_path)
    network = given.trained("naive_fusion")
    batches = list(batched(given.dataset("naive_fusion")))
    assert set(Lengths.of(every_answer(network, batches, LONGEST)).words) == {30}
    assert steps(network, batches, LONGEST) == 31
    assert steps(network, batches, Answers(bonus=-50.0, n_best=1)) < 5


def test_shares_and_lengths_by_hand() -> None:
    found = [[Answer((5, 6), -1.0), Answer((5,), -2.0)], [Answer((7,), -3.0)]]
    assert same(found, [list(turn) for turn in found]) == 1
    assert same(found, [found[0], [Answer((7,), -3.5)]]) == 0.5
    assert same(found, [found[0][::-1], [Answer((8,), -3.0)]]) == 0
    assert same(found, [found[0][:1], found[1]]) == 0.5
    assert str(Lengths.of(found)) == "1 to 2 words, median 1.5"


def test_one_thread_is_timed_by_the_processor() -> None:
    ours, theirs = Times([4.0, 9.0, 5.0], [1.0, 2.0, 3.0]), Times([20.0, 10.0, 15.0], [8.0, 6.0, 7.0])
    assert (typical(ours, 1), typical(ours, 2)) == (2.0, 5.0)
    assert clock_note(ours, theirs) == "ratio by the clock 3"


def test_sides_take_turns() -> None:
    order: list[str] = []

    def call(name: str) -> list[list[Answer]]:
        order.append(name)
        return [[Answer((len(order),), 0.0)]]

    runs = in_turns({"a": lambda: call("a"), "b": lambda: call("b")}, 2, "test")
    assert order == ["a", "b", "a", "b"]
    assert [runs["b"].found[0][0].ids, len(runs["b"].times.clock), len(runs["a"].times.processor)] == [(4,), 2, 2]
