"""Step fast: pairs of frames a second of TV-L1, by batch, beside OpenCV's on one core; RAFT small."""

import time
from collections.abc import Iterator
from unittest import mock

import torch

from benchmarks.gpu.card import Card
from benchmarks.gpu.goals import FAST
from benchmarks.shared.results import Row
from benchmarks.shared.timing import interleaved, one_core, seconds
from pipeline.config import FlowSettings
from pipeline.features import tvl1
from pipeline.features.flow import RaftSmall, flow_method

CPU = torch.device("cpu")
BEST = "TV-L1, best batch"


def measure(card: Card) -> Iterator[Row]:
    """A drifting texture of the paper's size; what compiling takes is a row of its own."""
    frames = card.frames(card.sizes.flow_frames, card.sizes.timed_side)
    reference = _opencv_rate(card)
    yield Row(FAST, "TV-L1 of OpenCV, one core", "pairs/s", reference)
    # With tiny sizes as without a compiler: compiling takes longer than all else.
    began = time.monotonic()
    method = tvl1.TVL1(fused=not card.quick and tvl1.can_fuse(card.device))
    first = time.monotonic() - began + seconds(lambda: method(frames[:5]), card.device)
    yield Row(FAST, "TV-L1: first call", "s", first, note="compiles")
    rates = {}
    for batch in card.sizes.flow_batches:
        with mock.patch.dict(tvl1.PAIRS, {card.device.type: batch}):
            took = interleaved({"ours": lambda: method(frames)}, card.sizes.repeats, card.device)["ours"]
        rates[batch] = (len(frames) - 1) / took
        yield Row(FAST, f"TV-L1, batch {batch}", "pairs/s", rates[batch], reference)
    best = max(rates, key=lambda batch: rates[batch])
    yield card.fast(Row(FAST, BEST, "pairs/s", rates[best], reference, note=f"batch {best}"))
    yield from card.peak("TV-L1")


def measure_raft(card: Card) -> Iterator[Row]:
    """RAFT small with random weights. Raises `ImportError` where torchvision is not to be had."""
    from torchvision.models.optical_flow import raft_small

    path = card.folder / "raft.pt"
    torch.save(raft_small(weights=None).state_dict(), path)
    frames = card.frames(min(card.sizes.flow_frames, 33), max(card.sizes.timed_side, 128))
    method = RaftSmall(path, card.device)
    took = interleaved({"raft": lambda: method(frames)}, card.sizes.repeats, card.device)["raft"]
    yield Row(FAST, "RAFT small", "pairs/s", (len(frames) - 1) / took)
    yield from card.peak("RAFT small")


def _opencv_rate(card: Card) -> float:
    frames = card.frames(card.sizes.opencv_frames, card.sizes.timed_side).cpu()
    with one_core():
        method, _ = flow_method(FlowSettings(method="tvl1_opencv"), CPU)
        took = interleaved({"opencv": lambda: method(frames)}, card.sizes.repeats, CPU)["opencv"]
    return (len(frames) - 1) / took
