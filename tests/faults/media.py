"""Clips to break, and the command that decodes a folder of them."""

import csv
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import h5py
import imageio_ffmpeg
import numpy as np

MEBIBYTE = 1 << 20
LAVFI = ("-f", "lavfi", "-i")
PICTURE = (*LAVFI, "testsrc2=size=64x48:rate=10:duration=1")
TONE = (*LAVFI, "sine=sample_rate=16000:duration=1")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def make(path, *arguments):
    """A file made by ffmpeg, apart from the package's own commands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments), f"file:{path.absolute()}"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def configuration(videos, **media):
    """Of a run that has one feature of frames and one of sound."""
    features = {"rgb": {"network": "i3d_rgb", "weights": "random"}, "heard": {"network": "vggish"}}
    media = {"size": 16, "max_bad_fraction": 1, **media}
    corpus = {"source": "files", "shards": 1}
    return json.dumps({"corpus": corpus, "videos": str(videos), "media": media, "features": features})


def arguments(videos, feature="rgb", **media):
    """Of `avsd` decoding a folder into out.h5 and bad.tsv."""
    given = ("--config", configuration(videos, **media))
    return ("decode", feature, *given, "--out", "out.h5", "--quarantine", "bad.tsv")


@dataclass(frozen=True)
class Decoded:
    """frames: those of each video, (T, H, W, 3), of sound the samples. bad: reason and words of each one left out."""

    frames: dict[str, np.ndarray]
    bad: dict[str, str]

    @classmethod
    def read(cls, folder: Path):
        """What `arguments` wrote."""
        with h5py.File(folder / "out.h5") as file:
            frames = {name: group["frames" if "frames" in group else "sound"][:] for name, group in file.items()}
        with (folder / "bad.tsv").open(newline="") as file:
            _, *rows = csv.reader(file, "excel-tab")
        return cls(frames, {video: f"{stage}: {reason} ({words})" for video, stage, reason, words in rows})
