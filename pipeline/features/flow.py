"""Optical flow between neighbouring frames, in pixels a frame, and its scaling for the flow network.

Field t of a clip is the motion from frame t to frame t + 1, x before y. So that a clip has as many fields as frames,
the last field repeats the one before it; a clip of one frame has a field of zeros.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.config import FlowSettings
from pipeline.errors import UserError
from pipeline.features.checkpoints import file_sha256, fill, read_state
from pipeline.features.tvl1 import EPSILON, TVL1, can_fuse

FlowMethod = Callable[[Tensor], Tensor]
"""Consecutive frames (T, H, W, 3) uint8 -> the T - 1 fields between them (T - 1, H, W, 2) float32, same device."""

RAFT_UPDATES = 12
RAFT_GRID = 8
RAFT_SMALLEST = 128
RAFT_NAMES = (
    ("fnet.", "feature_encoder."),
    ("cnet.", "context_encoder."),
    ("update_block.encoder.", "update_block.motion_encoder."),
    (".convc1.", ".convcorr1.0."),
    (".convf1.", ".convflow1.0."),
    (".convf2.", ".convflow2.0."),
    ("motion_encoder.conv.", "motion_encoder.conv.0."),
    (".gru.", ".recurrent_block.convgru1."),
)
"""Names of the original RAFT repository and torchvision's; the encoders' are in `raft_name`."""


def flow_method(settings: FlowSettings, device: torch.device) -> tuple[FlowMethod, dict[str, str | float]]:
    """The method of the configuration, and the attributes that describe it in a feature shard."""
    attributes: dict[str, str | float] = {
        "flow_method": settings.method,
        "flow_bound": settings.bound,
        "flow_last_field": "repeats the one before",
    }
    if settings.method == "raft_small":
        if settings.weights is None:
            raise UserError(
                "flow.weights: not set; raft_small needs its weights (raft-small.pth, or torchvision's file)"
            )
        attributes["flow_weights_sha256"] = file_sha256(settings.weights) if settings.weights.is_file() else ""
        return RaftSmall(settings.weights, device), attributes
    if settings.method == "tvl1":
        return TVL1(fused=can_fuse(device)), {**attributes, "flow_epsilon": EPSILON}
    return OpenCVFlow(settings.method), attributes


def stream_flow(chunks: Iterable[Tensor], method: FlowMethod, bound: float) -> Iterator[Tensor]:
    """Scaled flow of a clip that arrives in pieces (frames, H, W, 3); each pair of frames is computed once.

    Yields (fields, H, W, 2) in [-1, 1], together as many fields as frames.
    """
    last: Tensor | None = None
    repeated: Tensor | None = None
    for chunk in chunks:
        frames = chunk if last is None else torch.cat([last, chunk])
        last = frames[-1:]
        if len(frames) > 1:
            fields = scale(method(frames), bound)
            repeated = fields[-1:]
            yield fields
    if repeated is not None:
        yield repeated
    elif last is not None:
        yield torch.zeros(*last.shape[:3], 2, device=last.device)


def scale(flow: Tensor, bound: float) -> Tensor:
    """Pixels clipped to [-bound, bound] and scaled to [-1, 1]."""
    return flow.clamp(-bound, bound) / bound


class OpenCVFlow:
    """Flow by OpenCV on the CPU, on gray frames, with each method's own default parameters."""

    def __init__(self, method: str) -> None:
        # Imported here: where flow is computed on the device, or not at all, OpenCV need not be there.
        import cv2

        cv2.setNumThreads(torch.get_num_threads())
        self._field = _opencv_field(method)

    def __call__(self, frames: Tensor) -> Tensor:
        """(T, H, W, 3) uint8 -> (T - 1, H, W, 2) float32, pixels."""
        import cv2

        grays = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames.cpu().numpy()]
        fields = [self._field(first, second) for first, second in itertools.pairwise(grays)]
        return torch.from_numpy(np.stack(fields)).to(frames.device)


def _opencv_field(method: str) -> Callable[[Any, Any], Any]:
    """A function of two gray frames (H, W) uint8 that gives their flow (H, W, 2)."""
    import cv2

    if method == "farneback":
        # The parameters of OpenCV's own tutorial; the function has no defaults.
        return lambda first, second: cv2.calcOpticalFlowFarneback(
            first,
            second,
            np.empty((*first.shape, 2), np.float32),
            pyr_scale=0.5,
            levels=3,
            winsize=15,
            iterations=3,
            poly_n=5,
            poly_sigma=1.2,
            flags=0,
        )
    if method == "dis":
        algorithm: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    else:
        algorithm = cv2.optflow.DualTVL1OpticalFlow.create()
    return lambda first, second: algorithm.calc(first, second, None)


class RaftSmall:
    """RAFT small (Teed and Deng, 2020), torchvision's network, all pairs of a piece in one batch.

    The network works on a grid of 8 pixels and needs 128 of them: other frames are resized for it and the flow is
    resized, and its lengths scaled, back.
    """

    def __init__(self, weights: Path, device: torch.device) -> None:
        from torchvision.models.optical_flow import raft_small

        state = {raft_name(name): value for name, value in read_state(weights).items()}
        self._network: nn.Module = raft_small(weights=None)
        fill(self._network, state, weights, "RAFT small")
        self._network.eval().requires_grad_(False).to(device)

    def __call__(self, frames: Tensor) -> Tensor:
        """(T, H, W, 3) uint8 -> (T - 1, H, W, 2) float32, pixels."""
        height, width = frames.shape[1:3]
        sides = [max(RAFT_SMALLEST, -(-side // RAFT_GRID) * RAFT_GRID) for side in (height, width)]
        x = frames.permute(0, 3, 1, 2).float() / 127.5 - 1
        if sides != [height, width]:
            x = F.interpolate(x, sides, mode="bilinear", align_corners=False)
        with torch.inference_mode():
            flow = cast(Tensor, self._network(x[:-1], x[1:], num_flow_updates=RAFT_UPDATES)[-1])
        if sides != [height, width]:
            flow = F.interpolate(flow, [height, width], mode="bilinear", align_corners=False)
            flow = flow * flow.new_tensor([width / sides[1], height / sides[0]]).view(1, 2, 1, 1)
        return flow.permute(0, 2, 3, 1)


def raft_name(name: str) -> str:
    """Name torchvision has for a RAFT-small parameter that has torchvision's or the original name."""
    if name.startswith(("feature_encoder.", "context_encoder.")) or ".convgru1." in name or "motion_encoder" in name:
        return name
    if name.startswith(("fnet.", "cnet.")):
        encoder, rest = name.split(".", 1)
        if rest.startswith("conv1."):
            rest = rest.replace("conv1.", "convnormrelu.0.")
        elif rest.startswith("conv2."):
            rest = rest.replace("conv2.", "conv.")
        else:
            for index in (1, 2, 3):
                rest = rest.replace(f".conv{index}.", f".convnormrelu{index}.0.")
        name = f"{encoder}.{rest}"
    for original, ours in RAFT_NAMES:
        name = name.replace(original, ours)
    return name
