"""Maps of the networks of frames, by layer, without torch: what a plan says of them before any network is made.

Tests compare all of it with what the networks give.
"""

from typing import NamedTuple


class Layer(NamedTuple):
    """A layer's map: pixels of a picture a cell, rounded up; frames of a window a time step (None: their mean is
    taken), rounded up; channels of a step.
    """

    pixels: int
    frames: int | None
    channels: int

    def shape(self, pixels: int, window: int) -> tuple[int, int, int]:
        """Rows, columns and channels of the map of ``window`` square frames of so many pixels a side."""
        return (*(-(-pixels // self.pixels),) * 2, self.depth(window))

    def depth(self, window: int) -> int:
        """Channels of a window's map: those of its time steps side by side."""
        return self.channels * (1 if self.frames is None else -(-window // self.frames))


_INCEPTION = {
    "Mixed_3b": Layer(8, 2, 256),
    "Mixed_3c": Layer(8, 2, 480),
    "Mixed_4b": Layer(16, 4, 512),
    "Mixed_4c": Layer(16, 4, 512),
    "Mixed_4d": Layer(16, 4, 512),
    "Mixed_4e": Layer(16, 4, 528),
    "Mixed_4f": Layer(16, 4, 832),
    "Mixed_5b": Layer(32, 8, 832),
    "Mixed_5c": Layer(32, 8, 1024),
}
_RESNET = {
    "res2": Layer(4, None, 256),
    "res3": Layer(8, None, 512),
    "res4": Layer(16, None, 1024),
    "res5": Layer(32, None, 2048),
}
WINDOW_LAYERS = {"i3d_rgb": _INCEPTION, "i3d_flow": _INCEPTION, "i3d_r50": _RESNET}
"""Layers of the networks of windows, earliest first; a feature has the last one."""

LAST_MAPS = {
    "efficientnet_lite2": (260, Layer(32, None, 1280)),
    **dict.fromkeys(("resnet18", "resnet34"), (224, Layer(32, None, 512))),
    **dict.fromkeys(
        (
            "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d",
            "wide_resnet50_2", "wide_resnet101_2",
        ),
        (224, Layer(32, None, 2048)),
    ),
}  # fmt: skip
"""The last map of some networks of pictures, and the pixels that these were made for."""
