"""What validation decides after an epoch: the learning rate, the epoch kept, an early end."""

import math
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Self

from pydantic import Field


@dataclass
class Schedule:
    """Learning rate and best epoch so far.

    An epoch is better when what was measured is below the lowest before it, or, where more is better (``higher``),
    above the highest. After any other epoch the learning rate is halved; after ``patience`` of them in a row training
    ends.
    """

    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    patience: int | None
    higher: bool = False
    best: float = math.inf
    best_epoch: Annotated[int, Field(ge=0)] = 0
    waited: Annotated[int, Field(ge=0)] = 0

    @classmethod
    def new(cls, learning_rate: float, patience: int | None, higher: bool = False) -> Self:
        """Before the first epoch."""
        return cls(learning_rate, patience, higher, -math.inf if higher else math.inf)

    def update(self, epoch: int, found: float) -> bool:
        """Take in what was measured after ``epoch`` (counted from 1); true when it is the best so far."""
        better = found > self.best if self.higher else found < self.best
        if better:
            self.best, self.best_epoch, self.waited = found, epoch, 0
        else:
            self.learning_rate /= 2
            self.waited += 1
        return better

    @property
    def ended(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.waited >= self.patience

    def state(self) -> dict[str, Any]:
        """Plain values for the resumable state."""
        return asdict(self)

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        """The schedule that `state` described."""
        return cls(**state)
