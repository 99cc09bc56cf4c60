"""Sound whose channels or rate change on its way, and samples put where their times are."""

import subprocess

import imageio_ffmpeg
import numpy as np
import pytest

from pipeline.config import Media
from pipeline.media.faults import UnreadableError
from pipeline.media.ffmpeg import Decoder
from pipeline.media.sound import placed

TONE = "0.5*sin(2000*PI*t)*between(t,1,1.2)"
LAYOUTS = {
    "mono": ("mono", [1]),
    "stereo": ("stereo", [1, 1]),
    "left": ("stereo", [1, 0]),
    "centre": ("5.1", [0, 0, 1, 0, 0, 0]),
    "quad": ("quad", [1, 0, 1, 1]),
}
"""Channel layout, and which channels have the tone."""

CHANGES = {
    "mono, stereo": ["mono 48000", "stereo 48000"],
    "stereo, mono, left": ["stereo 48000", "mono 48000", "left 48000"],
    "stereo, centre": ["stereo 48000", "centre 48000"],
    "centre, mono": ["centre 48000", "mono 48000"],
    "rates fall": ["stereo 48000", "stereo 44100", "stereo 32000"],
    "rates and channels": ["left 32000", "mono 48000", "stereo 44100"],
}


@pytest.fixture
def part(ffmpeg_run):
    """2 s of sound with a tone of amplitude 0.5 in some channels from 1.0 to 1.2 s; in a broadcast, under a picture."""

    def make(name: str, described: str, codec: str):
        kind, rate = described.split()
        layout, channels = LAYOUTS[kind]
        tones = "|".join(TONE if channel else "0*t" for channel in channels)
        picture = ("-f", "lavfi", "-i", "color=black:size=64x48:rate=25:duration=2", "-c:v", "mpeg2video")
        sound = ("-f", "lavfi", "-i", f"aevalsrc='{tones}':s={rate}:d=2:c={layout}", "-c:a", codec, "-b:a", "192k")
        return ffmpeg_run(*(picture[:4] if name.endswith("ts") else ()), *sound, name)

    return make


def level(described: str) -> float:
    """Amplitude of the tone in the mean of the channels."""
    return 0.5 * float(np.mean(LAYOUTS[described.split(maxsplit=1)[0]][1]))


def heard(samples, rate: int, begin: float, end: float) -> float:
    """Amplitude of a sine between two seconds, from its power."""
    return float(np.sqrt(2 * np.square(samples[round(begin * rate) : round(end * rate)], dtype=np.float64).mean()))


def _check(sound, parts: list[str], length: float, delay: float) -> None:
    samples, rate = sound
    assert len(samples) / rate == pytest.approx(length * len(parts), abs=0.06)
    for number, described in enumerate(parts):
        begin = number * length + delay
        assert heard(samples, rate, begin + 1.05, begin + 1.15) == pytest.approx(level(described), rel=0.03), described
        for silent in (begin + 0.2, begin + 0.97), (begin + 1.25, begin + 1.9):
            assert heard(samples, rate, *silent) < 0.01


@pytest.mark.parametrize(
    ("change", "codec"),
    # MPEG-1 layer II has two channels at most.
    [
        (change, codec)
        for change in CHANGES
        for codec in ("aac", "ac3", "mp2")
        if (codec, "centre" in change) != ("mp2", True)
    ],
)
def test_channels_and_rates_that_change_in_a_broadcast(part, joined, decode, change, codec):
    described = CHANGES[change]
    parts = [part(f"{number}.ts", kind, codec) for number, kind in enumerate(described)]
    with decode([joined("joined.ts", *parts)], frames=False) as shard:
        # Coders begin with up to 1024 samples of their own; a part takes the time of its picture.
        _check(shard.sound("joined"), described, 2, {"aac": 0.024, "ac3": 0.005, "mp2": 0.01}[codec])


@pytest.mark.parametrize(("suffix", "codec"), [("aac", "aac"), ("ac3", "ac3")])
def test_channels_and_rates_that_change_in_bare_sound(part, joined, decode, suffix, codec):
    described = ["mono 48000", "stereo 48000", "left 44100", "centre 48000"]
    parts = [part(f"{number}.{suffix}", kind, codec) for number, kind in enumerate(described)]
    with decode([joined(f"joined.{suffix}", *parts)], frames=False) as shard:
        _check(shard.sound("joined"), described, 2.03 if codec == "aac" else 2.016, 0.022 if codec == "aac" else 0.005)


@pytest.mark.parametrize(
    ("options", "channels"),
    [
        (("-f", "lavfi", "-i", "aevalsrc='sin(900*t)|0.3*cos(70*t)':s=44100:d=1.5", "-c:a", "aac", "a.mp4"), 2),
        (
            ("-itsoffset", "0.3", "-f", "lavfi", "-i", "aevalsrc='t|t/2|-t|0.1|sin(9*t)|t*t':c=5.1:s=8000:d=0.5",
             "-f", "lavfi", "-i", "color=black:size=32x32:rate=10:duration=1", "-c:a", "pcm_f32le", "a.mkv"),
            6,
        ),
        (("-f", "lavfi", "-i", "aevalsrc='sin(900*t)':s=16000:d=1.5", "-c:a", "libopus", "a.webm"), 1),
    ],
)  # fmt: skip
def test_ordinary_sound_is_what_one_set_of_filters_gives(ffmpeg_run, decode, options, channels):
    clip = ffmpeg_run(*options)
    mean = "+".join(f"{1 / channels:.9f}*c{channel}" for channel in range(channels))
    filters = f"aformat=sample_fmts=flt,pan=1c|c0={mean},aresample=async=1:first_pts=0"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(clip), "-af", filters, "-f", "f32le", "-"]
    expected = np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "<f4")
    with decode([clip], frames=False) as shard:
        samples, _ = shard.sound("a")
    assert len(expected) > 1000
    np.testing.assert_array_equal(samples, expected)


def _placed(marks: list[str], values: range, rate: int = 1000) -> list[float]:
    numbers = " ".join(str(value) for value in values)
    program = (
        f"import sys, struct; sys.stdout.buffer.write(struct.pack('<{len(values)}f', *map(float, '{numbers}'.split())))"
    )
    lines = "".join(f"echo {mark} >&0; " for mark in marks)
    with Decoder(["sh", "-c", f'{lines} python3 -c "{program}"'], "sound", 20) as decoder:
        return np.concatenate([np.zeros(0), *(block.copy() for block in placed(decoder, rate, Media()))]).tolist()


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        (["0 4", "4 4"], [1, 2, 3, 4, 5, 6, 7, 8]),
        (["3 4", "7 4"], [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]),  # begins late
        (["-2 4", "2 4"], [3, 4, 5, 6, 7, 8]),  # begins before second 0
        (["0 4", "9 4"], [1, 2, 3, 4, 0, 0, 0, 0, 0, 5, 6, 7, 8]),  # a part that lies apart
        (["0 4", "2 4"], [1, 2, 3, 4, 7, 8]),  # a part that overlaps
        (["0 5", "2 2", "4 1"], [1, 2, 3, 4, 5]),  # a part that lies in what was heard
        (["0 5", "2 2", "7 1"], [1, 2, 3, 4, 5, 0, 0, 8]),
        (["1 4", "5 4"], [1, 2, 3, 4, 5, 6, 7, 8]),  # a sample more or less is rounding
    ],
)
def test_samples_are_placed_by_their_times(marks, expected):
    assert _placed(marks, range(1, 9)) == expected


def test_samples_without_times_are_an_error():
    with pytest.raises(UnreadableError, match="no times of those that follow"):
        _placed(["0 4"], range(8))
