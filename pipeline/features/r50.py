"""I3D with a ResNet50 trunk, pytorchvideo's network, as a further feature of frames."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.features.checkpoints import RANDOM_SEED, Loaded, file_sha256, fill, read_state

DIMS = 2048
BLOCKS = {"res2": 1, "res3": 3, "res4": 4, "res5": 5}
"""The residual stages among pytorchvideo's blocks; 0 is the stem, 2 a pool over time."""
MEAN, DEVIATION = 0.45, 0.225
"""Kinetics normalisation of values in [0, 1], the same for the three colours."""


class I3DR50(nn.Module):
    """pytorchvideo's `i3d_r50` without its classification head; ``blocks`` has pytorchvideo's parameter names."""

    def __init__(self) -> None:
        super().__init__()
        with warnings.catch_warnings():
            # It compiles functions with torch.jit.script when it is imported, which PyTorch deprecates.
            warnings.simplefilter("ignore", FutureWarning)
            from pytorchvideo.models.hub import i3d_r50

        self.blocks: nn.ModuleList = i3d_r50(pretrained=False).blocks[:-1]

    def features(self, windows: Tensor) -> Tensor:
        """(N, T, H, W, 3) uint8 -> (N, 2048): the last stage's map, mean over time and space."""
        return self._stage(windows, len(self.blocks) - 1).mean(dim=(2, 3, 4))

    def places(self, windows: Tensor, layer: str) -> Tensor:
        """(N, T, H, W, 3) uint8 -> the map of a stage, mean over time: (N, H', W', C)."""
        return self._stage(windows, BLOCKS[layer]).mean(dim=2).permute(0, 2, 3, 1)

    def _stage(self, windows: Tensor, last: int) -> Tensor:
        """The map of block ``last``: (N, C, T', H', W')."""
        x = (windows.permute(0, 4, 1, 2, 3).float() / 255 - MEAN) / DEVIATION
        for block in self.blocks[: last + 1]:
            x = block(x)
        return x

    def prepare(self, device: torch.device) -> "I3DR50":
        """Make it ready for inference on ``device``."""
        self.eval().requires_grad_(False)
        return self.to(device).to(memory_format=torch.channels_last_3d)


def load_r50(weights: Path | str) -> Loaded[I3DR50]:
    """The network with a file's weights (`I3D_8x8_R50.pyth` of pytorchvideo's model zoo), or `random` ones.

    Raises `UserError` for `kinetics`, which is not published on the package index, and for a file that does not fit.
    """
    if weights == "kinetics":
        raise UserError(
            "weights: the package index has no Kinetics weights of i3d_r50; give pytorchvideo's I3D_8x8_R50.pyth, "
            "or `random`"
        )
    if weights == "random":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(RANDOM_SEED)
            return Loaded(I3DR50(), f"random (seed {RANDOM_SEED}, untrained)", "")
    path = Path(weights)
    network = I3DR50()
    head = f"blocks.{len(network.blocks)}."
    state = {name: value for name, value in read_state(path).items() if not name.startswith(head)}
    fill(network, state, path, "i3d_r50")
    return Loaded(network, path.name, file_sha256(path))
