"""A split as units to make batches of: whole dialogs, or single turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from pipeline.dataset.batches import epoch_batches, ordered_batches
from pipeline.dataset.dialogs import DrawnExamples, Examples
from pipeline.errors import UserError

Unit = tuple[int, tuple[int, ...]]
"""A dialog's index and those of its turns that stand in a batch together."""


@dataclass(frozen=True)
class Split:
    """Training or validation dialogs, cut into units: whole dialogs, or single turns.

    turns, lengths, words: of each unit, its turns, the length of its longest answer, and the words to be learned (all
    answers, an `<eos>` after each).
    """

    dataset: Examples
    units: tuple[Unit, ...]
    turns: tuple[int, ...]
    lengths: tuple[int, ...]
    words: tuple[int, ...]

    @classmethod
    def of(cls, dataset: Examples, by: Literal["dialog", "turn"] = "dialog", source: str = "dialogs") -> Self:
        """All dialogs of ``dataset``, read from ``source``. Raises `UserError` for one without a turn to learn."""
        answers = [list(dataset.lengths(index)) for index in range(len(dataset.dialogs))]
        if empty := [dialog.video_id for dialog, turns in zip(dataset.dialogs, answers, strict=True) if not turns]:
            raise UserError(
                f"{source}: dialog {empty[0]}: no turn in it to learn from ({len(empty)} of {len(answers)} have none); "
                "leave it out, or where captions are to be answers set captions.question"
            )
        whole = tuple((index, tuple(range(len(lengths)))) for index, lengths in enumerate(answers))
        single = ((index, (turn,)) for index, turns in whole for turn in turns)
        units = whole if by == "dialog" else tuple(single)
        lengths = [[answers[index][turn] for turn in turns] for index, turns in units]
        return cls(
            dataset,
            units,
            turns=tuple(len(turns) for _, turns in units),
            lengths=tuple(max(each) for each in lengths),
            words=tuple(sum(each) + len(each) for each in lengths),
        )

    def shuffled(self, batch_turns: int, seed: int, epoch: int) -> list[list[int]]:
        """Units of each batch of an epoch of training."""
        return epoch_batches(self.turns, self.lengths, batch_turns, seed, epoch)

    def in_order(self, batch_turns: int) -> list[list[int]]:
        """Units of each batch of a validation."""
        return ordered_batches(self.turns, self.lengths, batch_turns)

    def read(self, units: Sequence[int], whole: Sequence[int] | None = None) -> Any:
        """The turns of ``units`` with their targets; what turns of one dialog have in common is read once.

        whole: the batch that they are a part of; None: they are all of it. What is drawn anew for each batch, wrong
        pairs or blanks, is drawn for the whole: a turn has the same whichever others are read with it.
        """
        if whole is None or not isinstance(self.dataset, DrawnExamples):
            return self.dataset.batch(self._picks(units))
        return self.dataset.part(self._picks(units), self._picks(whole))

    def _picks(self, units: Sequence[int]) -> list[tuple[int, list[int]]]:
        """The dialogs of ``units``, each once, and their turns."""
        picks: dict[int, list[int]] = {}
        for unit in units:
            dialog, turns = self.units[unit]
            picks.setdefault(dialog, []).extend(turns)
        return list(picks.items())

    def video_ids(self, units: Sequence[int]) -> list[str]:
        """The videos of ``units``, each once."""
        return list(dict.fromkeys(self.dataset.dialogs[self.units[unit][0]].video_id for unit in units))
