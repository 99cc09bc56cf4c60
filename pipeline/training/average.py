"""A moving average of a network's weights: what is validated, kept and answered with, while the weights go on.

The weights of single steps lie around what they circle, and on a small corpus no two epochs answer alike (benchmarks:
docs/results.md). An average over the last steps lies nearer to the middle, for the price of one addition a weight.

    a_n = r_n a_{n-1} + (1 - r_n) w_n,  r_n = min(r, n / (n + 9))

w_n: the weights after step n; the second bound lets go of the first steps, which are far from anything (Polyak and
Juditsky 1992, in the exponential form; the bound is TensorFlow's).

>>> network = nn.Linear(1, 1, bias=False)
>>> _ = network.weight.data.fill_(2.0)
>>> average = Average(network, 0.5)
>>> _ = network.weight.data.fill_(12.0)
>>> average.update()  # r_1 = 1 / 10
>>> with average.in_place():
...     network.weight.item()
11.0
>>> network.weight.item()
12.0
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

WARM_UP = 9


class Average:
    """The average of ``network``'s parameters over the steps of a training; with a ``share`` of 0 the last ones.

    share: r, what the average keeps of itself at a step: it looks back on about 1 / (1 - r) steps.
    """

    def __init__(self, network: nn.Module, share: float) -> None:
        self._network, self._share, self._steps = network, share, 0
        self._weights = [weight.clone() for weight in self._learned()] if share else []

    def update(self) -> None:
        """Take in the weights as they are after a step."""
        if self._share:
            self._steps += 1
            share = min(self._share, self._steps / (self._steps + WARM_UP))
            torch._foreach_lerp_(self._weights, self._learned(), 1 - share)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within, the network has the averaged weights."""
        if not self._share:
            yield
            return
        learned = self._learned()
        kept = [weight.clone() for weight in learned]
        torch._foreach_copy_(learned, self._weights)
        try:
            yield
        finally:
            torch._foreach_copy_(learned, kept)

    def state(self) -> dict[str, Any]:
        """For the resumable state."""
        return {"steps": self._steps, "weights": self._weights}

    def take_up(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._steps = state["steps"]
        if self._weights:
            torch._foreach_copy_(self._weights, state["weights"])

    def _learned(self) -> list[Tensor]:
        return [parameter.detach() for parameter in self._network.parameters()]
