"""Step right: what features are computed with, on the device beside the CPU, and twice."""

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Tensor

from benchmarks.gpu.card import CPU, Card, precision
from benchmarks.gpu.goals import AS_THE_CPU, EXACT, FLOAT32, RIGHT, at_most
from benchmarks.shared.differences import relative_difference
from benchmarks.shared.results import Row
from pipeline.features.flow import RaftSmall
from pipeline.features.i3d import I3D, scaled
from pipeline.features.logmel import RATE, log_mel_patches
from pipeline.features.resample import resample
from pipeline.features.shared_i3d import window_features
from pipeline.features.tvl1 import TVL1, can_fuse
from pipeline.features.vggish import random_vggish
from pipeline.features.weights import Modality, random_i3d

SOUND_RATE = 44100
SOUND_SECONDS = 3


def measure(card: Card) -> Iterator[Row]:
    """References are computed on the CPU in float64, RAFT's in float32."""
    for modality in ("rgb", "flow"):
        yield from _i3d(card, modality)
    yield from _vggish(card)
    yield from _tvl1(card)
    yield _raft(card)


def _i3d(card: Card, modality: Modality) -> Iterator[Row]:
    channels = 3 if modality == "rgb" else 2
    network = random_i3d(channels)
    prepared = deepcopy(network).prepare(CPU)
    exact, here = deepcopy(prepared).double(), network.prepare(card.device)
    seen = card.windows(card.sizes.checked, card.sizes.side)
    if modality == "flow":
        seen = scaled(seen)[..., :2]
    with precision("float32"), torch.inference_mode():
        expected = exact.features(scaled(seen).double().cpu())
    with precision("float32"), torch.inference_mode():
        found, again = here.features(seen), here.features(seen)
        yield _error(f"I3D {modality}, float32", found, expected, FLOAT32)
        yield Row(RIGHT, f"I3D {modality}, float32: twice", "difference", _most(found, again), goal=EXACT)
        yield from _shared(card, here, modality)
    with precision("bfloat16"), torch.inference_mode():
        found, again, other = here.features(seen), here.features(seen), prepared.features(seen.cpu())
    yield _rounded(f"I3D {modality}, bfloat16", found, other, expected)
    yield Row(RIGHT, f"I3D {modality}, bfloat16: twice", "difference", _most(found, again), goal=EXACT)


def _shared(card: Card, network: I3D, modality: Modality) -> Iterator[Row]:
    """Windows every 4 frames, what they have in common computed once, beside each for itself: pooled, and place by
    place.
    """
    count, stride, length = card.sizes.checked, 4, 16
    clip = card.frames(length + stride * (count - 1), card.sizes.side)
    frames = clip if modality == "rgb" else scaled(clip)[..., :2]
    table = tuple(tuple(range(first, first + length)) for first in range(0, stride * count, stride))
    maps = network(torch.stack([frames[list(row)] for row in table]))
    yield _error(f"sharing of windows, {modality}", window_features(network, frames, table), I3D.pool(maps), FLOAT32)
    found = window_features(network, frames, table, read=I3D.places)
    yield _error(f"feature maps, {modality}", found, I3D.places(maps), FLOAT32)


def _vggish(card: Card) -> Iterator[Row]:
    generator = torch.Generator().manual_seed(1)
    sound = torch.randn(SOUND_SECONDS * SOUND_RATE, generator=generator) * 0.1
    heard, there = (resample(place, SOUND_RATE, RATE) for place in (sound, sound.to(card.device)))
    yield _error("resampling", there, heard, FLOAT32)
    patches, others = log_mel_patches(heard.float()), log_mel_patches(there.float())
    yield _error("log-mel patches", others, patches, FLOAT32)
    network = random_vggish()
    prepared = deepcopy(network).prepare(CPU)
    exact, here = deepcopy(prepared).double(), network.prepare(card.device)
    with precision("float32"), torch.inference_mode():
        expected = exact(patches.double())
        yield _error("VGGish, float32", here(others), expected, FLOAT32)
        with torch.autocast(card.device.type, torch.bfloat16), torch.autocast("cpu", torch.bfloat16):
            yield _rounded("VGGish, bfloat16", here(others), prepared(patches), expected)


def _tvl1(card: Card) -> Iterator[Row]:
    frames = card.frames(4, card.sizes.side)
    expected = TVL1(fused=False, exact=True)(frames.cpu())
    reference = _pixels(TVL1(fused=False)(frames.cpu()), expected)
    # Without tiny sizes alone: compiling takes longer than all else.
    fused = [False] if card.quick or not can_fuse(card.device) else [False, True]
    for each in fused:
        method = TVL1(fused=each)
        found = method(frames)
        name = "TV-L1, fused" if each else "TV-L1"
        # Rounding grows from warp to warp, on a CPU too: how far a flow is from that of float64 says what is right.
        yield Row(RIGHT, name, "px", _pixels(found, expected), reference, AS_THE_CPU, note="beside the CPU in float32")
        yield Row(RIGHT, f"{name}: twice", "difference", _most(found, method(frames)), goal=EXACT)


def _raft(card: Card) -> Row:
    """Raises `ImportError` where torchvision is not to be had."""
    from torchvision.models.optical_flow import raft_small

    torch.manual_seed(1)
    path = card.folder / "raft.pt"
    torch.save(raft_small(weights=None).state_dict(), path)
    frames = card.frames(3, 128)
    with precision("float32"):
        found, expected = RaftSmall(path, card.device)(frames), RaftSmall(path, CPU)(frames.cpu())
    return _error("RAFT small", found, expected, FLOAT32)


def _error(what: str, found: Tensor, expected: Tensor, limit: float) -> Row:
    error = relative_difference(found.detach().double().cpu(), expected.detach().double().cpu())
    return Row(RIGHT, what, "error", error, goal=at_most(limit))


def _rounded(what: str, found: Tensor, other: Tensor, expected: Tensor) -> Row:
    """The error in bfloat16 beside that of the CPU: untrained deep networks make more of rounding than trained ones."""
    ours, reference = (relative_difference(side.double().cpu(), expected) for side in (found, other))
    return Row(RIGHT, what, "error", ours, reference, AS_THE_CPU, note="beside the CPU's in bfloat16")


def _most(found: Tensor, again: Tensor) -> float:
    return float((found - again).abs().max())


def _pixels(found: Tensor, expected: Tensor) -> float:
    return float((found.cpu() - expected).norm(dim=-1).mean())
