"""Which stream is the picture and which the sound: as ffmpeg chooses by itself, and what no one would take."""

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from pipeline.media.faults import UnreadableError
from pipeline.media.probe import probe

V = "-f lavfi -i testsrc2=size={}:rate=25:duration=1"
A = "-f lavfi -i aevalsrc={}:s=8000:d=1"
SMALL, LARGE, STILL = V.format("64x48"), V.format("128x96"), V.format("600x400").replace("25", "1")
MONO, STEREO = A.format("0.3*sin(800*t)"), A.format("0.3*sin(800*t)|0.2")


@pytest.fixture
def mix(ffmpeg_run):
    """A file of several inputs in their order, with the flags of each: `default`, or 0 for none."""

    def make(name: str, *inputs: str, flags: str = "", codecs: str = "-c:v mpeg4 -c:a aac") -> Path:
        arguments = " ".join(inputs).split()
        maps = " ".join(f"-map {index}" for index in range(len(inputs))).split()
        return ffmpeg_run(*arguments, *maps, *codecs.split(), *flags.split(), name)

    return make


def ffmpegs_choice(path: Path) -> dict[str, int]:
    """The streams that ffmpeg takes when it is told nothing."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", f"file:{path}", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stderr
    into = re.findall(r"Stream #0:(\d+) -> #0:\d+ \((\w+)", said)
    kinds = dict(re.findall(r"Stream #0:(\d+).*?: (Video|Audio): ", said.partition("Output #0")[0]))
    return {kinds[index].lower(): int(index) for index, _ in into}


SAME = {
    "larger.mkv": ((SMALL, LARGE, MONO), "-disposition 0"),
    "larger_first.mkv": ((LARGE, SMALL, MONO), "-disposition 0"),
    "default_is_smaller.mkv": ((LARGE, SMALL, MONO), "-disposition 0 -disposition:v:1 default"),
    "default_is_larger.mkv": ((SMALL, LARGE, MONO), "-disposition 0 -disposition:v:1 default"),
    "both_default.mkv": ((SMALL, LARGE, MONO), "-disposition:v default"),
    "equals.mkv": ((SMALL, SMALL, MONO, MONO), "-disposition 0"),
    "more_channels.mkv": ((SMALL, MONO, STEREO), "-disposition 0"),
    "default_of_one.mkv": ((SMALL, STEREO, MONO), "-disposition 0 -disposition:a:1 default"),
    "tracks.mp4": ((SMALL, LARGE, MONO, STEREO), "-disposition 0 -disposition:v:0 default -disposition:a:0 default"),
    "transport.ts": ((SMALL, LARGE, MONO, STEREO), ""),
    "second.avi": ((SMALL, MONO, STEREO), ""),
}


@pytest.mark.parametrize("name", SAME)
def test_as_ffmpeg_chooses(mix, name):
    inputs, flags = SAME[name]
    codecs = "-c:v mpeg4 -c:a mp2" if name.endswith(("ts", "avi")) else "-c:v mpeg4 -c:a aac"
    path = mix(name, *inputs, flags=flags, codecs=codecs)
    found = probe(path)
    assert found.picture is not None and found.sound is not None
    assert {"video": found.picture.index, "audio": found.sound.index} == ffmpegs_choice(path)


@pytest.mark.parametrize("name", ["a.mkv", "a.mov", "a.mp4"])
@pytest.mark.parametrize("flags", ["-disposition 0", "-disposition:v:0 default", "-disposition:v default"])
def test_one_large_picture_is_not_the_video(mix, decode, capsys, name, flags):
    """Whatever its flags: where ffmpeg takes it for its size, players show what moves."""
    shard = decode([mix(name, STILL, SMALL, MONO, flags=flags, codecs="-c:v:0 mjpeg -c:v:1 mpeg4 -c:a aac")])
    assert len(shard.times("a")) == 24
    assert shard.video_attributes("a")["source_stream"] == 1
    said = capsys.readouterr().err
    assert f"{name}: 2 pictures (stream 0: mjpeg 600x400, one picture" in said
    assert said.count("stream 1 is taken") == 1


def test_a_single_picture_alone_is_the_video(mix):
    found = probe(mix("a.mkv", STILL, MONO, codecs="-c:v mjpeg -c:a aac"))
    assert found.picture is not None
    assert (found.picture.index, found.picture.choice) == (0, "")


def test_sound_that_is_there_before_an_empty_track(mix, decode, capsys):
    flags = "-filter:a:0 aselect=0 -disposition:a:0 default -disposition:a:1 0"
    path = mix("a.mkv", SMALL, STEREO, MONO, flags=flags, codecs="-c:v mpeg4 -c:a pcm_s16le")
    found = decode([path], frames=False).sound("a")
    assert found is not None and len(found[0]) > 7000
    assert "stream 1: pcm_s16le of 2 channels, nothing in it, default" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["V_MPEG4/ISO/ASP", "A_AAC"])
def test_what_nothing_can_decode_is_not_chosen(mix, kind):
    path = mix("a.mkv", SMALL, MONO)
    content = path.read_bytes()
    assert content.count(kind.encode()) == 1
    path.write_bytes(content.replace(kind.encode(), kind[:2].encode() + b"X" * (len(kind) - 2)))
    found = probe(path)
    assert (found.picture is None, found.sound is None) == (kind[0] == "V", kind[0] == "A")


def test_a_playlist_in_disguise_opens_nothing(mix, tmp_path):
    clip = mix("a.ts", SMALL, MONO, codecs="-c:v mpeg2video -c:a mp2")
    listed = tmp_path / "list.mp4"
    listed.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/{clip.name}\n")
    with pytest.raises(UnreadableError, match="not a readable media file"):
        probe(listed)
