import csv
import json
from fractions import Fraction
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.config import Media
from pipeline.errors import UserError
from pipeline.media.decode import allowed_bad, decode_shard, frame_rate
from pipeline.media.decoded import DecodedShard

SMALL = {"resize": "direct", "size": 16}


def decode(tmp_path: Path, videos, *, frames=True, sound=True, **media) -> DecodedShard:
    out = tmp_path / "out" / "0000.h5"
    named = videos if isinstance(videos, dict) else {path.stem: path for path in videos}
    decode_shard(named, Media(**{**SMALL, **media}), out, tmp_path / "q" / "0000.tsv", frames=frames, sound=sound)
    return DecodedShard(out)


def quarantined(tmp_path: Path) -> list[list[str]]:
    with (tmp_path / "q" / "0000.tsv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, dialect="excel-tab")
    assert header == ["video", "stage", "reason", "decoder's words"]
    return rows


def numbers(frames) -> list[int]:
    """Which frame of a `counting` clip each frame is."""
    levels = frames[:].mean((1, 2, 3))
    # Video range: luma 16 to 235 becomes 0 to 255.
    return np.round(((levels * 219 / 255 + 16) - 20) / 5).astype(int).tolist()


def nearest(times: list[Fraction], end: Fraction, fps: int) -> list[int]:
    """Resampling by hand: output frame k shows the last frame whose time, rounded to 1/fps, is at most k."""
    slots = [int(time * fps + Fraction(1, 2)) for time in times]
    return [max(i for i, slot in enumerate(slots) if slot <= k) for k in range(int(end * fps + Fraction(1, 2)))]


def test_source_rate_keeps_every_frame(tmp_path, counting):
    with decode(tmp_path, [counting("a.mp4", 37, "30000/1001")], fps="source") as shard:
        assert numbers(shard.frames("a")) == list(range(37))
        np.testing.assert_allclose(shard.times("a"), np.arange(37) * 1001 / 30000, atol=1e-9)
        assert shard.fps("a") == pytest.approx(30000 / 1001, rel=1e-12)


@pytest.mark.parametrize(
    ("rate", "fps", "count"), [("30", 24, 40), ("10", 24, 12), ("30000/1001", 7, 40), ("25", 25, 9)]
)
def test_resampling_by_hand(tmp_path, counting, rate, fps, count):
    step = 1 / Fraction(rate)
    expected = nearest([i * step for i in range(count)], count * step, fps)
    with decode(tmp_path, [counting("a.mp4", count, rate)], fps=fps) as shard:
        assert numbers(shard.frames("a")) == expected
        np.testing.assert_allclose(shard.times("a"), np.arange(len(expected)) / fps, atol=1e-9)
        assert shard.fps("a") == fps


@pytest.mark.parametrize("count", [1, 2, 15])
@pytest.mark.parametrize("rate", ["60", "12"])
def test_short_clips_are_never_empty(tmp_path, counting, count, rate):
    step = 1 / Fraction(rate)
    expected = nearest([i * step for i in range(count)], count * step, 24) or [0]
    with decode(tmp_path, [counting("a.mp4", count, rate)], fps=24) as shard:
        assert numbers(shard.frames("a")) == expected


def test_variable_rate(tmp_path, counting, ffmpeg_run):
    plain = counting("plain.mp4", 40, "20")
    chosen = [0, 1, 2, 3, 10, 11, 30, 39]
    select = "+".join(f"eq(n,{i})" for i in chosen)
    clip = ffmpeg_run("-i", str(plain), "-vf", f"select='{select}'", "-fps_mode", "vfr", "-qp", "1", "vfr.mp4")
    with decode(tmp_path, [clip], fps="source") as shard:
        assert numbers(shard.frames("vfr")) == chosen
        np.testing.assert_allclose(shard.times("vfr"), np.array(chosen) / 20, atol=1e-4)
    with decode(tmp_path, [clip], fps=20) as shard:
        held = [max(i for i in chosen if i <= k) for k in range(40)]
        assert numbers(shard.frames("vfr"))[:40] == held


def test_real_clips_against_pyav(tmp_path, shared):
    av = pytest.importorskip("av")
    folder = shared / "data" / "videos"
    videos = {path.name: path for path in sorted(folder.iterdir())}
    with decode(tmp_path, videos, fps="source", resize="short_side", size=64) as shard:
        assert shard.video_ids == sorted(videos)
        for name, path in videos.items():
            with av.open(str(path)) as container:
                decoded = list(_small(container.decode(video=0)))
            frames, times = shard.frames(name), shard.times(name)
            assert len(frames) == len(times) == len(decoded)
            np.testing.assert_allclose(times, [time for time, _ in decoded], atol=1e-9)
            assert shard.fps(name) == pytest.approx(len(times) / (times[-1] - times[0] + 1 / shard.fps(name)), rel=0.01)
            # The same picture, up to the scalers' differences: rows, columns and colours in their places.
            for index in (0, len(decoded) // 2):
                ours = frames[index].astype(float).mean((0, 1))
                np.testing.assert_allclose(ours, decoded[index][1], atol=3)
            _check_sound(shard.sound(name), path)
    assert quarantined(tmp_path) == []


def _small(frames):
    for frame in frames:
        yield frame.time, frame.reformat(width=128, height=72, format="rgb24").to_ndarray().astype(float).mean((0, 1))


def _check_sound(sound, path: Path) -> None:
    import av

    with av.open(str(path)) as container:
        if not container.streams.audio:
            assert sound is None
            return
        stream = container.streams.audio[0]
        parts = [(frame.time, frame.to_ndarray(), frame.sample_rate) for frame in container.decode(stream)]
    samples, rate = sound
    assert samples.dtype == np.float32
    assert {part[2] for part in parts} == {rate}
    assert all(part[1].dtype == np.float32 for part in parts)
    expected = np.concatenate([part[1].mean(0) for part in parts])
    start = round(parts[0][0] * rate)
    whole = np.concatenate([np.zeros(max(start, 0)), expected[max(-start, 0) :]])
    shared_length = min(len(whole), len(samples))
    # Both end with the track, but only ffmpeg leaves out what the coder added to fill its last block.
    assert len(samples) <= len(whole) < len(samples) + 1024
    np.testing.assert_allclose(samples[:shared_length], whole[:shared_length], atol=1e-5)


@pytest.mark.parametrize(("flag", "turns"), [("90", 1), ("180", 2), ("-90", 3)])
def test_rotation_is_undone(tmp_path, ffmpeg_run, flag, turns):
    # A white upper left quarter says which way up the picture is.
    source = "color=black:size=64x48:rate=10,drawbox=0:0:32:24:white:fill"
    plain = ffmpeg_run("-f", "lavfi", "-i", source, "-frames:v", "2", "-pix_fmt", "yuv420p", "plain.mp4")
    turned = ffmpeg_run("-display_rotation", flag, "-i", str(plain), "-c", "copy", "turned.mp4")
    with decode(tmp_path, [plain, turned], fps="source", resize="source") as shard:
        expected = np.rot90(shard.frames("plain")[0], turns)
        assert shard.frames("turned").shape[1:] == expected.shape
        difference = np.abs(shard.frames("turned")[0].astype(float) - expected)
        assert np.median(difference) <= 1
        assert difference.mean() < 5


@pytest.mark.parametrize(
    ("media", "shape"),
    [
        ({"resize": "direct", "size": 24}, (24, 24)),
        ({"resize": "short_side", "size": 25}, (25, 56)),  # shown as 90 x 40
        ({"resize": "source"}, (40, 90)),
    ],
)
def test_sizes_follow_the_pixel_aspect(tmp_path, ffmpeg_run, media, shape):
    clip = ffmpeg_run(
        "-f", "lavfi", "-i", "testsrc=size=60x40:rate=5,setsar=3/2", "-frames:v", "2", "-pix_fmt", "yuv420p", "wide.mp4"
    )
    with decode(tmp_path, [clip], **media) as shard:
        assert shard.frames("wide").shape[1:3] == shape


@pytest.mark.parametrize(
    ("colour", "rgb"), [("red", (254, 0, 0)), ("0x00C000", (0, 192, 0)), ("0x102080", (16, 32, 128))]
)
def test_colours(tmp_path, ffmpeg_run, colour, rgb):
    clip = ffmpeg_run(
        "-f", "lavfi", "-i", f"color={colour}:size=33x31:rate=5", "-frames:v", "2", "-c:v", "ffv1", "c.mkv"
    )
    with decode(tmp_path, [clip], resize="source") as shard:
        assert shard.frames("c").shape[1:] == (31, 33, 3)
        np.testing.assert_allclose(shard.frames("c")[0].mean((0, 1)), rgb, atol=2.5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ten_bit.mp4", ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=none")),
        ("vp9.webm", ("-c:v", "libvpx-vp9")),
        ("vp8.webm", ("-c:v", "libvpx")),
        ("mpeg4.avi", ("-c:v", "mpeg4")),
        ("prores.mov", ("-c:v", "prores")),
    ],
)
def test_codecs(tmp_path, counting, name, options):
    with decode(tmp_path, [counting(name, 8, "10", *options)], fps="source") as shard:
        np.testing.assert_allclose(numbers(shard.frames(name.split(".")[0])), range(8), atol=0.6)


def test_six_channels_become_their_mean(tmp_path, ffmpeg_run):
    tones = "|".join(f"0.1*{k}*sin({k}00*t)" for k in range(1, 7))
    clip = ffmpeg_run("-f", "lavfi", "-i", f"aevalsrc={tones}:c=5.1:s=8000:d=0.5", "-c:a", "pcm_f32le", "six.mkv")
    with decode(tmp_path, [clip], frames=False) as shard:
        samples, rate = shard.sound("six")
    t = np.arange(4000) / 8000
    expected = np.mean([0.1 * k * np.sin(k * 100 * t) for k in range(1, 7)], axis=0)
    assert rate == 8000
    np.testing.assert_allclose(samples, expected, atol=1e-5)


def test_sound_and_frames_share_a_clock(tmp_path, counting, ffmpeg_run):
    plain = counting("plain.mp4", 20, "10")
    tone = ("-f", "lavfi", "-i", "sine=duration=1:sample_rate=8000")
    clip = ffmpeg_run("-i", str(plain), "-itsoffset", "0.5", *tone, "-c:v", "copy", "-c:a", "pcm_s16le", "late.mkv")
    with decode(tmp_path, [clip]) as shard:
        samples, _ = shard.sound("late")
        assert len(shard.frames("late")) == 48
    assert len(samples) == 12000
    assert not samples[:3990].any()
    assert np.abs(samples[4000:4100]).max() > 0.05


def test_silent_is_a_state_not_an_error(tmp_path, counting):
    videos = [counting("mute.mp4", 5, "10")]
    with decode(tmp_path, videos) as shard:
        assert shard.sound("mute") is None
    with decode(tmp_path, videos, frames=False) as shard:
        assert shard.video_ids == ["mute"]
        assert shard.sound("mute") is None
        with pytest.raises(UserError, match="decoded without frames"):
            shard.frames("mute")
    with decode(tmp_path, videos, sound=False) as shard, pytest.raises(UserError, match="decoded without sound"):
        shard.sound("mute")


def bad_files(folder: Path, good: Path) -> dict[str, Path]:
    folder.mkdir()
    contents = {
        "empty": b"",
        "text": b"not a video\n" * 300,
        "cut": good.read_bytes()[:600],
        "noise": bytes(range(256)) * 99,
    }
    for name, content in contents.items():
        (folder / f"{name}.mp4").write_bytes(content)
    return {name: folder / f"{name}.mp4" for name in contents}


def test_bad_videos_are_listed_and_the_shard_goes_on(tmp_path, counting, ffmpeg_run, capsys):
    good = counting("good.mp4", 5, "10")
    tune = ffmpeg_run("-f", "lavfi", "-i", "sine=duration=0.2", "tune.m4a")
    videos = {**bad_files(tmp_path / "bad", good), "good": good, "tune": tune}
    with decode(tmp_path, videos, max_bad_fraction=0.9) as shard:
        assert shard.video_ids == ["good"]
        assert len(shard.frames("good")) == 12
    rows = {row[0]: row[1:] for row in quarantined(tmp_path)}
    assert rows.keys() == {"empty", "text", "cut", "noise", "tune"}
    assert rows["empty"][:2] == ["probe", "the file is empty"]
    assert rows["tune"][:2] == ["probe", "no video stream"]
    assert all(rows[name][1] == "not a readable media file" and rows[name][2] for name in ("text", "cut", "noise"))
    assert "text.mp4: left out: probe: not a readable media file" in capsys.readouterr().err


def test_too_many_bad_videos_fail_the_shard_but_leave_the_list(tmp_path, counting, capsys):
    good = counting("good.mp4", 5, "10")
    videos = {**bad_files(tmp_path / "bad", good), "good": good}
    with pytest.raises(UserError, match=r"0000\.tsv: 4 of 5 videos of shard 0000 could not be read"):
        decode(tmp_path, videos, max_bad_fraction=0.5)
    assert len(quarantined(tmp_path)) == 4
    assert list((tmp_path / "out").iterdir()) == []
    assert capsys.readouterr().err.count("left out") == 4


@pytest.mark.parametrize(
    ("videos", "fraction", "allowed"),
    [
        (1, 0.05, 1),
        (19, 0.05, 1),
        (20, 0.05, 1),
        (39, 0.05, 1),
        (40, 0.05, 2),
        (100, 0.29, 29),
        (5, 0.0, 0),
        (3, 1.0, 3),
    ],
)
def test_how_many_may_be_bad(videos, fraction, allowed):
    assert allowed_bad(videos, fraction) == allowed


def test_one_bad_video_in_a_small_shard_is_allowed_and_in_a_strict_one_not(tmp_path, counting):
    good = counting("good.mp4", 5, "10")
    videos = {"good": good, "empty": bad_files(tmp_path / "bad", good)["empty"]}
    with decode(tmp_path, videos) as shard:
        assert shard.video_ids == ["good"]
    with pytest.raises(UserError, match="1 of 2 videos"):
        decode(tmp_path, videos, max_bad_fraction=0)


def test_a_truncated_video_keeps_what_decodes(tmp_path, counting, capsys):
    whole = counting("whole.mkv", 40, "10", "-c:v", "rawvideo")
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with decode(tmp_path, [cut], fps="source") as shard:
        kept = numbers(shard.frames("cut"))
    assert 5 < len(kept) < 40
    assert kept == list(range(len(kept)))
    assert quarantined(tmp_path) == []
    assert "cut.mkv: decoded with errors" in capsys.readouterr().err


def test_frames_that_do_not_decode_are_listed(tmp_path, counting):
    clip = counting("broken.mp4", 5, "10")
    content = clip.read_bytes()
    start = content.index(b"mdat") + 4
    end = content.index(b"moov") - 4
    clip.write_bytes(content[:start] + b"\xff" * (end - start) + content[end:])
    decode(tmp_path, [clip]).close()
    [row] = quarantined(tmp_path)
    assert row[:3] == ["broken", "frames", "no frame could be decoded"]
    assert row[3]


def test_provenance_and_an_empty_shard(tmp_path, counting):
    with decode(tmp_path, {}) as shard:
        assert shard.video_ids == []
        media = json.loads(str(shard.attributes["media"]))
        assert media["size"] == 16
        assert media["scaler"] == "bilinear"
        assert shard.attributes["ffmpeg_version"]
        assert shard.attributes["stage_version"] == 1
    with decode(tmp_path, [counting("a.mp4", 3, "10")]) as shard:
        found = shard.video_attributes("a")
    assert (found["width"], found["height"]) == (16, 16)
    assert (found["source_width"], found["source_height"], found["source_codec"]) == (64, 48, "h264")


def test_blocks_join(tmp_path, counting, monkeypatch):
    clip = counting("a.mp4", 23, "10")
    monkeypatch.setattr("pipeline.media.decode.BLOCK_BYTES", 16 * 16 * 3 * 5)
    with decode(tmp_path, [clip], fps="source") as shard:
        assert shard.frames("a").chunks == (5, 16, 16, 3)
        assert numbers(shard.frames("a")) == list(range(23))


def test_what_is_no_decoded_shard(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        DecodedShard(tmp_path / "gone.h5")
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(UserError, match="not a decoded shard"):
        DecodedShard(tmp_path / "text.h5")
    h5py.File(tmp_path / "other.h5", "w").close()
    with pytest.raises(UserError, match="not a decoded shard"):
        DecodedShard(tmp_path / "other.h5")


@pytest.mark.parametrize(
    ("times", "declared", "rate"),
    [
        ([0.0, 0.033, 0.067, 0.1], Fraction(30), 30.0),  # a container that rounds to milliseconds
        ([0.0, 0.5, 1.0], Fraction(1000), 2.0),  # a rate the frames do not have
        ([0.0, 0.5, 1.0], None, 2.0),
        ([0.2], Fraction(25), 25.0),
        ([0.2], None, 1.0),
    ],
)
def test_rate_of_a_clip(times, declared, rate):
    assert frame_rate(times, declared) == pytest.approx(rate)
