"""What validation perplexity decides after an epoch: the learning rate, the epoch kept, an early end."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass
class Schedule:
    """Learning rate and best epoch so far.

    An epoch is better when its perplexity is below the lowest before it. After any other epoch the learning rate is
    halved; after ``patience`` of them in a row training ends.
    """

    learning_rate: float
    patience: int | None
    best_perplexity: float = field(default=math.inf)
    best_epoch: int = 0
    waited: int = 0

    def update(self, epoch: int, perplexity: float) -> bool:
        """Take in the perplexity of ``epoch`` (counted from 1); true when it is the best so far."""
        better = perplexity < self.best_perplexity
        if better:
            self.best_perplexity, self.best_epoch, self.waited = perplexity, epoch, 0
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
