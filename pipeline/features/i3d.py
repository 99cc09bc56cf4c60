"""Inception-I3D (Carreira and Zisserman, 2017), with the parameter names of the published PyTorch checkpoints.

Shapes: N windows, T frames, H and W pixels, C channels (3 colours, or 2 of flow), V classes.

Published details that matter for equal figures: TensorFlow's SAME padding, which is one-sided where the total is odd
and depends on the size of the input; batch norm with epsilon 1e-3; inputs scaled to [-1, 1].
"""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

BATCH_NORM_EPSILON = 1e-3
STEP_CHANNELS = 1024
FRAMES_PER_STEP = 8
"""The network halves time three times, rounding up: 16 frames make two steps of `Mixed_5c`."""

PICTURES = {"cpu": False, "cuda": True}
"""Whether what cuDNN is slow at in three dimensions is done on pictures: pooling, and convolutions of few channels."""
FEW = 8
"""Channels in front of a convolution that are few."""

STAGES: dict[str, tuple[int, ...]] = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
"""Output channels of each Inception module: b0, b1a, b1b, b2a, b2b, b3b."""
LAST = list(STAGES)[-1]
POOLED = {"Mixed_4b": "MaxPool3d_4a_3x3", "Mixed_5b": "MaxPool3d_5a_2x2"}
"""The pool in front of an Inception module, where there is one."""


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME padding of one dimension: zeros before and after, the odd one after.

    The output has ceil(size / stride) positions.
    """
    outputs = -(-size // stride)
    total = max(0, (outputs - 1) * stride + kernel - size)
    return total // 2, total - total // 2


class MaxPool(nn.Module):
    """Max pooling with SAME padding."""

    def __init__(self, kernel: Sequence[int], stride: Sequence[int]) -> None:
        super().__init__()
        self.kernel, self.stride = tuple(kernel), tuple(stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> the same with each dimension divided by its stride, rounded up.

        Padding never wins a maximum. PyTorch pads both sides alike; rounding the output's size up stands for the
        one more element that SAME puts at the end.
        """
        before = [same_padding(*dims)[0] for dims in zip(x.shape[2:], self.kernel, self.stride, strict=True)]
        if PICTURES[x.device.type]:
            return pooled_pictures(x, self.kernel, self.stride, before)
        return F.max_pool3d(x, self.kernel, self.stride, before, ceil_mode=True)


def pooled_pictures(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], before: Sequence[int]) -> Tensor:
    """`max_pool3d` over space and then over time, each as pictures with channels last: on a GPU several times as fast.

    x: (N, C, T, H, W), channels-last in memory, as is the result. before: zeros in front of each dimension.
    """
    maps = x.permute(0, 2, 3, 4, 1)
    count, frames, _, _, channels = maps.shape
    if max(kernel[1:]) > 1:
        pictures = maps.flatten(0, 1).permute(0, 3, 1, 2)
        pictures = F.max_pool2d(pictures, kernel[1:], stride[1:], tuple(before[1:]), ceil_mode=True)
        maps = pictures.permute(0, 2, 3, 1).reshape(count, frames, *pictures.shape[2:], channels)
    if kernel[0] > 1:
        # A picture as high as there are frames, and as wide as a frame has pixels.
        rows = maps.flatten(2, 3).permute(0, 3, 1, 2)
        rows = F.max_pool2d(rows, (kernel[0], 1), (stride[0], 1), (before[0], 0), ceil_mode=True)
        maps = rows.permute(0, 2, 3, 1).reshape(count, rows.shape[2], *maps.shape[2:])
    return maps.permute(0, 4, 1, 2, 3)


def taps_as_channels(frames: Tensor, conv: nn.Conv3d, sides: Sequence[int]) -> Tensor:
    """A convolution along time too, of frames (N, T, H, W, C) as pictures: (N, T', H', W', O).

    The taps of time, K of them, become channels. cuDNN has no fast kernel for few channels in three dimensions: the
    first layer takes two thirds of the network's time there, as pictures a tenth. sides: zeros above and left, and as
    many below and right; time is padded already.
    """
    kind = frames.device.type
    if torch.is_autocast_enabled(kind):
        # Before the pictures are made, which are large.
        frames = frames.to(torch.get_autocast_dtype(kind))
    taps, stride = conv.kernel_size[0], conv.stride[0]
    count = (frames.shape[1] - taps) // stride + 1
    seen = [frames[:, tap : tap + (count - 1) * stride + 1 : stride] for tap in range(taps)]
    pictures = torch.cat(seen, -1).flatten(0, 1).permute(0, 3, 1, 2)
    weight = conv.weight.transpose(1, 2).flatten(1, 2).contiguous(memory_format=torch.channels_last)
    found = F.conv2d(pictures, weight, conv.bias, conv.stride[1:], tuple(sides))
    return found.permute(0, 2, 3, 1).reshape(len(frames), count, *found.shape[2:], -1)


def few_channels(x: Tensor, conv: nn.Conv3d) -> bool:
    """Whether `taps_as_channels` is the faster form: on a GPU, of colours or flow."""
    return PICTURES[x.device.type] and conv.in_channels < FEW


class Unit3D(nn.Module):
    """Convolution with SAME padding, then batch norm and ReLU (`classifier`: bias only)."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, classifier: bool = False) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=classifier)
        self.bn: nn.Module = nn.Identity() if classifier else nn.BatchNorm3d(outputs, eps=BATCH_NORM_EPSILON)
        self.activation: nn.Module = nn.Identity() if classifier else nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> (N, outputs, ...) with each dimension divided by the stride, rounded up."""
        conv = self.conv3d
        if conv.kernel_size == (1, 1, 1):
            # A matrix product over channels: for small batches on a CPU far faster than PyTorch's convolution.
            y = F.linear(x.permute(0, 2, 3, 4, 1), conv.weight.flatten(1), conv.bias).permute(0, 4, 1, 2, 3)
        else:
            sizes = zip(x.shape[2:], conv.kernel_size, conv.stride, strict=True)
            padding = [same_padding(*dims) for dims in sizes]
            sides = [before for before, _ in padding]
            if any(before != after for before, after in padding):
                x = F.pad(x, [side for pair in reversed(padding) for side in pair])
                sides = [0, 0, 0]
            if few_channels(x, conv):
                x = F.pad(x, (0, 0, 0, 0, sides[0], sides[0]))
                y = taps_as_channels(x.permute(0, 2, 3, 4, 1), conv, sides[1:]).permute(0, 4, 1, 2, 3)
            else:
                y = F.conv3d(x, conv.weight, conv.bias, conv.stride, sides)
        return cast(Tensor, self.activation(self.bn(y)))

    def fold(self) -> None:
        """Put the batch norm, as it works at inference, into the convolution."""
        if isinstance(self.bn, nn.BatchNorm3d):
            self.conv3d = fuse_conv_bn_eval(self.conv3d, self.bn)
            self.bn = nn.Identity()


class Inception(nn.Module):
    """Four branches side by side: 1x1x1; 1x1x1 and 3x3x3, twice; max pool and 1x1x1."""

    def __init__(self, inputs: int, channels: Sequence[int]) -> None:
        super().__init__()
        b0, b1a, b1b, b2a, b2b, b3b = channels
        self.b0 = Unit3D(inputs, b0)
        self.b1a = Unit3D(inputs, b1a)
        self.b1b = Unit3D(b1a, b1b, kernel=3)
        self.b2a = Unit3D(inputs, b2a)
        self.b2b = Unit3D(b2a, b2b, kernel=3)
        self.b3a = MaxPool((3, 3, 3), (1, 1, 1))
        self.b3b = Unit3D(inputs, b3b)
        self.outputs = b0 + b1b + b2b + b3b

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> (N, outputs, T, H, W)."""
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))], dim=1)


class I3D(nn.Module):
    """The network up to `Mixed_5c`, and the classifier on top of it.

    ``channels`` is 3 for frames and 2 for flow; ``classes`` is 400 for Kinetics, 157 for Charades.
    """

    def __init__(self, channels: int = 3, classes: int = 400) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit3D(channels, 64, kernel=7, stride=2)
        self.MaxPool3d_2a_3x3 = MaxPool((1, 3, 3), (1, 2, 2))
        self.Conv3d_2b_1x1 = Unit3D(64, 64)
        self.Conv3d_2c_3x3 = Unit3D(64, 192, kernel=3)
        self.MaxPool3d_3a_3x3 = MaxPool((1, 3, 3), (1, 2, 2))
        width = 192
        self.MaxPool3d_4a_3x3 = MaxPool((3, 3, 3), (2, 2, 2))
        self.MaxPool3d_5a_2x2 = MaxPool((2, 2, 2), (2, 2, 2))
        for name, outputs in STAGES.items():
            module = Inception(width, outputs)
            self.add_module(name, module)
            width = module.outputs
        self.logits = Unit3D(STEP_CHANNELS, classes, classifier=True)

    @staticmethod
    def dims(window: int) -> int:
        """Values of a window of so many frames: 1024 for each time step."""
        return STEP_CHANNELS * -(-window // FRAMES_PER_STEP)

    @property
    def channels(self) -> int:
        """Channels of the input: 3 for frames, 2 for flow."""
        return self.Conv3d_1a_7x7.conv3d.in_channels

    def forward(self, windows: Tensor) -> Tensor:
        """The map of `Mixed_5c`: (N, T, H, W, C), uint8 or scaled -> (N, 1024, T/8, H/32, W/32), rounded up."""
        # Channels are the last dimension of what is stored, so this view is channels-last in memory.
        x = scaled(windows).permute(0, 4, 1, 2, 3)
        with autocast(x.device):
            x = self.MaxPool3d_2a_3x3(self.Conv3d_1a_7x7(x))
            x = self.MaxPool3d_3a_3x3(self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x)))
        return self.mixed(x)

    def mixed(self, x: Tensor, last: str = LAST) -> Tensor:
        """The Inception modules: from the map of `MaxPool3d_3a_3x3`, (N, 192, T/2, H/8, W/8), to that of ``last``."""
        modules = dict(self.named_children())
        with autocast(x.device):
            for name in STAGES:
                pool = POOLED.get(name)
                x = modules[name](modules[pool](x) if pool else x)
                if name == last:
                    break
        return x.float()

    def features(self, windows: Tensor) -> Tensor:
        """(N, T, H, W, C) -> (N, 1024 x T/8): mean over space, time steps side by side, earliest first.

        16 frames make 2048 values.
        """
        return self.pool(self(windows))

    @staticmethod
    def pool(mixed_5c: Tensor) -> Tensor:
        """(N, 1024, T, H, W) -> (N, T x 1024), time-major."""
        return mixed_5c.mean(dim=(3, 4)).transpose(1, 2).flatten(1)

    @staticmethod
    def places(mixed: Tensor) -> Tensor:
        """(N, C, T, H, W) -> (N, H, W, T x C), time-major: what `pool` is the mean of over H and W."""
        return mixed.permute(0, 3, 4, 2, 1).flatten(3)

    def predictions(self, mixed_5c: Tensor) -> Tensor:
        """Class probabilities from the map of `Mixed_5c`, as the published network has them: (N, V).

        Average pool 2x7x7 with stride 1 and no padding, a linear layer, mean over time (and over the positions a
        larger picture leaves), softmax. A map smaller than the pool's window is pooled whole.
        """
        window = [min(size, pool) for size, pool in zip(mixed_5c.shape[2:], (2, 7, 7), strict=True)]
        logits = self.logits(F.avg_pool3d(mixed_5c, window, stride=1))
        return cast(Tensor, logits.mean(dim=(2, 3, 4))).softmax(dim=1)

    def prepare(self, device: torch.device) -> "I3D":
        """Make it ready for inference on ``device``: batch norm folded, channels-last, no gradients."""
        self.eval().requires_grad_(False)
        for module in self.modules():
            if isinstance(module, Unit3D):
                module.fold()
        return self.to(device).to(memory_format=torch.channels_last_3d)


def scaled(frames: Tensor) -> Tensor:
    """What the network sees: uint8 colours as (v - 128) / 128, flow as it comes, in [-1, 1]."""
    return frames.float().sub_(128).div_(128) if frames.dtype == torch.uint8 else frames


def autocast(device: torch.device) -> torch.autocast:
    """The precision the network computes in: bfloat16 where the device has it, else float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device))


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself; on a CPU it is far slower than float32."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
