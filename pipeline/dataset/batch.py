"""Turns of whole dialogs as tensors, seen through the views of one or two networks."""

from dataclasses import dataclass

from pipeline.networks.inputs import Inputs
from pipeline.tensors import Sequences, TensorGroup


@dataclass(frozen=True)
class Batch(TensorGroup):
    """Turns of whole dialogs, seen through one or more views that share tensors where they can.

    views: by role, "model" always, "teacher" in student-teacher training.
    targets: (T, La) the answers' words followed by `<eos>`; None when answers are not known.
    keys: (video id, turn counted from 0) of every row.
    """

    views: dict[str, Inputs]
    targets: Sequences | None
    keys: tuple[tuple[str, int], ...]

    @property
    def turns(self) -> int:
        """T."""
        return len(self.keys)
