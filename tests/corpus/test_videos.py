"""Which files of a folder are its videos: by suffix, by content, by name; and what is said of the others."""

import os
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from pipeline.corpus.videos import SUFFIXES, find_videos
from pipeline.errors import UserError
from pipeline.features.store import write_shard
from tests.speed import lines_run

CONTAINERS = {
    "mp4": "-c:v mpeg4 -c:a aac -f mp4",
    "mov": "-c:v mjpeg -c:a pcm_s16le -f mov",
    "matroska": "-c:v mpeg4 -c:a aac -f matroska",
    "avi": "-c:v mpeg4 -c:a mp3 -f avi",
    "asf": "-c:v mpeg4 -c:a mp3 -f asf",
    "flv": "-c:v flv -c:a mp3 -ar 44100 -f flv",
    "ogg": "-c:v libtheora -c:a libvorbis -f ogg",
    "mpegts": "-c:v mpeg2video -c:a mp2 -f mpegts",
    "m2ts": "-c:v mpeg2video -c:a ac3 -f mpegts -mpegts_m2ts_mode 1",
    "vob": "-c:v mpeg2video -c:a mp2 -f vob",
    "mxf": "-c:v mpeg2video -c:a pcm_s16le -f mxf",
    "gif": "-c:v gif -an -f gif",
    "nut": "-c:v mpeg4 -c:a mp3 -f nut",
    "3gp": "-c:v mpeg4 -c:a aac -f 3gp",
}
OTHERS = {
    "wav": "-vn -c:a pcm_s16le -f wav",
    "mp3": "-vn -c:a mp3 -f mp3",
    "m4a": "-vn -c:a aac -f ipod",
    "opus": "-vn -c:a libopus -f ogg",
    "jpeg": "-an -frames:v 1 -c:v mjpeg -f mjpeg",
    "png": "-an -frames:v 1 -c:v png -f image2pipe",
}
SOURCE = "-f lavfi -i testsrc2=size=64x48:rate=25:duration=0.2 -f lavfi -i sine=sample_rate=48000:duration=0.2"


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Small files of many kinds, as ffmpeg writes them."""
    folder = tmp_path_factory.mktemp("contents")
    wanted = {**CONTAINERS, **OTHERS}
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", *SOURCE.split()]
    for name, options in wanted.items():
        command += [*options.split(), str(folder / name)]
    subprocess.run(command, check=True)
    return {name: (folder / name).read_bytes() for name in wanted}


def make(folder: Path, *names: str, content: bytes = b"anything") -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("kind", CONTAINERS)
def test_without_a_suffix_the_content_decides(tmp_path, contents, kind):
    for name in ("clip", "take 1.2", "P01_03.00"):
        make(tmp_path, name, content=contents[kind])
    found = find_videos(tmp_path)
    assert list(found.files) == ["P01_03.00", "clip", "take 1.2"]
    assert found.note is None


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_video_is_left_out(tmp_path, contents, kind):
    found = find_videos(make(tmp_path, "clip", content=contents[kind]))
    assert (found.files, found.left_out) == ({}, ("clip",))


def test_suffixes_in_any_case():
    known = "mp4 m2ts mts ogv vob asf wmv gif mxf 3g2 3gp f4v divx mkv webm avi mov m4v mpg mpeg flv ts"
    assert {f".{name}" for name in known.split()} <= SUFFIXES


def test_letters_ids_and_what_is_said(tmp_path):
    make(tmp_path, "a.MP4", "b.Mts", "c.VOB", "d.b.mkv", "notes.txt", "e.srt", "README", ".hidden.mp4", "._a.MP4")
    make(tmp_path, "inner/f.mp4", "inner.mp4/g.mp4", ".DS_Store")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "gone.mp4").symlink_to("nowhere")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "linked.mp4").symlink_to("a.MP4")
    found = find_videos(tmp_path)
    assert {video_id: path.name for video_id, path in found.files.items()} == {
        "a": "a.MP4", "b": "b.Mts", "c": "c.VOB", "d.b": "d.b.mkv", "linked": "linked.mp4",
    }  # fmt: skip
    said = found.note
    assert said is not None and said.startswith(f"{tmp_path}: 9 of its entries not taken as videos: ")
    assert said.endswith(" and 1 more") and "\n" not in said
    for part in ("gone.mp4 (no file", "pipe.mp4 (no file", "inner (a folder: videos_recursive", ".hidden.mp4 (hidden)"):
        assert part in said
    deep = find_videos(tmp_path, recursive=True)
    assert list(deep.files) == ["a", "b", "c", "d.b", "f", "g", "linked"]


def test_links_in_folders_may_lead_anywhere(tmp_path):
    make(tmp_path / "here", "x/a.mp4")
    make(tmp_path / "elsewhere", "b.mp4")
    (tmp_path / "here/x/back").symlink_to(tmp_path / "here")
    (tmp_path / "here/other").symlink_to(tmp_path / "elsewhere")
    found = find_videos(tmp_path / "here", recursive=True)
    assert {video_id: str(path.relative_to(tmp_path / "here")) for video_id, path in found.files.items()} == {
        "a": "x/a.mp4",
        "b": "other/b.mp4",
    }


@pytest.mark.parametrize(
    ("first", "second"), [("a.mkv", "a.mp4"), ("x/a.mp4", "y/a.mp4"), ("a.MP4", "a.mp4"), ("a", "a.mkv")]
)
def test_two_files_of_one_id_are_named(tmp_path, contents, first, second):
    make(tmp_path, first, second, content=contents["mp4"])
    with pytest.raises(UserError, match=rf"{first} and {second} have the same id a; rename one of them") as raised:
        find_videos(tmp_path, recursive=True)
    assert "\n" not in str(raised.value)


def test_names_that_are_no_utf8_are_named(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")).write_bytes(b"x")
    found = find_videos(make(tmp_path, "café.mp4"))
    assert list(found.files) == ["café"]
    assert found.note == (
        f"{tmp_path}: 1 of its entries not taken as videos: caf\\xe9.mp4 (its name is not UTF-8: rename it)"
    )


@pytest.mark.parametrize("name", ["a\tb", "a\nb", "\ufeffa", "a\u200eb", "a\u2028b", "a\u202eb", "a\x1b[1m"])
def test_names_that_no_shard_takes_are_named(tmp_path, name):
    """One of them, taken by the plan, would fail its whole shard once that is decoded."""
    nothing = np.zeros((0, 2), np.float32)
    with pytest.raises(UserError, match="cannot be a video's id; rename it"):
        write_shard(tmp_path / "0000.h5", [(name, nothing, np.zeros(0))], {}, 2, "float32")
    found = find_videos(make(tmp_path / "videos", "good.mp4", f"{name}.mp4", "été.mp4", "a b.mp4"))
    assert list(found.files) == ["a b", "good", "été"]
    written = name.encode("unicode_escape").decode()
    reason = "its name has a tab, a line break or a mark that is not seen: rename it"
    assert found.note == f"{tmp_path}/videos: 1 of its entries not taken as videos: {written}.mp4 ({reason})"
    # Where it names no step of a shard it is a video like any other.
    assert len(find_videos(tmp_path / "videos", by_path=True).files) == 4


def test_a_video_with_a_suffix_is_not_opened(tmp_path, monkeypatch):
    """Planning looks at folders of twelve thousand."""
    folders = {
        count: make(tmp_path / str(count), *(f"V{each:04d}.mp4" for each in range(count))) for count in (100, 1000)
    }
    monkeypatch.setattr(Path, "open", None)
    assert len(find_videos(folders[1000]).files) == 1000
    few, many = (lines_run(lambda folder=folder: find_videos(folder)) for folder in folders.values())
    assert many < 11 * few
