"""Validation perplexity."""

import math
from collections.abc import Sequence
from functools import partial

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from pipeline.dataset.batch import Batch
from pipeline.halving import Halving
from pipeline.networks.base import Decoded
from pipeline.training.feed import ahead, prepared
from pipeline.training.losses import cross_entropy, real_words
from pipeline.training.measure import Measure
from pipeline.training.processes import summed
from pipeline.training.split import Split


def perplexity(fabric: Fabric, network: nn.Module, split: Split, batch_turns: int) -> float:
    """exp(mean cross entropy) over hard targets, without dropout; `<unk>` and `<eos>` count (choice 5).

    Several processes take the batches in turn, and all get the same result.
    """
    network.eval()
    # Both sums stay on the device until the end: one wait for it in all.
    sums = torch.zeros(2, dtype=torch.float64, device=fabric.device)
    with torch.no_grad(), fabric.autocast():
        batches = split.in_order(batch_turns)[fabric.global_rank :: fabric.world_size]
        pinned = fabric.device.type == "cuda"
        halving = Halving("validation", "training.batch_turns")
        for units, read in zip(batches, ahead(lambda units: prepared(split.read(units), pinned), batches), strict=True):
            sums += halving(units, partial(_lost, fabric, network, split, units, read))
    lost, words = summed(fabric, sums).tolist()
    mean = lost / words
    return math.exp(mean) if mean < 700 else math.inf


def _lost(
    fabric: Fabric, network: nn.Module, split: Split, whole: Sequence[int], read: Batch, parts: Sequence[Sequence[int]]
) -> Tensor:
    """(2,) float64: cross entropy, summed over the words of a batch, and how many these are. read: the ``whole``."""
    sums = torch.zeros(2, dtype=torch.float64, device=fabric.device)
    for host in [read] if len(parts) == 1 else (split.read(units, whole) for units in parts):
        batch = host.to(fabric.device)
        assert batch.targets is not None
        decoded: Decoded = network(batch.views["model"], batch.targets)
        targets = real_words(batch.targets)
        sums[0] += cross_entropy(decoded, targets).double() * len(targets)
        sums[1] += len(targets)
    return sums


PERPLEXITY = Measure("perplexity", perplexity, note="perplexity counts <unk> and <eos>")
"""What systems that say something are chosen by."""
