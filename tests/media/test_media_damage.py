"""Clips whose first packets are damaged or missing: what their stream says of itself holds all the same."""

import av
import numpy as np
import pytest

from pipeline.media.probe import probe

TAGGED = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709"
SOURCE = f"testsrc2=size=64x48:rate=25,scale=out_color_matrix=bt709:out_range=tv,{TAGGED}:range=tv"
CODECS = {
    "h264": ("mp4", "libx264", "-g", "5", "-bf", "0"),
    "hevc": ("mp4", "libx265", "-x265-params", "log-level=none:keyint=5:bframes=0"),
    "mpeg4": ("mp4", "mpeg4", "-g", "5", "-q:v", "2"),
    "vp9": ("mkv", "libvpx-vp9", "-g", "5", "-cpu-used", "8", "-lag-in-frames", "0", "-auto-alt-ref", "0"),
    "ffv1": ("mkv", "ffv1", "-g", "5", "-slices", "4", "-slicecrc", "1"),
}
DAMAGES = {
    "zeroed": bytes,
    "ones": lambda packet: b"\xff" * len(packet),
    "noisy": lambda packet: bytes(byte ^ 0x5A if i > 7 and i % 3 == 0 else byte for i, byte in enumerate(packet)),
}


def damaged(path, count: int, damage):
    """The file with its first packets of video spoiled."""
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in [packet for packet in container.demux(video=0) if packet.size][:count]:
            # Where the packet's bytes lie in the file: its beginning stands in its header in Matroska.
            place = content.index(bytes(packet))
            content[place : place + packet.size] = damage(bytes(packet))
    target = path.with_name(f"damaged_{path.name}")
    target.write_bytes(content)
    return target


def without_pictures(content: bytes, count: int) -> bytes:
    """A transport stream without its first pictures; its tables stay."""
    packets = [content[i : i + 188] for i in range(0, len(content), 188)]
    pictures = np.cumsum([packet[1] & 0x5F == 0x41 and packet[2] == 0 for packet in packets])  # PID 0x100, a new one
    return b"".join(packet for packet, n in zip(packets, pictures, strict=True) if n == 0 or n > count)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_rotation_size_and_colours_of_a_damaged_beginning(ffmpeg_run, decode, codec, damage):
    suffix, *options = CODECS[codec]
    plain = ffmpeg_run(
        "-f", "lavfi", "-i", SOURCE, "-frames:v", "15", "-pix_fmt", "yuv420p", "-c:v", *options, f"plain.{suffix}"
    )
    turned = ffmpeg_run("-display_rotation", "90", "-i", str(plain), "-c", "copy", f"turned.{suffix}")
    broken = damaged(turned, 1 if damage == "noisy" else 6, DAMAGES[damage])
    picture, whole = probe(broken).picture, probe(turned).picture
    assert whole is not None
    assert (whole.rotation, whole.displayed, whole.reading.matrix) == (270, (48, 64), 1)
    assert picture == whole
    with decode({"broken": broken, "turned": turned}, fps="source", resize="source") as shard:
        assert shard.frames("broken").shape[1:] == (64, 48, 3)
        np.testing.assert_array_equal(shard.frames("broken")[-3:], shard.frames("turned")[-3:])


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_a_recording_that_begins_between_key_frames(ffmpeg_run, decode, codec):
    options = ("-c:v", codec, "-pix_fmt", "yuv420p", "-g", "20", "-bf", "2", "-q:v", "2")
    whole = ffmpeg_run("-f", "lavfi", "-i", SOURCE, "-frames:v", "50", *options, "whole.ts")
    cut = whole.with_name("cut.ts")
    cut.write_bytes(without_pictures(whole.read_bytes(), 5))
    found = probe(cut).picture
    assert found is not None
    assert (found.displayed, found.tags.matrix, found.tags.range) == ((64, 48), 1, 1)
    with decode([cut, whole], fps="source", resize="source") as shard:
        np.testing.assert_array_equal(shard.frames("cut")[-10:], shard.frames("whole")[-10:])


def test_a_stream_of_an_unknown_codec_is_none(ffmpeg_run, decode, capsys):
    options = ("-c:v", "mpeg4", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le")
    tone = ("-f", "lavfi", "-i", "sine=sample_rate=8000:duration=0.4")
    clip = ffmpeg_run("-f", "lavfi", "-i", SOURCE, *tone, "-frames:v", "10", *options, "a.mkv")
    for known, name in ((b"V_MPEG4/ISO/ASP", b"V_QQ"), (b"A_PCM/INT/LIT", b"A_QQ")):
        spoiled = clip.with_name(f"{name.decode()}.mkv")
        spoiled.write_bytes(clip.read_bytes().replace(known, name + bytes(len(known) - len(name))))
    with decode([clip.with_name("V_QQ.mkv"), clip.with_name("A_QQ.mkv")], max_bad_fraction=1) as shard:
        assert shard.video_ids == ["A_QQ"]
        assert shard.sound("A_QQ") is None
    assert "V_QQ.mkv: left out: probe: no video stream" in capsys.readouterr().err


def test_a_size_that_only_a_damaged_frame_has(ffmpeg_run, decode):
    options = ("-frames:v", "30", "-pix_fmt", "yuv420p", "-c:v", "libvpx", "-g", "3", "-lag-in-frames", "0")
    clip = ffmpeg_run("-f", "lavfi", "-i", SOURCE, *options, "a.mkv")
    content = bytearray(clip.read_bytes())
    place = content.index(b"\x9d\x01\x2a") + 3  # after this, the size of a key frame of VP8
    assert content[place : place + 4] == bytes([64, 0, 48, 0])
    content[place] = 80
    clip.write_bytes(content)
    with av.open(str(clip)) as container:
        assert next(container.decode(video=0)).width == 80
    found = probe(clip).picture
    assert found is not None
    assert found.displayed == (64, 48)
    with decode([clip], fps="source", resize="source") as shard:
        assert shard.frames("a").shape == (30, 48, 64, 3)


@pytest.mark.parametrize("media", [{}, {"resize": "short_side"}, {"resize": "source", "fps": "source"}])
def test_a_recording_without_any_key_frame_is_listed(ffmpeg_run, decode, capsys, media):
    options = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "1000", "-bf", "0")
    whole = ffmpeg_run("-f", "lavfi", "-i", SOURCE, "-frames:v", "20", *options, "whole.ts")
    cut = whole.with_name("cut.ts")
    cut.write_bytes(without_pictures(whole.read_bytes(), 1))
    found = probe(cut).picture
    assert found is not None
    assert found.width == 0
    with decode([cut], **media) as shard:
        assert shard.video_ids == []
    assert "cut.ts: left out: frames: no frame could be decoded (" in capsys.readouterr().err


def test_frames_without_damage_come_before_damaged_ones(ffmpeg_run, monkeypatch):
    clip = ffmpeg_run("-f", "lavfi", "-i", SOURCE, "-frames:v", "3", "-c:v", "ffv1", "-pix_fmt", "yuv420p", "a.mkv")
    smaller = ffmpeg_run("-f", "lavfi", "-i", "testsrc2=size=32x32", "-frames:v", "1", "-c:v", "ffv1", "b.mkv")

    class Corrupt:
        def __init__(self, frame):
            self.frame = frame

        def __getattr__(self, name):
            return True if name == "is_corrupt" else getattr(self.frame, name)

    with av.open(str(smaller)) as container:
        corrupt = Corrupt(next(container.decode(video=0)))
    with av.open(str(clip)) as container:
        sound = next(container.decode(video=0))
    for frames, size in (([corrupt, sound], (64, 48)), ([corrupt] * 150 + [sound], (32, 32)), ([corrupt], (32, 32))):
        monkeypatch.setattr("pipeline.media.probe._frames", lambda *_, frames=frames: iter(frames))
        found = probe(clip).picture
        assert found is not None
        assert (found.width, found.height) == size
