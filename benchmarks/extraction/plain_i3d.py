"""I3D as it is commonly published in PyTorch: padding by `F.pad`, batch norm apart, float32, nothing rearranged.

The yardstick of the section i3d, and a second implementation to compare values with. Parameter names are those of the
published checkpoints; the map of `Mixed_5c` is the last layer.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MODULES = {
    "Mixed_3b": (192, 64, 96, 128, 16, 32, 32),
    "Mixed_3c": (256, 128, 128, 192, 32, 96, 64),
    "Mixed_4b": (480, 192, 96, 208, 16, 48, 64),
    "Mixed_4c": (512, 160, 112, 224, 24, 64, 64),
    "Mixed_4d": (512, 128, 128, 256, 24, 64, 64),
    "Mixed_4e": (512, 112, 144, 288, 32, 64, 64),
    "Mixed_4f": (528, 256, 160, 320, 32, 128, 128),
    "Mixed_5b": (832, 256, 160, 320, 32, 128, 128),
    "Mixed_5c": (832, 384, 192, 384, 48, 128, 128),
}
"""Channels in, then out of b0, b1a, b1b, b2a, b2b, b3b: Carreira and Zisserman (2017), figure 3."""


def padded(x: Tensor, kernel: Sequence[int], stride: Sequence[int]) -> Tensor:
    """``x`` with the zeros of TensorFlow's SAME padding around its last three dimensions."""
    pads: list[int] = []
    for size, width, step in zip(reversed(x.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        total = max(width - (size % step or step), 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


class Unit(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> (N, outputs, ...)."""
        sides = (self.conv3d.kernel_size, self.conv3d.stride)
        return F.relu(self.bn(self.conv3d(padded(x, *sides))))


class Pool(nn.Module):
    """Max pool of zero-padded maps, which are never negative."""

    def __init__(self, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> the same, each dimension divided by its stride, rounded up."""
        return F.max_pool3d(padded(x, self.kernel, self.stride), self.kernel, self.stride)


class Module(nn.Module):
    """An Inception module: four branches side by side."""

    def __init__(self, inputs: int, b0: int, b1a: int, b1b: int, b2a: int, b2b: int, b3b: int) -> None:
        super().__init__()
        self.b0 = Unit(inputs, b0, 1)
        self.b1a, self.b1b = Unit(inputs, b1a, 1), Unit(b1a, b1b, 3)
        self.b2a, self.b2b = Unit(inputs, b2a, 1), Unit(b2a, b2b, 3)
        self.b3a, self.b3b = Pool((3, 3, 3), (1, 1, 1)), Unit(inputs, b3b, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> (N, sum of the branches, T, H, W)."""
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))], dim=1)


class PlainI3D(nn.Module):
    """The network up to `Mixed_5c`, for frames."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit(3, 64, 7, 2)
        self.MaxPool3d_2a_3x3 = Pool((1, 3, 3), (1, 2, 2))
        self.Conv3d_2b_1x1 = Unit(64, 64, 1)
        self.Conv3d_2c_3x3 = Unit(64, 192, 3)
        self.MaxPool3d_3a_3x3 = Pool((1, 3, 3), (1, 2, 2))
        for name, channels in MODULES.items():
            if name == "Mixed_4b":
                self.MaxPool3d_4a_3x3 = Pool((3, 3, 3), (2, 2, 2))
            elif name == "Mixed_5b":
                self.MaxPool3d_5a_2x2 = Pool((2, 2, 2), (2, 2, 2))
            self.add_module(name, Module(*channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W) float32 in [-1, 1] -> (N, 1024, T/8, H/32, W/32), rounded up."""
        for layer in self.children():
            x = layer(x)
        return x

    def features(self, windows: Tensor) -> Tensor:
        """(N, T, H, W, 3) uint8 -> (N, T/8 x 1024): mean over space, time steps side by side."""
        x = (windows.permute(0, 4, 1, 2, 3).contiguous().float() - 128) / 128
        mixed_5c: Tensor = self(x)
        return mixed_5c.mean(dim=(3, 4)).transpose(1, 2).flatten(1)


def with_weights(state: Mapping[str, Tensor], device: torch.device) -> PlainI3D:
    """The network on ``device`` with the parameters of a published checkpoint; the classifier's are left out."""
    with torch.device("meta"):
        network = PlainI3D()
    network.load_state_dict(
        {name: value for name, value in state.items() if not name.startswith("logits.")}, assign=True
    )
    return network.eval().requires_grad_(False).to(device)
