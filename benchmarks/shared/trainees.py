"""Networks that learn as in training, and their steps in turns."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor, nn

from benchmarks.shared.timing import seconds
from pipeline.config import Loss, Training
from pipeline.dataset.batch import Batch
from pipeline.networks.base import Generator
from pipeline.training.learner import Learner
from pipeline.training.losses import total

Step = Callable[[Batch], object]
SETTINGS = Training()
"""Learning rate, clipping and lambda_c as in training."""


@dataclass(frozen=True)
class Times:
    """Seconds of each repeat: of the clock, and of this process alone, which others on the machine do not add to."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


@dataclass
class Trainee:
    """Networks with their loss and Adam. loss: of a batch that is on their device."""

    learned: nn.Module
    loss: Callable[[Batch], Tensor]
    optimizer: torch.optim.Optimizer = field(init=False)

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.Adam(self.learned.parameters(), lr=SETTINGS.learning_rate, fused=True)

    @classmethod
    def of(cls, network: Generator, device: torch.device, loss: Loss = "ce", teacher: Generator | None = None) -> Self:
        """A network with the ``loss`` that training has."""
        learner = Learner(loss, network, teacher).to(device)
        return cls(learner.learned(), lambda batch: total(learner(batch).learned, SETTINGS.lambda_context))

    def step(self, batch: Batch) -> None:
        """One step of training: forward, loss, backward, clipping, Adam."""
        with precision(batch):
            loss = self.loss(batch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.learned.parameters(), SETTINGS.clip)
        self.optimizer.step()


def precision(batch: Batch) -> contextlib.AbstractContextManager[Any]:
    """What training computes in: bfloat16 where a GPU has it, float32 on a CPU."""
    device = next(iter(batch.views.values())).dialog.device
    wanted = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16) if wanted else contextlib.nullcontext()


def in_turns(
    calls: Mapping[str, Step], batches: Sequence[Batch], repeats: int, device: torch.device
) -> dict[str, Times]:
    """What each of ``calls`` takes for all ``batches``, one value a repeat.

    They take turns batch by batch, so that whatever else the machine does meets all of them alike; each has the first
    batch once before, since a first call allocates.
    """
    for call in calls.values():
        call(batches[0])
    times = {name: Times() for name in calls}
    for _ in range(repeats):
        clock, processor = dict.fromkeys(calls, 0.0), dict.fromkeys(calls, 0.0)
        for batch in batches:
            for name, call in calls.items():
                start = time.process_time()
                clock[name] += seconds(lambda call=call, batch=batch: call(batch), device)  # type: ignore[misc]
                processor[name] += time.process_time() - start
        for name in calls:
            times[name].clock.append(clock[name])
            times[name].processor.append(processor[name])
    return times
