"""What the sections of the training benchmark are given, and steps of training that take turns."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import workload
from benchmarks.timing import seconds
from benchmarks.workload import MadeFeatures, Workload
from pipeline.config import Training
from pipeline.dataset.batch import Batch
from pipeline.dataset.views import View
from pipeline.networks.sizes import AttentionSizes, NaiveFusionSizes

Step = Callable[[Batch], object]
SETTINGS = Training()
"""Learning rate, clipping and lambda_c as in training."""


@dataclass(frozen=True)
class Amount:
    """How much is measured.

    batches: batches a repeat. videos: videos in the store. epoch_dialogs: dialogs of an epoch.
    """

    batches: int
    videos: int = 9848
    epoch_dialogs: int = 7659


AMOUNTS = {"cpu": Amount(12), "cuda": Amount(100)}
QUICK = Amount(2, 12, 6)
"""Everything once over, in seconds: for the tests."""
QUICK_ATTENTION = AttentionSizes(
    embedding=8,
    question_hidden=8,
    history_hidden=8,
    projection={"i3d_rgb": 8, "i3d_flow": 8, "vggish": 8},
    attention=8,
    context=8,
    decoder_hidden=8,
)
QUICK_FUSION = NaiveFusionSizes(embedding=8, hidden=8, attention=8, fusion=8, output=8)


@dataclass(frozen=True)
class Recipe:
    """How to make the workload, in values that JSON holds: processes of their own make it again.

    files: AVSD dialog files, none for made dialogs.
    """

    files: tuple[str, ...] = ()
    seed: int = 1
    quick: bool = False

    def make(self, dialogs: int) -> Workload:
        """The workload of ``dialogs`` dialogs, or of as many as the files have."""
        stores = workload.paper_stores()
        if self.quick:
            stores = {name: MadeFeatures(name, 3, 16) for name in stores}
        if self.files:
            return workload.read([Path(file) for file in self.files], dialogs, stores)
        return workload.made(dialogs, self.seed, stores)

    @property
    def attention(self) -> AttentionSizes:
        """Sizes of the attention network: the paper's."""
        return QUICK_ATTENTION if self.quick else AttentionSizes()

    @property
    def fusion(self) -> NaiveFusionSizes:
        """Sizes of the baseline: the organisers'."""
        return QUICK_FUSION if self.quick else NaiveFusionSizes()


@dataclass(frozen=True)
class TrainingBench:
    """What every section is given.

    threads: of PyTorch, on as many cores. folder: scratch, removed afterwards. published: a checkout of the organisers'
    code. epoch: whether a whole epoch is asked for.
    """

    device: torch.device
    threads: int
    repeats: int
    recipe: Recipe
    amount: Amount
    folder: Path
    published: Path | None = None
    epoch: bool = False

    @cached_property
    def workload(self) -> Workload:
        """Dialogs enough for the timed batches."""
        return self.recipe.make(batch_dialogs(self.amount.batches))

    def batches(self, views: Mapping[str, View]) -> list[Batch]:
        """The timed batches, on the device."""
        return [batch.to(self.device) for batch in islice(self.workload.batches(views), self.amount.batches)]

    def limits(self) -> contextlib.AbstractContextManager[None]:
        """``threads`` threads on as many cores where the CPU computes; no limit where it only feeds a GPU."""
        return cores(self.threads) if self.device.type == "cpu" else contextlib.nullcontext()


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

    def step(self, batch: Batch) -> None:
        """One step of training: forward, loss, backward, clipping, Adam."""
        with precision(batch):
            loss = self.loss(batch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.learned.parameters(), SETTINGS.clip)
        self.optimizer.step()


def batch_dialogs(batches: int) -> int:
    """Dialogs enough for so many batches."""
    return batches * workload.BATCH_TURNS // workload.TURNS


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


@contextlib.contextmanager
def cores(count: int) -> Iterator[None]:
    """PyTorch with ``count`` threads, on as many of the cores this process may use."""
    allowed, threads = os.sched_getaffinity(0), torch.get_num_threads()
    os.sched_setaffinity(0, set(sorted(allowed)[-count:]))
    torch.set_num_threads(count)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
        torch.set_num_threads(threads)


def plain_values(recipe: Recipe) -> dict[str, Any]:
    """The recipe as a process of its own takes it."""
    return {**asdict(recipe), "files": list(recipe.files)}
