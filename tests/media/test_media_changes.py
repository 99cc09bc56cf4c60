"""Pictures that change in mid-stream: joined clips against their parts, frame by frame."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.media.changes import Survey, resample
from pipeline.media.colour import Tags

FRAMES = 12
"""Of each part, at 25 frames a second."""


@pytest.fixture
def part(ffmpeg_run):
    """Part ``number`` of a stream: a grey wedge in colour whose frame i of the whole has luma 80 + 2 i at the left."""

    def make(number: int, size: str = "64x48", layout: str = "yuv420p", says: str = "", codec: str = "h264") -> Path:
        first = number * FRAMES
        scale = 4 if "10" in layout else 1
        levels = f"geq=lum='{scale}*(80+2*(N+{first})+X/4)':cb={100 * scale}:cr={150 * scale}"
        made = "yuv420p10le" if "10" in layout else "yuv444p"
        source = f"color=black:size={size}:rate=25,format={made},{levels}"
        if layout == "gbrp":
            source += ",scale=in_color_matrix=bt601"
        options = {
            "h264": ("-c:v", "libx264rgb" if layout == "gbrp" else "libx264", "-qp", "1", "-bf", "0"),
            "vp9": ("-c:v", "libvpx-vp9", "-lossless", "1", "-cpu-used", "8"),
            "mjpeg": ("-c:v", "mjpeg", "-q:v", "1", "-strict", "unofficial"),
        }[codec]
        if codec == "h264":
            options += ("-x264-params", "repeat-headers=1", "-output_ts_offset", str(first / 25))
            options += ("-muxdelay", "0", "-muxpreload", "0")
        wanted = ("-vf", f"format={layout},setparams={says}") if says else ("-pix_fmt", layout)
        suffix = {"h264": "ts", "vp9": "ivf", "mjpeg": "mjpeg"}[codec]
        name = f"{number}_{size}_{layout}_{says.replace(':', '_')}.{suffix}"
        return ffmpeg_run("-f", "lavfi", "-i", source, "-frames:v", str(FRAMES), *wanted, *options, name)

    return make


def joined(parts: list[Path]) -> Path:
    """One file of several: TS and MJPEG byte by byte; IVF frame by frame, counted through."""
    whole = parts[0].with_name(f"whole{parts[0].suffix}")
    if whole.suffix != ".ivf":
        whole.write_bytes(b"".join(part.read_bytes() for part in parts))
        return whole
    content = parts[0].read_bytes()[:32]
    number = 0
    for part in parts:
        frames = part.read_bytes()[32:]
        while frames:
            size = 12 + struct.unpack_from("<I", frames)[0]
            content += struct.pack("<IQ", size - 12, number) + frames[12:size]
            frames = frames[size:]
            number += 1
    whole.write_bytes(content)
    return whole


def alone(decode, parts: list[Path], **media) -> list[np.ndarray]:
    """(n, H, W, 3) frames of each part, each decoded for itself."""
    frames = []
    for part in parts:
        with decode({"v": part}, sound=False, **media) as shard:
            frames.append(shard.frames("v")[:])
    return frames


CHANGES = {
    "matrix": ("h264", {"says": "colorspace=bt709:range=tv"}, {"says": "colorspace=smpte170m:range=tv"}),
    "range": ("h264", {"says": "colorspace=bt709:range=pc"}, {"says": "colorspace=bt709:range=tv"}),
    "both": ("vp9", {"says": "colorspace=bt470bg:range=tv"}, {"says": "colorspace=bt709:range=pc"}),
    "rare matrix": ("h264", {"says": "colorspace=bt709:range=tv"}, {"says": "colorspace=ycgco:range=tv"}),
    "no matrix of ours": ("h264", {"says": "colorspace=ictcp:range=tv"}, {"says": "colorspace=bt709:range=tv"}),
    "size": ("h264", {}, {"size": "96x72"}),
    "shape": ("h264", {}, {"size": "48x96"}),
    "chroma": ("h264", {}, {"layout": "yuv444p"}),
    "depth": ("vp9", {}, {"layout": "yuv420p10le"}),
    "to rgb": ("h264", {"says": "colorspace=bt709:range=tv"}, {"layout": "gbrp"}),
    "from rgb": ("vp9", {"layout": "gbrp"}, {}),
    "to odd sizes": ("vp9", {}, {"size": "63x47"}),
    "from odd sizes": ("vp9", {"size": "63x47"}, {}),
    "jpeg's chroma": ("mjpeg", {"layout": "yuvj420p"}, {"layout": "yuvj444p"}),
    "grey jpeg": ("mjpeg", {"layout": "yuvj420p"}, {"layout": "gray"}),
}


# At 30 frames a second all of 25 are shown.
@pytest.mark.parametrize(("change", "fps"), [*((change, 30) for change in CHANGES), ("range", 24), ("size", "source")])
def test_every_frame_is_as_in_its_part_alone(part, decode, change, fps, capsys):
    codec, *kinds = CHANGES[change]
    parts = [part(number, codec=codec, **kind) for number, kind in enumerate(kinds)]
    expected = np.concatenate(alone(decode, parts, fps="source"))
    assert len(expected) == 2 * FRAMES
    shown, step = range(2 * FRAMES), 25
    if fps != "source":
        slots = [int(Fraction(i * fps, 25) + Fraction(1, 2)) for i in range(2 * FRAMES + 1)]
        shown, step = [max(i for i in range(2 * FRAMES) if slots[i] <= k) for k in range(slots[-1])], fps
    with decode({"v": joined(parts)}, fps=fps, sound=False) as shard:
        np.testing.assert_array_equal(shard.frames("v")[:], expected[shown])
        np.testing.assert_allclose(shard.times("v"), np.arange(len(shown)) / step, atol=1e-6)
        assert shard.fps("v") == pytest.approx(step)
        assert str(shard.video_attributes("v")["source_changes"]).count("; ") == 1
    assert "the picture changes in mid-stream (0.000 s: " in capsys.readouterr().err


@pytest.mark.parametrize("media", [{"scaler": "area"}, {"resize": "source"}, {"resize": "short_side", "size": 24}])
def test_scalers_and_shapes(part, decode, media):
    parts = [part(0, says="colorspace=bt709:range=tv"), part(1, says="colorspace=bt470bg:range=pc")]
    expected = alone(decode, parts, fps="source", **media)
    with decode({"v": joined(parts)}, fps="source", **media) as shard:
        np.testing.assert_array_equal(shard.frames("v")[:], np.concatenate(expected))


def test_the_first_frame_gives_the_shape(part, decode):
    clip = joined([part(0), part(1, size="48x96")])
    with decode({"v": clip}, fps="source", resize="source") as shard:
        assert shard.frames("v").shape == (2 * FRAMES, 48, 64, 3)
        # Luma of the left column: video range, 16 to 235, becomes 0 to 255.
        luma = shard.frames("v")[:, :, :2].mean((1, 2)) @ (0.299, 0.587, 0.114) * 219 / 255 + 16
    np.testing.assert_allclose(luma, 80 + 2 * np.arange(2 * FRAMES), atol=0.7)


def test_there_and_back_in_blocks_smaller_than_a_part(part, decode, monkeypatch):
    says = ["colorspace=bt709:range=tv", "colorspace=bt470bg:range=tv", "colorspace=bt709:range=tv"]
    parts = [part(number, says=text) for number, text in enumerate(says)]
    expected = np.concatenate(alone(decode, parts, fps="source"))
    monkeypatch.setattr("pipeline.media.decode.BLOCK_BYTES", 16 * 16 * 3 * 5)
    for fps, shown in (("source", range(3 * FRAMES)), (100, np.repeat(range(3 * FRAMES), 4))):
        with decode({"v": joined(parts)}, fps=fps) as shard:
            assert shard.frames("v").chunks == (5, 16, 16, 3)
            np.testing.assert_array_equal(shard.frames("v")[:], expected[shown])


def test_a_frame_that_says_nothing_takes_what_the_stream_says(part, decode):
    said = "colorspace=bt709:range=tv"
    parts = [part(0, codec="vp9", says=said), part(1, codec="vp9", size="32x48", says="colorspace=unknown")]
    clip = joined(parts)
    with av.open(str(clip)) as container:
        assert [frame.colorspace for frame in container.decode(video=0)][:: FRAMES + 1] == [1, 2]
    told = part(1, codec="vp9", size="32x48", says=said)
    expected = np.concatenate(alone(decode, [parts[0], told], fps="source"))
    with decode({"v": clip}, fps="source") as shard:
        np.testing.assert_array_equal(shard.frames("v")[:], expected)


def test_rotation_that_changes(part, ffmpeg_run, decode):
    parts = [part(0), part(1)]
    turned = ("-c", "copy", "-copyts", "-muxdelay", "0", "-bsf:v", "h264_metadata=display_orientation=insert:rotate=90")
    clip = joined([parts[0], ffmpeg_run("-i", str(parts[1]), *turned, "turned.ts")])
    first, second = alone(decode, parts, fps="source")
    with decode({"v": clip}, fps=24) as shard:
        shown = shard.frames("v")[:]
    assert len(shown) == round(2 * FRAMES * 24 / 25)
    np.testing.assert_array_equal(shown[:11], first[:11])
    difference = np.abs(shown[-1].astype(float) - np.rot90(second[-1]))
    assert difference.mean() < 1
    assert np.abs(shown[-1].astype(float) - second[-1]).mean() > 2


def test_a_gap_at_the_change_is_filled(part, ffmpeg_run, decode):
    late = ("-c", "copy", "-copyts", "-output_ts_offset", "1", "-muxdelay", "0", "-muxpreload", "0")
    parts = [part(0), ffmpeg_run("-i", str(part(1, size="96x72")), *late, "late.ts")]
    first, second = alone(decode, parts, fps="source")
    with decode({"v": joined(parts)}, fps=25) as shard:
        expected = [*first, *[first[-1]] * 25, *second]
        np.testing.assert_array_equal(shard.frames("v")[:], expected)


@pytest.mark.parametrize("rate", [5, 7, 20, 29.97, 50])
def test_resampling_is_the_filters(counting, ffmpeg_run, decode, numbers, rate):
    plain = counting("plain.mp4", 40, "20")
    select = "+".join(f"eq(n,{i})" for i in [0, 1, 2, 3, 10, 11, 30, 38])
    clip = ffmpeg_run("-i", str(plain), "-vf", f"select='{select}'", "-fps_mode", "vfr", "-qp", "1", "vfr.mp4")
    with av.open(str(clip)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    last = max(packets, key=lambda packet: packet.pts)
    with decode([clip], fps="source") as shard:
        source, times = numbers(shard.frames("vfr")), shard.times("vfr").tolist()
    shown, steps = resample(times, float(last.duration * last.time_base), Fraction(rate).limit_denominator(1001))
    with decode([clip], fps=rate) as shard:
        assert [source[i] for i in shown] == numbers(shard.frames("vfr"))
        np.testing.assert_allclose(steps, shard.times("vfr"), atol=1e-9)


def test_resampling_keeps_the_shortest_clip():
    shown, times = resample([0.02], 0.001, Fraction(24))
    assert (shown.tolist(), times) == ([0], [0.0])


def test_lines_of_other_threads_between_a_frames():
    found = Survey()
    found.hear("  title : color_range:tv color_space:bt709")
    frame = "n:   0 pts:      0 pts_time:0 duration:   3600 duration_time:0.04    fmt:{} cl:left sar:1/1 s:64x48 i:P "
    found.hear("  Stream #0:0: Video" + frame.format("yuv420p"))
    found.hear("[Parsed_showinfo_0 @ 0x1] color_range:tvcorrupt input packet in stream 0")
    found.hear("[Parsed_showinfo_0 @ 0x1]  color_space:ycgco-re color_primaries:bt709 color_trc:smpte2084Invalid NAL")
    found.hear("[Parsed_showinfo_0 @ 0x1] " + frame.format("gray"))
    found.hear("[Parsed_showinfo_0 @ 0x1] color_range:pc color_space:unknown color_primaries:smpte428 color_trc:bt709")
    assert [seen.pixel_format for seen in found.frames] == ["yuv420p", "gray"]
    assert [seen.tags for seen in found.frames] == [Tags(16, 1, 1, 16), Tags(2, 2, 2, 2)]
