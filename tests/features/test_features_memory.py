"""Memory must not grow with a clip: measured in processes of their own."""

import json
import os
import subprocess
import sys

LAUNCHER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""
"""Prints the peak of a process, MiB. Between it and the tests: a child's peak begins at the size of what started it."""

SOUND = """
import sys
import h5py, numpy as np, torch
from pathlib import Path
from pipeline.config import VGGishFeature
from pipeline.features import vggish as extraction
from pipeline.features.checkpoints import Loaded
from pipeline.features.extract import extract_shard

class Mean(torch.nn.Module):  # in place of the network, whose memory is that of a batch
    prepare = lambda self, device: self
    forward = lambda self, patches: patches.mean(1).repeat(1, 2)

folder, seconds = Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(1)
extraction.load_vggish = lambda weights: Loaded(Mean(), "mean", "")
for rate, resampler in ((8000, "resampy"), (44100, "torchaudio")):
    second = np.random.default_rng(0).normal(0, 0.1, rate).astype(np.float32)
    with h5py.File(folder / "decoded.h5", "w") as file:
        file.attrs.update({"media": "{}", "stage_version": 1, "ffmpeg_version": "7", "av_version": "1"})
        group = file.create_group("v")
        group.attrs["rate"] = rate
        sound = group.create_dataset("sound", (rate * seconds,), np.float32, chunks=(1 << 16,))
        for begin in range(0, rate * seconds, rate):
            sound[begin : begin + rate] = second
    feature = VGGishFeature(network="vggish", resampler=resampler)
    extract_shard("vggish", feature, folder / "decoded.h5", folder / "vggish.h5", resources=folder, device="cpu")
"""

STORE = """
import sys
import numpy as np
from pathlib import Path
from pipeline.features.inspect import verify
from pipeline.features.store import write_shard
from pipeline.features.transfer import export_npy, import_npy

folder, steps = Path(sys.argv[1]), int(sys.argv[2])
parts = (np.full((500, 2048), number, np.float32) for number in range(steps // 500))
write_shard(folder / "made" / "0000.h5", [("v", parts, np.arange(float(steps)))], {}, 2048, "float32")
verify([folder / "made"])
export_npy(folder / "made", folder / "npy")
import_npy(folder / "npy", folder / "read" / "0000.h5", 0, 1, "float32")
assert (folder / "read" / "0000.h5").stat().st_size > steps * 2048 * 4
"""


def peak(program: str, *arguments: object) -> float:
    """Highest memory of a program, MiB."""
    command = [sys.executable, "-c", LAUNCHER, sys.executable, "-c", program, *map(str, arguments)]
    # glibc otherwise learns from what was freed to keep ever larger blocks, and peaks differ by some ten MiB.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(1 << 20)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_long_sound_takes_no_more_memory(tmp_path):
    short, long = peak(SOUND, tmp_path, 60), peak(SOUND, tmp_path, 540)
    # 8 minutes more are 29 MiB at 16 kHz as float32; with what is made on the way 200 MiB and more, if it is held.
    assert long - short < 24


def test_a_long_video_s_features_take_no_more_memory(tmp_path):
    (tmp_path / "short").mkdir()
    (tmp_path / "long").mkdir()
    short, long = peak(STORE, tmp_path / "short", 1000), peak(STORE, tmp_path / "long", 15000)
    # 14,000 steps more are 109 MiB.
    assert long - short < 24
