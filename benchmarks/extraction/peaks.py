"""Section memory: whether decoding and extracting a long clip need more memory than a short one."""

import json
import sys
from pathlib import Path

import torch

from benchmarks.extraction.clips import FPS, WINDOW, Bench, make_clip
from benchmarks.extraction.windows import weights_at_hand
from benchmarks.shared.own_process import peak_memory
from benchmarks.shared.results import Goal, Row
from pipeline.config import I3DFeature
from pipeline.features.frames import FrameExtractor
from pipeline.media.decoded import DecodedShard

SECTION = "memory"
PICTURE = f"testsrc2=size=854x480:rate={FPS}"
FLAT = 1.1
"""A long clip may take so many times what a short one takes: allocators are not exact."""
INPUT = 64


def measure(bench: Bench) -> list[Row]:
    """Peaks of the commands, and of the GPU where there is one, for a short and a long clip of 480 lines."""
    lengths = {"short": bench.sizes.short, "long": bench.sizes.long}
    peaks = {name: _peaks(bench, bench.folder / name, seconds) for name, seconds in lengths.items()}
    note = f"clips of {bench.sizes.long:g} s and {bench.sizes.short:g} s"
    return [
        Row(SECTION, what, "MiB", peaks["long"][what], peaks["short"][what], Goal("at most", FLAT), note=note)
        for what in peaks["long"]
    ]


def _peaks(bench: Bench, folder: Path, seconds: float) -> dict[str, float]:
    """Peaks by what was done, MiB."""
    videos = folder / "videos"
    videos.mkdir(parents=True)
    make_clip(videos / "clip.mp4", PICTURE, seconds)
    features = _features(bench)
    settings = {
        "device": str(bench.device),
        "resources": str(bench.resources.resolve()),
        "corpus": {"shards": 1},
        "media": bench.media.model_dump(),
        "features": {name: feature.model_dump(mode="json") for name, feature in features.items()},
    }
    avsd = [sys.executable, "-m", "pipeline"]
    config = ["--config", json.dumps(settings)]
    decoded = folder / "decoded.h5"
    written = ["--quarantine", str(folder / "bad.tsv"), "--out", str(decoded)]
    decode = ["decode", "i3d_rgb", "--videos", str(videos), *written]
    peaks = {"avsd decode": peak_memory([*avsd, *decode, *config])}
    for name in features:
        extract = ["extract", name, "--decoded", str(decoded), "--out", str(folder / f"{name}.h5")]
        peaks[f"avsd extract {name}"] = peak_memory([*avsd, *extract, *config])
    if bench.device.type == "cuda":
        for name, feature in features.items():
            peaks[f"GPU, {name}"] = _gpu_peak(bench, feature, decoded)
    return peaks


def _features(bench: Bench) -> dict[str, I3DFeature]:
    """Small inputs: memory that grows with a clip grows with its frames, whatever the network sees of them."""
    weights = weights_at_hand(bench.resources)
    common = {"weights": weights, "window": WINDOW, "input_size": INPUT}
    return {
        "i3d_rgb": I3DFeature.model_validate({"network": "i3d_rgb", **common}),
        "i3d_flow": I3DFeature.model_validate({"network": "i3d_flow", "flow": {"method": "dis"}, **common}),
    }


def _gpu_peak(bench: Bench, feature: I3DFeature, decoded: Path) -> float:
    """Peak of memory allocated on the GPU while a shard is extracted, MiB."""
    extractor = FrameExtractor(feature, bench.resources, bench.device)
    torch.cuda.reset_peak_memory_stats(bench.device)
    with DecodedShard(decoded) as shard:
        for _ in extractor.rows(shard):
            pass
    return torch.cuda.max_memory_allocated(bench.device) / 2**20
