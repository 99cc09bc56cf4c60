"""Section flow: pairs of frames a second, beside OpenCV's DualTVL1 on one core, and how far the fields agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.extraction import fast_motion
from benchmarks.extraction.clips import Bench
from benchmarks.extraction.windows import weights_at_hand
from benchmarks.shared.charades import TVL1_PAIRS
from benchmarks.shared.results import Goal, Row
from benchmarks.shared.timing import Call, interleaved, one_core, seconds
from pipeline.config import FlowSettings
from pipeline.features.flow import FlowMethod, flow_method, scale, stream_flow
from pipeline.features.frames import PIECE
from pipeline.features.i3d import I3D
from pipeline.features.weights import load_i3d
from pipeline.progress import progress

SECTION = TVL1_PAIRS[0]
REFERENCE = "tvl1_opencv"
TVL1 = "tvl1"
BOUND = 20.0
LARGEST_DIFFERENCE, LEAST_COSINE = 0.1, 0.995
SPEED_UP = {"cpu": 5.0, "cuda": 100.0}


@dataclass(frozen=True)
class Clip:
    """What one clip gave, by method. seconds: a pair. difference: mean end-point, pixels. cosine: of I3D's features."""

    seconds: dict[str, float]
    difference: dict[str, float]
    cosine: dict[str, float]


def measure(bench: Bench) -> list[Row]:
    """Each method of the configuration on the window in the middle of each clip.

    OpenCV's methods compute on the CPU, whatever the device is; the reference always has one core.
    """
    with one_core():
        methods = _methods(bench)
        pair = next(iter(bench.windows.values()))[:2]
        # Also keeps what it compiles out of the times below.
        first_call = seconds(lambda: methods[TVL1](pair), bench.device)
        network = load_i3d(weights_at_hand(bench.resources), bench.resources, "flow").network.prepare(bench.device)
        names = progress(bench.windows, len(bench.windows), "flow", "clips")
        clips = {name: _clip(bench, name, methods, network) for name in names}
        fast = [
            *fast_motion.by_class(bench, SECTION, methods[TVL1], methods[REFERENCE]),
            *fast_motion.beside_truth(bench, SECTION, methods[TVL1], methods[REFERENCE]),
        ]
    rows = [row for method in methods if method != REFERENCE for row in _rows(method, clips, bench.device)]
    note = "compiles, unless PyTorch's cache has the result of an earlier run"
    return [*rows, *fast, Row(SECTION, f"{TVL1}, first call", "s", first_call, note=note)]


def end_point_difference(flow: Tensor, reference: Tensor) -> float:
    """Mean length of the difference of two flows (..., 2), in their unit."""
    return float(torch.linalg.vector_norm(flow - reference, dim=-1).mean())


def _methods(bench: Bench) -> dict[str, FlowMethod]:
    """Every method by name; RAFT only where its weights are given."""
    names = get_args(FlowSettings.model_fields["method"].annotation)
    settings = [
        FlowSettings(method=name, weights=bench.raft if name == "raft_small" else None)
        for name in names
        if name != "raft_small" or bench.raft is not None
    ]
    return {one.method: flow_method(one, bench.device)[0] for one in settings}


def _clip(bench: Bench, video_id: str, methods: Mapping[str, FlowMethod], network: I3D) -> Clip:
    frames = bench.frames(video_id, bench.sizes.timed_frames)
    # OpenCV needs up to a second for a pair: it is given one window.
    timed = {name: frames if name in (TVL1, "raft_small") else bench.windows[video_id] for name in methods}
    times = interleaved({name: _streamed(timed[name], methods[name]) for name in methods}, bench.repeats, bench.device)
    fields = {name: method(bench.windows[video_id]) for name, method in methods.items()}
    features = {name: _features(flow, network) for name, flow in fields.items()}
    return Clip(
        {name: took / (len(timed[name]) - 1) for name, took in times.items()},
        {name: end_point_difference(flow, fields[REFERENCE]) for name, flow in fields.items()},
        {name: float(F.cosine_similarity(values, features[REFERENCE])) for name, values in features.items()},
    )


def _streamed(frames: Tensor, method: FlowMethod) -> Call:
    """The method as the extractor calls it, a piece of the clip at a time."""
    return lambda: list(stream_flow(torch.split(frames, PIECE), method, BOUND))


def _features(flow: Tensor, network: I3D) -> Tensor:
    """Features of a window of fields in pixels (T - 1, H, W, 2), the last one repeated: (1, dims)."""
    fields = scale(torch.cat([flow, flow[-1:]]), BOUND)
    with torch.inference_mode():
        return network.features(fields.unsqueeze(0))


def _rows(method: str, clips: Mapping[str, Clip], device: torch.device) -> list[Row]:
    wanted = method == TVL1
    rows = [
        Row(
            SECTION,
            f"{method}, {name}",
            "pairs/s",
            1 / clip.seconds[method],
            1 / clip.seconds[REFERENCE],
            note=f"difference {clip.difference[method]:.3f} px, cosine {clip.cosine[method]:.4f}",
        )
        for name, clip in clips.items()
    ]
    ours, reference = (sum(clip.seconds[name] for clip in clips.values()) / len(clips) for name in (method, REFERENCE))
    speed = Goal("at least", SPEED_UP[device.type]) if wanted else None
    differences = [clip.difference[method] for clip in clips.values()]
    cosines = [clip.cosine[method] for clip in clips.values()]
    return [
        *rows,
        Row(SECTION, total(method), "pairs/s", 1 / ours, 1 / reference, speed),
        Row(
            SECTION,
            f"{method}, mean end-point difference",
            "px",
            sum(differences) / len(differences),
            goal=Goal("at most", LARGEST_DIFFERENCE, "ours") if wanted else None,
            note=f"largest of a clip {max(differences):.3f}",
        ),
        Row(
            SECTION,
            f"{method}, least cosine of I3D's features",
            "cosine",
            min(cosines),
            goal=Goal("at least", LEAST_COSINE, "ours") if wanted else None,
            note=f"mean {sum(cosines) / len(cosines):.4f}",
        ),
    ]


def total(method: str) -> str:
    """What the row of a method over all clips is called."""
    return f"{method}, all clips"
