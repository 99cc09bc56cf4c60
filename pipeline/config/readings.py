"""What systems read of what other systems have written."""

from typing import NamedTuple

from pipeline.config.folds import fold_name


class Reading(NamedTuple):
    """What a system reads of another one: what that has written for a split."""

    system: str
    split: str


def unseen(system: str, split: str, folds: int, in_sample: bool) -> list[Reading]:
    """What is read of ``system`` about the videos of a split: of training videos a part from each of ``folds`` entries.

    Each of these has not learned from the part that it is read about; with ``in_sample`` the one system is read that
    has learned from them all. Of validation and test sets no system learns.

    >>> unseen("describer", "training", 2, False)[0]
    Reading(system='describer_fold1of2', split='training')
    >>> unseen("describer", "trial", 2, False), unseen("describer", "training", 2, True)
    ([Reading(system='describer', split='trial')], [Reading(system='describer', split='training')])
    """
    if in_sample or split != "training":
        return [Reading(system, split)]
    return [Reading(fold_name(system, number, folds), split) for number in range(1, folds + 1)]
