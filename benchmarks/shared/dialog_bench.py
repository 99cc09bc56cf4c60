"""What the benchmarks of training and answering are given: dialogs, sizes of networks, cores."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.shared import workload
from benchmarks.shared.timing import cores
from benchmarks.shared.workload import MadeFeatures, Workload
from pipeline.networks.sizes import SIZES, AttentionSizes, HierarchicalSizes, NaiveFusionSizes, Sizes

_TINY: dict[str, Any] = {"embedding": 8, "attention": 8}
_TINY_ATTENTION = {**_TINY, "question_hidden": 8, "context": 8, "decoder_hidden": 8}
QUICK_SIZES: dict[str, Sizes] = {
    "attention": AttentionSizes(
        **_TINY_ATTENTION, history_hidden=8, projection={"i3d_rgb": 8, "i3d_flow": 8, "vggish": 8}
    ),
    "naive_fusion": NaiveFusionSizes(**_TINY, hidden=8, fusion=8, output=8),
    "hierarchical": HierarchicalSizes(**_TINY_ATTENTION, projection=8),
}


@dataclass(frozen=True)
class Recipe:
    """How to make the workload, in values that JSON holds: processes of their own make it again.

    files: AVSD dialog files, none for made dialogs.
    """

    files: Sequence[str] = ()
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

    def sizes(self, name: str) -> Sizes:
        """Sizes of the network ``name``: the default ones, or tiny ones."""
        return QUICK_SIZES[name] if self.quick else SIZES[name]()

    @property
    def attention(self) -> AttentionSizes:
        """Sizes of the attention network: the paper's."""
        found = self.sizes("attention")
        assert isinstance(found, AttentionSizes)
        return found


@dataclass(frozen=True, kw_only=True)
class DialogBench:
    """What every section is given.

    threads: of PyTorch, on as many cores. folder: scratch, removed afterwards. published: a checkout of the organisers'
    code.
    """

    device: torch.device
    threads: int = 1
    repeats: int
    recipe: Recipe
    folder: Path
    published: Path | None = None

    def limits(self) -> contextlib.AbstractContextManager[None]:
        """``threads`` threads on as many cores where the CPU computes; no limit where it only feeds a GPU."""
        return cores(self.threads) if self.device.type == "cpu" else contextlib.nullcontext()
