"""Step fast: the official test set answered."""

from collections.abc import Iterator

from benchmarks.answering.bench import ANSWERS, AnswerBench, batched, every_answer
from benchmarks.answering.searching import measure_official
from benchmarks.gpu.card import Card
from benchmarks.gpu.goals import FAST
from benchmarks.gpu.launches import launches
from benchmarks.shared.results import Row

DIALOGS = 2


def measure(card: Card) -> Iterator[Row]:
    """The attention network, trained a little, answers the last turn of as many dialogs as the test set has."""
    sizes = card.sizes
    bench = AnswerBench(
        device=card.device,
        repeats=sizes.repeats,
        recipe=card.recipe,
        steps=sizes.trained,
        dialogs=DIALOGS,
        official=sizes.official,
        folder=card.folder,
    )
    (row,) = measure_official(bench)
    yield card.fast(Row(FAST, "1,710 official turns", row.unit, row.ours, note=row.note))
    network, batch = bench.trained("attention"), next(iter(batched(bench.dataset("attention")))).to(card.device)
    count = launches(lambda: every_answer(network, [batch], ANSWERS), card.device)
    yield Row(FAST, "search: launches a batch", "launches", count, note=f"{batch.turns} turns")
    yield from card.peak("answers")
