"""A shard of videos: what is kept, what is listed as unreadable, and what the file says of itself."""

import csv
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.media.decode import allowed_bad
from pipeline.media.decoded import DecodedShard
from pipeline.versions import STAGES


def quarantined(tmp_path: Path) -> list[list[str]]:
    with (tmp_path / "q" / "0000.tsv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, dialect="excel-tab")
    assert header == ["video", "stage", "reason", "decoder's words"]
    return rows


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


def test_bad_videos_are_listed_and_the_shard_goes_on(tmp_path, counting, ffmpeg_run, capsys, decode):
    good = counting("good.mp4", 5, "10")
    tune = ffmpeg_run("-f", "lavfi", "-i", "sine=duration=0.2", "tune.m4a")
    videos = {**bad_files(tmp_path / "bad", good), "good": good, "tune": tune}
    with decode(videos, max_bad_fraction=0.9) as shard:
        assert shard.video_ids == ["good"]
        assert len(shard.frames("good")) == 12
    rows = {row[0]: row[1:] for row in quarantined(tmp_path)}
    assert rows.keys() == {"empty", "text", "cut", "noise", "tune"}
    assert rows["empty"][:2] == ["probe", "the file is empty"]
    assert rows["tune"][:2] == ["probe", "no video stream"]
    assert all(rows[name][1] == "not a readable media file" and rows[name][2] for name in ("text", "cut", "noise"))
    assert "text.mp4: left out: probe: not a readable media file" in capsys.readouterr().err


def test_too_many_bad_videos_fail_the_shard_but_leave_the_list(tmp_path, counting, capsys, decode):
    good = counting("good.mp4", 5, "10")
    videos = {**bad_files(tmp_path / "bad", good), "good": good}
    with pytest.raises(UserError, match=r"shard 0000: 4 of 5 videos could not be read \(why: the lines above\)"):
        decode(videos, max_bad_fraction=0.5)
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


def test_one_bad_video_in_a_small_shard_is_allowed_and_in_a_strict_one_not(tmp_path, counting, decode):
    good = counting("good.mp4", 5, "10")
    videos = {"good": good, "empty": bad_files(tmp_path / "bad", good)["empty"]}
    with decode(videos) as shard:
        assert shard.video_ids == ["good"]
    with pytest.raises(UserError, match="1 of 2 videos"):
        decode(videos, max_bad_fraction=0)


def test_a_truncated_video_keeps_what_decodes(tmp_path, counting, capsys, decode, numbers):
    whole = counting("whole.mkv", 40, "10", "-c:v", "rawvideo")
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with decode([cut], fps="source") as shard:
        kept = numbers(shard.frames("cut"))
    assert 5 < len(kept) < 40
    assert kept == list(range(len(kept)))
    assert quarantined(tmp_path) == []
    assert "cut.mkv: decoded with errors" in capsys.readouterr().err


def test_damage_inside_a_video_is_told_and_every_frame_has_its_time(ffmpeg_run, decode, capsys):
    source = "testsrc2=size=96x64:rate=10,noise=alls=20:all_seed=1"
    clip = ffmpeg_run("-f", "lavfi", "-i", source, "-frames:v", "40", "-pix_fmt", "yuv420p", "-g", "8", "a.mkv")
    content = bytearray(clip.read_bytes())
    for place in range(len(content) // 3, 2 * len(content) // 3, 2000):
        content[place] ^= 0xFF
    clip.write_bytes(content)
    with decode([clip], fps="source") as shard:
        count, times = len(shard.frames("a")), shard.times("a")
    assert 20 < count <= 40
    assert len(times) == count
    assert set((times * 10).round(6)) <= set(range(40))
    assert "a.mkv: decoded with errors" in capsys.readouterr().err


def test_frames_that_do_not_decode_are_listed(tmp_path, counting, decode):
    clip = counting("broken.mp4", 5, "10")
    content = clip.read_bytes()
    start = content.index(b"mdat") + 4
    end = content.index(b"moov") - 4
    clip.write_bytes(content[:start] + b"\xff" * (end - start) + content[end:])
    decode([clip]).close()
    [row] = quarantined(tmp_path)
    assert row[:3] == ["broken", "frames", "no frame could be decoded"]
    assert row[3]


def test_provenance_and_an_empty_shard(counting, decode):
    with decode({}) as shard:
        assert shard.video_ids == []
        media = json.loads(str(shard.attributes["media"]))
        assert media["size"] == 16
        assert media["scaler"] == "bilinear"
        assert shard.attributes["ffmpeg_version"]
        assert shard.attributes["stage_version"] == STAGES["decode"]
    with decode([counting("a.mp4", 3, "10")]) as shard:
        found = shard.video_attributes("a")
    assert (found["width"], found["height"]) == (16, 16)
    assert (found["source_width"], found["source_height"], found["source_codec"]) == (64, 48, "h264")


def test_blocks_join(counting, monkeypatch, decode, numbers):
    clip = counting("a.mp4", 23, "10")
    monkeypatch.setattr("pipeline.media.decode.BLOCK_BYTES", 16 * 16 * 3 * 5)
    with decode([clip], fps="source") as shard:
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


def test_a_shard_of_many_small_videos_is_read(tmp_path, counting, decode):
    decode([counting("one.mp4", 3, "10")]).close()
    many = tmp_path / "many.h5"
    with h5py.File(tmp_path / "out" / "0000.h5") as given, h5py.File(many, "w") as file:
        file.attrs.update(dict(given.attrs))
        for number in range(1000):
            video = file.create_group(f"v{number}")
            video.attrs.update(dict(given["one"].attrs) | {"width": 1, "height": 1})
            video["frames"] = np.zeros((1, 1, 1, 3), np.uint8)
            video["times"] = np.zeros(1)
    with DecodedShard(many) as shard:
        assert len(shard.video_ids) == 1000


def test_an_ffmpeg_without_zimg_is_named(tmp_path, counting, decode, monkeypatch):
    clip = counting("a.mp4", 3, "10")
    other = tmp_path / "ffmpeg"
    other.write_text("#!/bin/sh\necho \"Unknown filter 'zscale'.\"\nexit 1\n")
    other.chmod(0o755)
    monkeypatch.setattr("pipeline.media.ffmpeg.version", lambda: "0")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(other))
    with pytest.raises(UserError, match=rf"{other}: ffmpeg without the filter zscale"):
        decode([clip])
