"""The best continuations and their probabilities against a plain sort of every word's log probability."""

import numpy as np
import pytest
import torch

from pipeline.answers import chances
from pipeline.answers.chances import FIRST, NEVER, Chances, denominator
from pipeline.vocabulary import END


def plain(logits: np.ndarray, scores: np.ndarray, count: int) -> list[list[tuple[float, int, int]]]:
    """By turn: score, hypothesis and word of the best continuations, sorted by score, then place, then word."""
    found = []
    for turn, starts in zip(logits.astype(np.float64), scores, strict=True):
        logs = turn - turn.max(1, keepdims=True)
        logs -= np.log(np.exp(logs).sum(1, keepdims=True))
        grown = [
            (starts[place] + logs[place, word], place, word)
            for place in range(len(starts))
            for word in range(logs.shape[1])
            if word not in NEVER
        ]
        found.append(sorted(grown, key=lambda item: (-item[0], item[1], item[2]))[:count])
    return found


@pytest.mark.parametrize("words", [1, 2, 63, 64, 65, 128, 200])
@pytest.mark.parametrize("count", [1, 5, 90])
def test_the_best_continuations_are_those_of_a_sort(words: int, count: int) -> None:
    generator = torch.Generator().manual_seed(words)
    logits = torch.randn(6, 3, FIRST + words, generator=generator) * 3
    scores = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    values, parents, ids = Chances(logits).best(scores, count)
    expected = plain(logits.numpy(), scores.numpy(), count)
    assert values.shape == (6, min(count, 3 * words))
    for turn, grown in enumerate(expected):
        assert list(zip(parents[turn].tolist(), ids[turn].tolist(), strict=True)) == [item[1:] for item in grown]
        np.testing.assert_allclose(values[turn], [item[0] for item in grown], atol=1e-5)


@pytest.mark.parametrize("rare", [0.5, 0.05, 0.02, 0.0])
def test_equal_scores_go_to_the_better_placed_hypothesis_then_the_lower_word(rare: float) -> None:
    # Three levels, the higher ones rare: ties within blocks and over them, and between a block's best word and another
    # block's second. One denominator for all, so that ties are exact.
    generator = torch.Generator().manual_seed(3)
    row = (torch.rand(150, generator=generator) < torch.tensor([[rare], [rare / 3]])).float().sum(0)
    order = [torch.randperm(150, generator=generator) for _ in range(160)]
    logits = torch.stack([torch.cat((torch.zeros(FIRST), row[places])) for places in order]).view(40, 4, -1)
    chances = Chances(logits)
    chances.total = chances.total[:1, :1].expand(40, 4)
    scores = torch.zeros(40, 4, dtype=torch.float64)
    _, parents, ids = chances.best(scores, 20)
    for turn, grown in enumerate(logits.tolist()):
        wanted = sorted((-score, place, word) for place, line in enumerate(grown) for word, score in enumerate(line))
        wanted = [item[1:] for item in wanted if item[2] >= FIRST][:20]
        assert list(zip(parents[turn].tolist(), ids[turn].tolist(), strict=True)) == wanted


def test_probabilities_are_the_softmax_of_all_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chances, "ROWS", 4)
    logits = torch.randn(5, 3, 70, generator=torch.Generator().manual_seed(1)) * 40 + 300
    logits[0, 0, 0] = 5000.0
    expected = logits.double().log_softmax(2)
    found = Chances(logits)
    torch.testing.assert_close(found.of(END).double(), expected[:, :, END], atol=1e-3, rtol=1e-6)
    values, _, ids = found.best(torch.zeros(5, 3, dtype=torch.float64)[:, :1].expand(5, 3), 1)
    best = expected[:, :, FIRST:].flatten(1).max(1)
    torch.testing.assert_close(values[:, 0], best.values, atol=1e-3, rtol=1e-6)
    assert ids[:, 0].tolist() == (FIRST + best.indices % 66).tolist()


@pytest.mark.parametrize("rows", [1, 4, 15, 64])
def test_denominators_by_parts_are_those_of_the_whole(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chances, "ROWS", rows)
    logits = torch.randn(15, 9, generator=torch.Generator().manual_seed(2))
    top = logits.amax(1)
    expected = np.exp(logits.double().numpy() - top.double().numpy()[:, None]).sum(1)
    np.testing.assert_allclose(denominator(logits, top), expected, rtol=1e-6)


def test_half_precision_scores_are_summed_in_full() -> None:
    logits = torch.randn(2, 2, 3000, generator=torch.Generator().manual_seed(3)).bfloat16()
    expected = logits.double().log_softmax(2)[:, :, END]
    torch.testing.assert_close(Chances(logits).of(END).double(), expected, atol=1e-5, rtol=1e-5)
