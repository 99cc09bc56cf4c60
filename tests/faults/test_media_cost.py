"""Small files that ask for much: what is beyond the limits is refused before it costs anything, with its figure."""

import json

import pytest

from tests.faults.media import LAVFI, MEBIBYTE, TONE, X264, Decoded, arguments, make

HOURS = 3600
SECOND = (*LAVFI, "color=red:size=64x48:rate=1")
GAP = "setpts=N*{0}/TB"
HEAVY = pytest.mark.more


def apart(path, seconds, *options):
    """Two frames so far apart."""
    return make(path, *SECOND, "-frames:v", "2", "-vf", GAP.format(seconds), "-fps_mode", "passthrough", *options)


def still(path, seconds, *options):
    """One frame that is shown for so long."""
    return make(path, *SECOND, "-frames:v", "1", *X264, "-bsf:v", f"setts=duration={seconds}/TB", *options)


def late(path, seconds, *options):
    """Sound that begins so late under a picture that does not."""
    picture = (*LAVFI, "testsrc2=size=64x48:rate=10:duration=1")
    return make(path, *picture, "-itsoffset", seconds, *TONE, *X264, *options)


def with_hole(path, seconds, *options):
    """Sound that stops for so long after half of a second."""
    shifted = f"asetpts='PTS+gte(N,8)*{seconds}/TB'"
    return make(path, *TONE, "-af", f"asetnsamples=1000,{shifted}", *options)


COSTLY = {
    "an hour apart.mp4": ("rgb", lambda path: apart(path, HOURS, *X264), "3600 s", "max_gap"),
    "an hour apart.mkv": ("rgb", lambda path: apart(path, HOURS, *X264), "3600 s", "max_gap"),
    "a day apart.mp4": ("rgb", lambda path: apart(path, 24 * HOURS, *X264), "86400 s", "max_gap"),
    "a still of two hours.mp4": ("rgb", lambda path: still(path, 2 * HOURS), "7200 s", "max_gap"),
    "sound after eight hours.mp4": ("heard", lambda path: late(path, 8 * HOURS), "28800 s", "max_gap"),
    "a hole of eight hours.mkv": ("heard", lambda path: with_hole(path, 8 * HOURS), "28800 s", "max_gap"),
}
MORE = {
    "a day apart.mkv": ("rgb", lambda path: apart(path, 24 * HOURS, *X264), "86400 s", "max_gap"),
    "a month apart.nut": ("rgb", lambda path: apart(path, 720 * HOURS, "-c:v", "ffv1"), "2592000 s", "max_gap"),
    "a day apart.mov": ("rgb", lambda path: apart(path, 24 * HOURS, "-c:v", "mjpeg"), "86400 s", "max_gap"),
    "a day apart.flv": ("rgb", lambda path: apart(path, 24 * HOURS, *X264), "86400 s", "max_gap"),
    "an hour apart.webm": ("rgb", lambda path: apart(path, HOURS, "-c:v", "libvpx"), "3600 s", "max_gap"),
    "a still of a week.mkv": ("rgb", lambda path: still(path, 168 * HOURS), "604800 s", "max_gap"),
    "sound after eight hours.mkv": ("heard", lambda path: late(path, 8 * HOURS), "28800 s", "max_gap"),
    "sound after a day.mov": ("heard", lambda path: late(path, 24 * HOURS, "-c:a", "pcm_s16le"), "86400 s", "max_gap"),
    "a hole of eight hours.mp4": ("heard", lambda path: with_hole(path, 8 * HOURS), "28800 s", "max_gap"),
    "half of 8K.mp4": (
        "rgb",
        lambda path: make(path, *LAVFI, "color=size=8000x8000:rate=1", "-frames:v", "1", *X264),
        "64000000 pixels: pictures of 8000 x 8000",
        "max_pixels",
    ),
}


@pytest.mark.fault("Media", "a small file of hours, or of huge pictures", "quarantine with figure and key, at once")
@pytest.mark.parametrize("name", [*COSTLY, *(pytest.param(name, marks=HEAVY) for name in MORE)])
def test_small_files_that_ask_for_much(avsd, tmp_path, name):
    feature, build, figure, key = {**COSTLY, **MORE}[name]
    build(tmp_path / "videos" / name)
    avsd(*arguments("videos", feature, fps=24)).went_well(seconds=4, memory=300 * MEBIBYTE)
    decoded = Decoded.read(tmp_path)
    assert decoded.frames == {}
    (reason,) = decoded.bad.values()
    assert figure in reason
    assert f"media.{key} allows" in reason
    assert (tmp_path / "out.h5").stat().st_size < MEBIBYTE


LIMITS = {
    "max_pixels": ({"max_pixels": 3000}, "rgb", "3072 pixels: pictures of 64 x 48"),
    "max_pixels, decoded": ({"max_pixels": 4000, "size": 224}, "rgb", "50176 pixels: frames of 224 x 224"),
    "max_pixels, narrow": ({"max_pixels": 9000, "resize": "short_side", "size": 96}, "rgb", "12288 pixels: frames of"),
    "max_seconds": ({"max_seconds": 1.5}, "rgb", "2 s of pictures"),
    "max_seconds, sound": ({"max_seconds": 1.5}, "heard", "2 s of sound"),
    "max_frames": ({"max_frames": 47, "fps": 24}, "rgb", "48 frames"),
    "max_frames, source": ({"max_frames": 19, "fps": "source"}, "rgb", "20 frames"),
}

TOLD = ("max_pixels", "max_seconds", "max_frames")


@pytest.mark.fault("Media", "a video beyond a limit of the configuration", "quarantine with figure and key")
@pytest.mark.parametrize("limit", [*TOLD, *(pytest.param(each, marks=HEAVY) for each in LIMITS if each not in TOLD)])
@pytest.mark.parametrize("container", ["mp4", pytest.param("mkv", marks=HEAVY), pytest.param("ts", marks=HEAVY)])
def test_limits(avsd, tmp_path, limit, container):
    media, feature, figure = LIMITS[limit]
    picture, tone = (*LAVFI, "testsrc2=size=64x48:rate=10:duration=2"), (*LAVFI, "sine=sample_rate=16000:duration=2")
    make(tmp_path / "videos" / f"x.{container}", *picture, *tone, *X264)
    key = limit.split(",")[0]
    avsd(*arguments("videos", feature, **media)).went_well(seconds=4)
    assert figure in Decoded.read(tmp_path).bad["x"]
    assert f"media.{key} allows" in Decoded.read(tmp_path).bad["x"]
    avsd(*arguments("videos", feature, **{**media, key: 20 * media[key]})).went_well()
    assert list(Decoded.read(tmp_path).frames) == ["x"]


@pytest.mark.fault("Media", "pictures that become huge in the middle", "what is before is kept, a warning says why")
@pytest.mark.parametrize("size", ["640x480", pytest.param("8000x8000", marks=HEAVY)])
def test_pictures_that_become_huge(avsd, tmp_path, size):
    small = make(tmp_path / "a.h264", *LAVFI, "testsrc2=size=64x48:rate=25:duration=1", *X264)
    large = make(tmp_path / "b.h264", *LAVFI, f"color=size={size}:rate=25", "-frames:v", "2", *X264)
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "x.h264").write_bytes(small.read_bytes() + large.read_bytes())
    given = {} if size == "8000x8000" else {"max_pixels": 10_000}
    done = avsd(*arguments("videos", fps="source", **given))
    done.went_well(seconds=6, memory=500 * MEBIBYTE)
    assert len(Decoded.read(tmp_path).frames["x"]) in range(24, 26)
    assert "exceeds specified max pixel count" in done.err


@pytest.mark.fault("Media", "an hour-long video", "decoded within 500 MiB")
@pytest.mark.parametrize("feature", [pytest.param("rgb", marks=HEAVY), pytest.param("heard", marks=HEAVY)])
def test_an_hour_passes(avsd, tmp_path, feature):
    picture, tone = (*LAVFI, "color=size=64x48:rate=5:duration=3600"), (*LAVFI, "sine=sample_rate=16000:duration=3600")
    make(tmp_path / "videos" / "x.mp4", *picture, *tone, *X264)
    avsd(*arguments("videos", feature, fps=24), seconds=600).went_well(memory=500 * MEBIBYTE)
    count = len(Decoded.read(tmp_path).frames["x"])
    assert count == pytest.approx(3600 * (24 if feature == "rgb" else 16000), rel=1e-4)


@pytest.mark.fault("Media", "a clip of 8K, unresized", "decoded within 2 GiB")
@pytest.mark.parametrize("codec", [pytest.param("libx264", marks=HEAVY), pytest.param("mjpeg", marks=HEAVY)])
def test_8k_passes_within_memory(avsd, tmp_path, codec):
    picture = (*LAVFI, "testsrc2=size=7680x4320:rate=4:duration=1")
    make(tmp_path / "videos" / "x.mkv", *picture, "-c:v", codec, "-pix_fmt", "yuvj420p", "-q:v", "9")
    avsd(*arguments("videos", fps="source", resize="source"), seconds=300).went_well(memory=2048 * MEBIBYTE)
    assert Decoded.read(tmp_path).frames["x"].shape == (4, 4320, 7680, 3)


@pytest.mark.fault("Media", "a limit that is no limit", "one line naming the key")
@pytest.mark.parametrize("key", ["max_pixels", "max_seconds", "max_frames", "max_gap"])
@pytest.mark.parametrize("value", [0, pytest.param(-1, marks=HEAVY), pytest.param(1e30, marks=HEAVY), "much"])
def test_limits_have_bounds(avsd, tmp_path, key, value):
    (tmp_path / "videos").mkdir()
    media = json.dumps({"media": {key: value}})
    avsd(*arguments("videos"), "--config", media).refused(f"media.{key}", seconds=4)
