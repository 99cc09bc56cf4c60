"""Small clips made with the ffmpeg binary, apart from the package's own commands, and shards decoded from them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from pipeline.config import Media
from pipeline.media.decode import decode_shard
from pipeline.media.decoded import DecodedShard

Maker = Callable[..., Path]


@pytest.fixture
def ffmpeg_run(tmp_path: Path) -> Maker:
    """Run ffmpeg with the given arguments; the last one names the file, made in the test's folder."""

    def make(*arguments: str) -> Path:
        target = tmp_path / "clips" / arguments[-1]
        target.parent.mkdir(exist_ok=True)
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *arguments[:-1], str(target)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        return target

    return make


@pytest.fixture
def counting(ffmpeg_run: Maker) -> Maker:
    """A grey clip whose frame i has the level 20 + 5 i everywhere, so that a decoded frame says which one it was."""

    def make(name: str, frames: int, rate: str, *options: str, size: str = "64x48") -> Path:
        source = f"color=black:size={size}:rate={rate},geq=lum='20+5*N':cb=128:cr=128"
        codec = options or ("-c:v", "libx264", "-qp", "1")
        return ffmpeg_run("-f", "lavfi", "-i", source, "-frames:v", str(frames), "-pix_fmt", "yuv420p", *codec, name)

    return make


@pytest.fixture
def flashing(ffmpeg_run: Maker) -> Maker:
    """A clip of 2 s, black and silent, with a white flash and a tone of amplitude 0.5 from 1.0 to 1.2 s together.

    picture, sound: seconds of it that there are; the container's clock is the clip's.
    """

    def make(name: str, *options: str, picture: tuple[float, float] = (0, 2), sound: tuple[float, float] = (0, 2)):
        flash = "color=black:size=64x48:rate=25:duration=2,geq=lum='if(between(T,0.99,1.19),235,16)':cb=128:cr=128"
        tone = "aevalsrc='0.5*sin(2000*PI*t)*between(t,1,1.2)':s=48000:d=2"
        sources = (
            *("-f", "lavfi", "-i", f"{flash},trim={picture[0]}:{picture[1]}"),
            *("-f", "lavfi", "-i", f"{tone},atrim={sound[0]}:{sound[1]}"),
        )
        codec = () if name.endswith("ogv") else ("-pix_fmt", "yuv420p", "-qp", "10", "-q:v", "3", "-g", "25")
        return ffmpeg_run(*sources, *codec, "-copyts", *options, name)

    return make


@pytest.fixture
def joined(tmp_path: Path) -> Maker:
    """Files joined byte by byte."""

    def join(name: str, *parts: Path) -> Path:
        target = tmp_path / name
        target.write_bytes(b"".join(part.read_bytes() for part in parts))
        return target

    return join


def begins(loud, seconds) -> list[float]:
    """When each stretch of True in ``loud`` begins, ``seconds`` being the time of each of its items."""
    rises = np.flatnonzero(np.diff(np.concatenate([[False], loud]).astype(int)) == 1)
    return np.asarray(seconds)[rises].tolist()


@pytest.fixture
def flashes() -> Callable[[DecodedShard, str], list[float]]:
    """Seconds at which the frames of a decoded `flashing` clip become white."""

    def read(shard: DecodedShard, video: str) -> list[float]:
        return begins(shard.frames(video)[:].mean((1, 2, 3)) > 128, shard.times(video))

    return read


@pytest.fixture
def tones() -> Callable[[DecodedShard, str], list[float]]:
    """Seconds at which its tones begin, found to 5 ms."""

    def read(shard: DecodedShard, video: str) -> list[float]:
        samples, rate = shard.sound(video)
        step = rate // 200
        loud = np.abs(samples[: len(samples) // step * step]).reshape(-1, step).max(1) > 0.03
        loud[1:] |= loud[:-1]  # a coder's dip is no end
        return begins(loud, np.arange(len(loud)) * step / rate)

    return read


@pytest.fixture
def decode(tmp_path: Path) -> Callable[..., DecodedShard]:
    """Decode clips (a list, named by their stems, or paths by id) at 16x16 unless told otherwise; open the shard."""

    def run(videos, *, frames: bool = True, sound: bool = True, **media) -> DecodedShard:
        out = tmp_path / "out" / "0000.h5"
        named = videos if isinstance(videos, dict) else {path.stem: path for path in videos}
        settings = Media(**{"resize": "direct", "size": 16, **media})
        decode_shard(named, settings, out, tmp_path / "q" / "0000.tsv", frames=frames, sound=sound)
        return DecodedShard(out)

    return run


@pytest.fixture
def numbers() -> Callable[..., list[int]]:
    """Which frame of a `counting` clip each decoded frame is."""

    def read(frames) -> list[int]:
        levels = frames[:].mean((1, 2, 3))
        # Video range: luma 16 to 235 becomes 0 to 255.
        return np.round(((levels * 219 / 255 + 16) - 20) / 5).astype(int).tolist()

    return read
