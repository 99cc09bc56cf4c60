"""Section decode: frames a second of one core, beside ffmpeg to JPEG files to an array."""

import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.extraction.clips import FPS, Bench, run_ffmpeg
from benchmarks.shared.charades import DECODE_FRAMES, DECODE_SOUND
from benchmarks.shared.results import Goal, Row
from benchmarks.shared.timing import interleaved, one_core
from pipeline.media.decoded import DecodedShard
from pipeline.media.probe import probe
from pipeline.progress import progress

SECTION, FRAMES = DECODE_FRAMES
SOUND = DECODE_SOUND[1]
OURS, JPEG, ALONE = "ours", "JPEG", "decoding alone"
CPU = torch.device("cpu")


def measure(bench: Bench) -> list[Row]:
    """Frames of each clip, all together, and sound; everything on one core."""
    rows: list[Row] = []
    totals = {OURS: 0.0, JPEG: 0.0, ALONE: 0.0}
    counts = 0
    with one_core():
        for name, path in progress(bench.videos.items(), len(bench.videos), "decode", "clips"):
            times = _clip_times(bench, name, path)
            with DecodedShard(bench.folder / "one.h5") as shard:
                count = len(shard.frames(name))
            rows.append(_row(name, count, times, None))
            totals = {name: total + times[name] for name, total in totals.items()}
            counts += count
        rows.append(_row(FRAMES, counts, totals, Goal("at least", 1.5)))
        return rows + _sound(bench)


def through_jpeg(path: Path, side: int, scratch: Path) -> NDArray[Any]:
    """What people use: ffmpeg writes a JPEG file a frame, OpenCV reads them into an array (T, side, side, 3) uint8."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        chosen = f"fps={FPS},scale={side}:{side}"
        run_ffmpeg("-i", str(path), "-threads", "1", "-vf", chosen, "-q:v", "2", f"{folder}/%05d.jpg")
        return np.stack([np.asarray(cv2.imread(str(picture))) for picture in sorted(Path(folder).iterdir())])


def _clip_times(bench: Bench, name: str, path: Path) -> dict[str, float]:
    calls = {
        OURS: lambda: bench.decode("one", {name: path}, frames=True),
        JPEG: lambda: through_jpeg(path, bench.sizes.side, bench.folder),
        ALONE: lambda: run_ffmpeg("-i", str(path), "-map", "0:V:0", "-f", "null", "-"),
    }
    return interleaved(calls, bench.repeats, CPU)


def _row(what: str, frames: int, times: dict[str, float], goal: Goal | None) -> Row:
    shares = {ALONE: times[ALONE] / times[OURS]}
    return Row(SECTION, what, "frames/s", frames / times[OURS], frames / times[JPEG], goal, shares)


def _sound(bench: Bench) -> list[Row]:
    """Seconds of sound decoded in a second, of the clips that have a sound track; no row when none has."""
    probes = {name: probe(path) for name, path in bench.videos.items()}
    heard = {name: bench.videos[name] for name, found in probes.items() if found.sound is not None}
    if not heard:
        return []
    took = interleaved({OURS: lambda: bench.decode("one", heard, frames=False)}, bench.repeats, CPU)[OURS]
    with DecodedShard(bench.folder / "one.h5") as shard:
        sounds = [shard.sound(name) for name in heard]
    length = sum(len(samples) / rate for samples, rate in filter(None, sounds))
    return [Row(SECTION, SOUND, "s of sound/s", length / took)]
