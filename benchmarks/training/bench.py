"""What the sections of the training benchmark are given."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from benchmarks.shared import workload
from benchmarks.shared.dialog_bench import DialogBench
from benchmarks.shared.workload import Workload
from pipeline.dataset.batch import Batch
from pipeline.dataset.views import View


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


@dataclass(frozen=True, kw_only=True)
class TrainingBench(DialogBench):
    """What every section is given. epoch: whether a whole epoch is asked for."""

    amount: Amount
    epoch: bool = False

    @cached_property
    def workload(self) -> Workload:
        """Dialogs enough for the timed batches."""
        return self.recipe.make(batch_dialogs(self.amount.batches))

    def batches(self, views: Mapping[str, View]) -> list[Batch]:
        """The timed batches, on the device."""
        return [batch.to(self.device) for batch in islice(self.workload.batches(views), self.amount.batches)]


def batch_dialogs(batches: int) -> int:
    """Dialogs enough for so many batches."""
    return batches * workload.BATCH_TURNS // workload.TURNS
