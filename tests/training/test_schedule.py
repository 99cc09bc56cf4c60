"""Halving, best epoch and patience."""

from pipeline.training.schedule import Schedule


def run(perplexities: list[float], patience: int | None = None) -> tuple[Schedule, list[float], list[bool]]:
    schedule = Schedule(0.8, patience)
    rates, better = [], []
    for epoch, perplexity in enumerate(perplexities, start=1):
        better.append(schedule.update(epoch, perplexity))
        rates.append(schedule.learning_rate)
        if schedule.ended:
            break
    return schedule, rates, better


def test_the_rate_is_halved_after_each_epoch_that_is_no_new_lowest() -> None:
    schedule, rates, better = run([9.0, 7.0, 8.0, 7.0, 6.5, 6.9])
    assert rates == [0.8, 0.8, 0.4, 0.2, 0.2, 0.1]
    assert better == [True, True, False, False, True, False]
    assert (schedule.best_epoch, schedule.best) == (5, 6.5)


def test_where_more_is_better_an_epoch_is_better_above_the_highest_before_it() -> None:
    schedule = Schedule.new(0.8, None, higher=True)
    assert [schedule.update(epoch, found) for epoch, found in enumerate([0.0, 0.3, 0.2, 0.3, 0.4], 1)] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert (schedule.best_epoch, schedule.best, schedule.learning_rate) == (5, 0.4, 0.2)


def test_patience_counts_epochs_in_a_row_without_improvement() -> None:
    schedule, rates, _ = run([9.0, 9.5, 8.0, 8.1, 8.2, 7.0], patience=2)
    assert len(rates) == 5
    assert schedule.best_epoch == 3
    assert len(run([9.0] * 9)[1]) == 9


def test_a_schedule_goes_on_from_its_state() -> None:
    schedule, _, _ = run([9.0, 9.5], patience=2)
    again = Schedule.of(schedule.state())
    again.update(3, 9.6)
    assert again.ended
    assert again.learning_rate == 0.2
