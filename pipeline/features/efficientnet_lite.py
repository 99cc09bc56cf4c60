"""EfficientNet-Lite2 (Tan and Le, 2019; the Lite networks of 2020), with the parameter names of its PyTorch files.

EfficientNet without squeeze-and-excitation and with ReLU6 in place of swish; stem and head keep the sizes of B0. Width
is that of B0 times 1.1, depth times 1.2. Convolutions are padded as TensorFlow does.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.features.same_conv import SameConv2d

DIMS, CLASSES, SIZE = 1280, 1000, 260
"""Values of a feature, classes of ImageNet, pixels of the square pictures the published network was trained on."""
MEAN, DEVIATION = 127 / 255, 128 / 255
"""Values in [0, 1] are normalised with these, the same for the three colours: (v - 127) / 128 of a byte v."""
EPSILON = 1e-3
STAGES = (
    (1, 3, 1, 1, 16),
    (3, 3, 2, 6, 24),
    (3, 5, 2, 6, 48),
    (4, 3, 2, 6, 88),
    (4, 5, 1, 6, 120),
    (5, 5, 2, 6, 208),
    (1, 3, 1, 6, 352),
)
"""Blocks, kernel, stride of the first one, expansion, channels."""


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPSILON)


class Block(nn.Module):
    """An inverted bottleneck: widen, filter each channel for itself, narrow; added to its input where shapes allow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.expands = expansion > 1
        if self.expands:
            self._expand_conv, self._bn0 = SameConv2d(inputs, width, 1), _norm(width)
        self._depthwise_conv, self._bn1 = SameConv2d(width, width, kernel, stride, groups=width), _norm(width)
        self._project_conv, self._bn2 = SameConv2d(width, outputs, 1), _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride), rounded up."""
        wide = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        wide = F.relu6(self._bn1(self._depthwise_conv(wide)))
        y: Tensor = self._bn2(self._project_conv(wide))
        return x + y if self.residual else y


class EfficientNetLite2(nn.Module):
    """The network with its classifier, `_fc`, whose input is the feature."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = SameConv2d(3, 32, 3, 2), _norm(32)
        blocks: list[nn.Module] = []
        width = 32
        for count, kernel, stride, expansion, channels in STAGES:
            for number in range(count):
                blocks.append(Block(width, channels, kernel, 1 if number else stride, expansion))
                width = channels
        self._blocks = nn.Sequential(*blocks)
        self._conv_head, self._bn1 = SameConv2d(width, DIMS, 1), _norm(DIMS)
        self._fc = nn.Linear(DIMS, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) normalised colours -> (N, classes) logits."""
        x = self._blocks(F.relu6(self._bn0(self._conv_stem(x))))
        x = F.relu6(self._bn1(self._conv_head(x)))
        logits: Tensor = self._fc(x.mean(dim=(2, 3)))
        return logits
