"""Learning to detect concept words, and what validation measures of it.

Legend: B videos, C concept words.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipeline.dataset.labels import Labelled
from pipeline.networks.detecting import Detector
from pipeline.ranks import mean_precisions
from pipeline.tensors import full_precision
from pipeline.training.learner import Learning
from pipeline.training.losses import Losses
from pipeline.training.measure import Measure, mean_over
from pipeline.training.split import Split


class DetectingLearner(Learning):
    """L_con of Yu, Ko, Choi and Kim (CVPR 2017), times ``weight``, lambda_2 where other terms stand beside it.

    `f1_half`, of the words whose probability is above a half, is monitored; of several processes, or of a batch that is
    halved, the mean of the parts'.
    """

    def __init__(self, model: Detector, weight: float = 1.0, frozen: Sequence[str] = ()) -> None:
        super().__init__()
        self.model: Detector = model
        self.weight = weight
        self.freeze(frozen)
        self.train()

    def forward(self, batch: Labelled) -> Losses:
        """`concepts`, a scalar."""
        scores = self.model.detect(batch.features, len(batch.labels))
        with torch.no_grad():
            found, right = scores > 0, batch.labels > 0
            f1 = 2 * (found & right).sum() / (found.sum() + right.sum()).clamp(min=1)
        return Losses({"concepts": self.weight * concept_error(scores, batch.labels)}, {"f1_half": f1})


def concept_error(scores: Tensor, labels: Tensor) -> Tensor:
    """L_con = -(1 / C) sum_i [p*_i log p_i + (1 - p*_i) log(1 - p_i)], mean over videos; p the sigmoid of ``scores``.

    scores: (B, C) before the sigmoid. labels: (B, C), p*, 0 or 1.
    """
    return functional.binary_cross_entropy_with_logits(full_precision(scores), labels)


def mean_precision(fabric: Fabric, network: nn.Module, split: Split, batch_turns: int) -> float:
    """mAP: the mean over videos of the average precision at which their own words stand among all concept words.

    Videos without any word are left out.
    """
    network.eval()
    assert isinstance(network, Detector)

    def precisions(batch: Labelled) -> NDArray[np.floating[Any]]:
        scores = network.detect(batch.to(fabric.device).features, len(batch.labels))
        return np.array(mean_precisions(full_precision(scores).cpu().numpy(), batch.labels.numpy() > 0), np.float64)

    return mean_over(fabric, split, batch_turns, precisions)


DETECTED = Measure("map", mean_precision, higher=True, note="mAP over all concept words of each validation video")
"""What detectors are kept by: others read the first words of a video, whichever probabilities these have; F1 at some
number of words moves by whole words of a few dozen videos, and hardly tells two epochs apart."""
