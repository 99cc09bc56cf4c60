"""Validation perplexity."""

import math

import torch
from lightning.fabric import Fabric

from pipeline.networks.base import Decoded, DialogNetwork
from pipeline.training.losses import cross_entropy, real_words
from pipeline.training.split import Split


def perplexity(fabric: Fabric, network: DialogNetwork, split: Split, batch_turns: int) -> float:
    """exp(mean cross entropy) over hard targets, without dropout; `<unk>` and `<eos>` count (choice 5)."""
    network.eval()
    lost, words = 0.0, 0
    with torch.no_grad(), fabric.autocast():
        for dialogs in split.in_order(batch_turns):
            batch = split.read(dialogs).to(fabric.device)
            assert batch.targets is not None
            targets = real_words(batch.targets)
            decoded: Decoded = network(batch.views["model"], batch.targets)
            lost += cross_entropy(decoded, targets).item() * len(targets)
            words += len(targets)
    mean = lost / words
    return math.exp(mean) if mean < 700 else math.inf
