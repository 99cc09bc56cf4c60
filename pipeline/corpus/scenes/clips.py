"""Clips of scenes: frames and sound encoded as H.264 and AAC in an mp4 file, by ffmpeg."""

import wave
from pathlib import Path

import ffmpeg
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from pipeline.config import Scenes
from pipeline.corpus.scenes.drawing import draw
from pipeline.corpus.scenes.sounds import SAMPLE_RATE, render
from pipeline.corpus.scenes.world import Scene
from pipeline.errors import UserError
from pipeline.files import atomic_path, scratch_folder


def make_clip(scene: Scene, settings: Scenes, seed: tuple[int, int], target: Path) -> None:
    """Draw a scene, render its sound and encode both; the same arguments give the same file."""
    rng = np.random.default_rng(seed)
    frames = draw(scene, settings.size, settings.fps, round(settings.seconds * settings.fps), rng)
    sound = render(scene, settings.seconds, rng) if scene.stream else None
    with atomic_path(target) as temporary:
        encode(frames, settings.fps, sound, temporary)


def encode(frames: NDArray[np.uint8], fps: int, sound: NDArray[np.int16] | None, target: Path) -> None:
    """Write (frames, height, width, 3) uint8 and (samples,) int16 sound, or none, as an mp4 file.

    No date and no version stand in the file (`bitexact`), and one thread encodes, so equal input gives equal bytes.
    """
    _, height, width, _ = frames.shape
    picture = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}", framerate=fps)
    options = {
        "vcodec": "libx264",
        "pix_fmt": "yuv420p",
        "preset": "ultrafast",
        "crf": 18,
        "threads": 1,
        "map_metadata": -1,
        "fflags": "+bitexact",
        "flags:v": "+bitexact",
    }
    with scratch_folder("clip") as folder:
        streams = [picture]
        if sound is not None:
            path = folder / "sound.wav"
            _write_wav(path, sound)
            streams.append(ffmpeg.input(str(path)))
            options |= {"acodec": "aac", "audio_bitrate": "64k", "flags:a": "+bitexact"}
        command = ffmpeg.output(*streams, str(target), **options).global_args("-loglevel", "error", "-threads", "1")
        try:
            command.run(cmd=imageio_ffmpeg.get_ffmpeg_exe(), input=frames.tobytes(), overwrite_output=True, quiet=True)
        except ffmpeg.Error as error:
            reason = error.stderr.decode(errors="replace").strip().splitlines()
            raise UserError(f"{target}: ffmpeg could not write the clip: {reason[-1] if reason else error}") from None


def _write_wav(path: Path, sound: NDArray[np.int16]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(sound.astype("<i2").tobytes())
