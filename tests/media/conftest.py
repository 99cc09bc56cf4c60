"""Small clips made with the ffmpeg binary, apart from the package's own commands."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import pytest

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
