"""Clips to measure on: the user's, or made ones; and the same as decoded shards."""

import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.shared.timing import quiet
from pipeline.config import Media
from pipeline.corpus.videos import find_videos
from pipeline.errors import UserError
from pipeline.media import ffmpeg
from pipeline.media.decode import decode_shard
from pipeline.media.decoded import DecodedShard
from pipeline.media.faults import UnreadableError
from pipeline.media.probe import probe

FPS = 24
WINDOW = 16
MOST_CLIPS = 12
PICTURES = {
    "pattern360": "testsrc2=size=640x360:rate=30",
    "zoom360": "mandelbrot=size=640x360:rate=24",
    "pattern480": "testsrc2=size=854x480:rate=25",
}
"""Made clips by id: ffmpeg's sources of moving pictures."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    side: pixels of decoded frames and of I3D's input. clips, clip_seconds: number and length of made clips. batch:
    windows of the large batch. extract_batch: windows a batch when whole clips are extracted. stride_seconds,
    stride_clips: how much of how many clips the strides run over. timed_frames: frames of a clip that our flow is timed
    on. sounds, sound_seconds: number and length of the sounds VGGish hears. matrix: size of the matrix product. short,
    long: seconds of the clips whose peaks of memory are compared.
    """

    side: int = 224
    clips: int = len(PICTURES)
    clip_seconds: float = 10
    batch: int = 4
    extract_batch: int = 8
    stride_seconds: float = 4
    stride_clips: int = 1
    timed_frames: int = 16
    sounds: int = 2
    sound_seconds: float = 30
    matrix: int = 2048
    short: float = 10
    long: float = 194


SIZES = {
    "cpu": Sizes(),
    "cuda": Sizes(
        clip_seconds=30,
        batch=64,
        extract_batch=64,
        stride_seconds=60,
        stride_clips=MOST_CLIPS,
        timed_frames=512,
        sounds=60,
        matrix=8192,
    ),
}
QUICK = Sizes(
    side=64,
    clips=1,
    clip_seconds=1.5,
    batch=2,
    stride_seconds=1.5,
    sounds=1,
    sound_seconds=2,
    matrix=128,
    short=1,
    long=2,
)
"""Everything once over, in seconds: for the tests."""


@dataclass
class Bench:
    """What every section is given.

    folder: scratch, removed afterwards. videos: path by id. resources: the folder of fetched weights. raft: weights of
    RAFT small, None to leave it out. cores: what the machine has for jobs side by side.
    """

    device: torch.device
    repeats: int
    sizes: Sizes
    folder: Path
    videos: dict[str, Path]
    resources: Path
    raft: Path | None
    cores: int

    @property
    def media(self) -> Media:
        """The paper's frames: 24 a second, resized straight to a square; one unreadable video is an error."""
        return Media(fps=FPS, resize="direct", size=self.sizes.side, max_bad_fraction=0)

    @cached_property
    def decoded(self) -> Path:
        """A decoded shard of all clips, frames only."""
        return self.decode("clips", self.videos, frames=True)

    @cached_property
    def cut(self) -> Path:
        """A decoded shard of the first seconds of the first clips, for what is slow on the device."""
        chosen = list(self.videos.items())[: self.sizes.stride_clips]
        folder = self.folder / "cut"
        folder.mkdir()
        return self.decode("cut", {name: self._cut(path, folder / f"{name}.mkv") for name, path in chosen}, frames=True)

    @cached_property
    def windows(self) -> dict[str, Tensor]:
        """The window in the middle of each clip that has one, on the device: (16, side, side, 3) uint8 by id."""
        middle = {name: self.frames(name, WINDOW) for name in self.videos}
        whole = {name: frames for name, frames in middle.items() if len(frames) == WINDOW}
        if not whole:
            raise UserError(f"no clip has a window, {WINDOW} frames at {FPS} frames/s; give longer clips")
        return whole

    def decode(self, name: str, videos: dict[str, Path], *, frames: bool) -> Path:
        """Frames or sound of ``videos`` in a decoded shard called ``name``, made again where it is there."""
        out = self.folder / f"{name}.h5"
        with quiet():
            decode_shard(videos, self.media, out, self.folder / f"{name}.tsv", frames=frames, sound=not frames)
        return out

    def frames(self, video_id: str, count: int) -> Tensor:
        """``count`` frames of the middle of a clip, or all there are, on the device: (T, side, side, 3) uint8.

        The middle, since clips often begin with a still or dark picture.
        """
        with DecodedShard(self.decoded) as shard:
            frames = shard.frames(video_id)
            begin = max(0, (len(frames) - count) // 2)
            return torch.from_numpy(frames[begin : begin + count]).to(self.device)

    def _cut(self, path: Path, out: Path) -> Path:
        run_ffmpeg("-t", f"{self.sizes.stride_seconds:g}", "-i", str(path), "-map", "0:V:0", "-c", "copy", str(out))
        return out


def find_clips(folder: Path) -> dict[str, Path]:
    """The first clips of a folder by id, those that have frames. Raises `UserError` when there is none."""
    found: dict[str, Path] = {}
    for name, path in find_videos(folder).files.items():
        try:
            readable = probe(path).picture is not None
        except UnreadableError:
            readable = False
        if readable:
            found[name] = path
        if len(found) == MOST_CLIPS:
            break
    if not found:
        raise UserError(f"{folder}: no readable video; give a folder of clips, or leave --videos out for made ones")
    return found


def made_clips(folder: Path, sizes: Sizes) -> dict[str, Path]:
    """Made clips with a tone, H.264 and AAC in MP4, by id."""
    chosen = list(PICTURES.items())[: sizes.clips]
    return {name: make_clip(folder / f"{name}.mp4", picture, sizes.clip_seconds) for name, picture in chosen}


def make_clip(path: Path, picture: str, seconds: float) -> Path:
    """A clip of one of ffmpeg's sources of pictures and a tone of 44.1 kHz."""
    sound = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100")
    codecs = ("-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac")
    run_ffmpeg("-f", "lavfi", "-i", picture, *sound, "-t", f"{seconds:g}", *codecs, str(path))
    return path


def make_sound(path: Path, seconds: float) -> Path:
    """Brown noise, 44.1 kHz, as AAC: the length and rate of a sound matter, its content does not."""
    noise = "anoisesrc=color=brown:sample_rate=44100:seed=1"
    run_ffmpeg("-f", "lavfi", "-i", noise, "-t", f"{seconds:g}", "-c:a", "aac", str(path))
    return path


def run_ffmpeg(*arguments: str) -> None:
    """Run ffmpeg on one thread; its own words if it fails."""
    command = [ffmpeg.binary(), "-nostdin", "-v", "error", "-y", "-filter_threads", "1", "-threads", "1", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"ffmpeg {' '.join(arguments)}: {done.stderr.strip() or f'status {done.returncode}'}")
