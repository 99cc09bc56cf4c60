"""Sizes, rotation and codecs of the decoded frames."""

import av
import numpy as np
import pytest


@pytest.mark.parametrize(("flag", "turns"), [("90", 1), ("180", 2), ("-90", 3)])
@pytest.mark.parametrize("size", ["64x48", "63x47"])
def test_rotation_is_undone(ffmpeg_run, decode, flag, turns, size):
    # A white upper left quarter says which way up the picture is.
    source = f"color=black:size={size}:rate=10,drawbox=0:0:32:24:white:fill"
    codec = ("-c:v", "mpeg4", "-q:v", "1", "-pix_fmt", "yuv420p")
    plain = ffmpeg_run("-f", "lavfi", "-i", source, "-frames:v", "2", *codec, "plain.mp4")
    turned = ffmpeg_run("-display_rotation", flag, "-i", str(plain), "-c", "copy", "turned.mp4")
    with decode([plain, turned], fps="source", resize="source") as shard:
        expected = np.rot90(shard.frames("plain")[0], turns)
        assert shard.frames("turned").shape[1:] == expected.shape
        difference = np.abs(shard.frames("turned")[0].astype(float) - expected)
        assert np.median(difference) <= 1
        assert difference.mean() < 5


@pytest.mark.parametrize("degrees", ["0.4", "60", "89", "89.6", "90.6", "134", "270.4", "300"])
def test_sizes_of_odd_angles_are_ffmpeg_s(ffmpeg_run, decode, degrees):
    source = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10", "-frames:v", "1", "-pix_fmt", "yuv420p")
    plain = ffmpeg_run(*source, "-c:v", "mpeg4", "plain.mp4")
    turned = ffmpeg_run("-display_rotation", degrees, "-i", str(plain), "-c", "copy", "turned.mp4")
    with av.open(str(ffmpeg_run("-i", str(turned), "-frames:v", "1", "turned.png"))) as picture:
        shown = picture.streams.video[0]
        expected = (shown.height, shown.width)
    with decode([turned], resize="source", sound=False) as shard:
        assert shard.frames("turned").shape[1:3] == expected


@pytest.mark.parametrize(
    ("media", "shape"),
    [
        ({"resize": "direct", "size": 24}, (24, 24)),
        ({"resize": "short_side", "size": 25}, (25, 56)),  # shown as 90 x 40
        ({"resize": "source"}, (40, 90)),
    ],
)
def test_sizes_follow_the_pixel_aspect(ffmpeg_run, decode, media, shape):
    clip = ffmpeg_run(
        "-f", "lavfi", "-i", "testsrc=size=60x40:rate=5,setsar=3/2", "-frames:v", "2", "-pix_fmt", "yuv420p", "wide.mp4"
    )
    with decode([clip], **media) as shard:
        assert shard.frames("wide").shape[1:3] == shape


@pytest.mark.parametrize(
    ("size", "media", "shape"),
    [
        ("36x64", {"resize": "short_side", "size": 18}, (32, 18)),
        ("36x64", {"resize": "direct", "size": 20}, (20, 20)),
        ("340x256", {"resize": "short_side", "size": 256}, (256, 340)),
        ("320x240", {"resize": "short_side", "size": 256}, (256, 341)),
    ],
)
def test_portrait_and_short_side(ffmpeg_run, decode, size, media, shape):
    # White above, black below: every row in its place.
    source = f"color=black:size={size}:rate=5,drawbox=0:0:iw:ih/2:white:fill"
    clip = ffmpeg_run("-f", "lavfi", "-i", source, "-frames:v", "2", "-pix_fmt", "yuv420p", "-qp", "1", "a.mp4")
    with decode([clip], **media) as shard:
        frame = shard.frames("a")[0].astype(float)
        assert (shard.video_attributes("a")["height"], shard.video_attributes("a")["width"]) == shape
    assert frame.shape[:2] == shape
    half = shape[0] // 2
    assert frame[: half - 2].min() > 245
    assert frame[half + 2 :].max() < 10


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hevc.mp4", ("-c:v", "libx265", "-x265-params", "log-level=none")),
        ("ten_bit.mp4", ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=none")),
        ("vp9.webm", ("-c:v", "libvpx-vp9")),
        ("vp8.webm", ("-c:v", "libvpx")),
        ("av1.mkv", ("-c:v", "libaom-av1", "-cpu-used", "8")),
        ("mpeg4.avi", ("-c:v", "mpeg4")),
        ("mpeg2.mpg", ("-c:v", "mpeg2video", "-r", "25")),
        ("prores.mov", ("-c:v", "prores")),
    ],
)
def test_codecs(counting, decode, numbers, name, options):
    with decode([counting(name, 8, "25", *options)], fps="source") as shard:
        np.testing.assert_allclose(numbers(shard.frames(name.split(".")[0])), range(8), atol=0.6)
