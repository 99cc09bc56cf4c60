"""Validation perplexity."""

import math

import torch
from lightning.fabric import Fabric
from torch import nn

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
        for read in ahead(lambda units: prepared(split.read(units), pinned), batches):
            batch = read.to(fabric.device)
            assert batch.targets is not None
            decoded: Decoded = network(batch.views["model"], batch.targets)
            targets = real_words(batch.targets)
            sums[0] += cross_entropy(decoded, targets).double() * len(targets)
            sums[1] += len(targets)
    lost, words = summed(fabric, sums).tolist()
    mean = lost / words
    return math.exp(mean) if mean < 700 else math.inf


PERPLEXITY = Measure("perplexity", perplexity)
"""What systems that say something are chosen by."""
