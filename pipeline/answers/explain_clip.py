"""What a picture of attention shows of the clip itself: small frames over time, and the level of the sound."""

import base64
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

from pipeline.config import Media
from pipeline.errors import UserError
from pipeline.files import scratch_folder
from pipeline.media.apart import Apart
from pipeline.media.clock import look_into
from pipeline.media.decode import decode_video
from pipeline.media.decoded import DecodedShard
from pipeline.media.faults import UnreadableError
from pipeline.texts.typed import Number

FRAMES = 12
SHORT_SIDE = 96
"""Pixels: twice what is shown, for sharp screens."""
SCALER = "bilinear"
QUALITY = 75
BINS = 240
"""Values of the sound level at most."""
SHORTEST_BIN = 0.05
"""Seconds: below, the level would follow single periods of low tones."""
SILENCE = -90.0
"""dB: the level of nothing, and of anything lower."""
_ID = "clip"


@dataclass(frozen=True)
class Clip:
    """A clip in little.

    seconds: its length. frames: JPEG files, each with the second at which it is shown, in order. level: (bins,) RMS of
    the sound in dB of full scale (a square wave as loud as it gets has 0), None without sound; bin i covers
    [i, i + 1) x ``bin_seconds``.
    """

    seconds: float
    frames: tuple[tuple[float, bytes], ...]
    level: NDArray[np.float64] | None
    bin_seconds: float


def read_clip(path: Path, limits: Media) -> Clip:
    """Frames, evenly over time, and sound level of a video file within ``limits``.

    Raises `UserError` when it cannot be used.
    """
    try:
        with Apart(look_into) as look:
            probed, _ = look(path)
    except UnreadableError as error:
        raise UserError(f"{path}: cannot be used: {error}") from None
    # Enough frames to choose from; of a file that does not say how long it is, one a second.
    fps = 1.0 if not probed.duration else max(2 * FRAMES / probed.duration, 0.001)
    media = limits.model_copy(update={"fps": fps, "resize": "short_side", "size": SHORT_SIDE, "scaler": SCALER})
    with scratch_folder("ask") as folder:
        decoded = folder / "clip.h5"
        decode_video(_ID, path, media, decoded, frames=probed.picture is not None, sound=probed.sound is not None)
        with DecodedShard(decoded) as shard:
            samples = 0 if probed.sound is None else len(shard.samples(_ID))
            times = shard.times(_ID) if probed.picture is not None else np.zeros(0)
            heard = samples / shard.rate(_ID) if samples else 0.0
            seen = 0.0 if not len(times) else float(times[-1])
            seconds = max(probed.duration or seen + 1 / fps, heard, seen)
            chosen = _spread(times, seconds)
            frames = tuple((float(times[place]), jpeg(shard.frames(_ID)[place])) for place in chosen)
            bin_seconds = max(SHORTEST_BIN, seconds / BINS)
            level = sound_level(shard.samples(_ID), shard.rate(_ID), bin_seconds) if samples else None
    return Clip(seconds, frames, level, bin_seconds)


class ClipValues(TypedDict):
    """A clip as JSON has it, frames in base64."""

    seconds: Number
    frames: list[tuple[Number, str]]
    level: list[Number] | None
    bin_seconds: Number


def clip_values(clip: Clip) -> ClipValues:
    """A clip as JSON has it: frames in base64, the level in tenths of a dB."""
    return {
        "seconds": clip.seconds,
        "frames": [(time, base64.b64encode(jpeg).decode()) for time, jpeg in clip.frames],
        "level": None if clip.level is None else [round(float(value), 1) for value in clip.level],
        "bin_seconds": clip.bin_seconds,
    }


def clip_of_values(values: ClipValues) -> Clip:
    """The clip of `clip_values`. Raises `ValueError` for a picture that is no base64."""
    return Clip(
        values["seconds"],
        tuple((time, base64.b64decode(jpeg, validate=True)) for time, jpeg in values["frames"]),
        None if values["level"] is None else np.array(values["level"]),
        values["bin_seconds"],
    )


def sound_level(samples: NDArray[np.float32] | h5py.Dataset, rate: int, bin_seconds: float) -> NDArray[np.float64]:
    """RMS (bins,) of each ``bin_seconds`` of sound (samples,) in [-1, 1] at ``rate`` Hz, dB of full scale.

    The last bin is what is left. A dataset is read bin by bin.
    """
    count = max(1, int(np.ceil(len(samples) / (rate * bin_seconds) - 1e-9)))
    edges = np.minimum(np.round(np.arange(count + 1) * rate * bin_seconds).astype(np.int64), len(samples))
    power = [_power(samples[begin:end]) for begin, end in pairwise(edges.tolist())]
    level: NDArray[np.float64] = 10 * np.log10(np.maximum(power, 10 ** (SILENCE / 10)))
    return level


def _power(samples: NDArray[np.float32]) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0


def jpeg(frame: NDArray[np.uint8]) -> bytes:
    """A JPEG file of a frame (H, W, 3), rgb."""
    done, content = cv2.imencode(".jpg", np.ascontiguousarray(frame[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return bytes(content)


def _spread(times: NDArray[np.float64], seconds: float) -> list[int]:
    """Places of about `FRAMES` frames, each nearest the middle of an equal part of the clip; an even number, or one."""
    count = min(FRAMES, len(times))
    if count > 1:
        count -= count % 2
    middles = (np.arange(count) + 0.5) / max(count, 1) * seconds
    return [int(np.abs(times - middle).argmin()) for middle in middles]
