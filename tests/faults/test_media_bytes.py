"""Damaged bytes: whatever they are, a video is decoded as far as it goes, or named with what the decoder said."""

import random

import pytest

from pipeline.config import Media
from pipeline.media.decode import decode_shard
from tests.faults.media import LAVFI, MEBIBYTE, PICTURE, TONE, X264, Decoded, arguments, make

MORE = pytest.mark.more
MPEG2 = ("-c:v", "mpeg2video", "-r", "25")
KINDS = {
    "h264.mp4": (*X264, "-c:a", "aac"),
    "fragments.mp4": (*X264, "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
    "prores.mov": ("-c:v", "prores_ks", "-c:a", "pcm_s16le"),
    "h263.3gp": ("-c:v", "h263", "-s", "128x96", "-c:a", "aac"),
    "h264.mkv": (*X264, "-c:a", "libopus"),
    "ffv1.mkv": ("-c:v", "ffv1", "-c:a", "flac"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libvorbis"),
    "mpeg4.avi": ("-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "mjpeg.avi": ("-c:v", "mjpeg", "-c:a", "pcm_s16le"),
    "h264.ts": (*X264, "-c:a", "aac"),
    "mpeg2.mpg": (*MPEG2, "-c:a", "mp2"),
    "flv1.flv": ("-c:v", "flv", "-c:a", "libmp3lame", "-ar", "22050"),
    "wmv.wmv": ("-c:v", "wmv2", "-c:a", "wmav2"),
    "theora.ogv": ("-c:v", "libtheora", "-c:a", "libvorbis"),
    "mpeg2.mxf": (*MPEG2, "-c:a", "pcm_s16le", "-ar", "48000"),
    "ffv1.nut": ("-c:v", "ffv1", "-c:a", "pcm_s16le"),
    "rv20.rm": ("-c:v", "rv20", "-s", "128x96", "-c:a", "ac3"),
    "sound.mkv": ("-vn", "-c:a", "pcm_s16le"),
    "picture.gif": ("-an",),
    "raw.y4m": ("-an", "-pix_fmt", "yuv420p"),
}
FIRST = ("h264.mp4", "h264.mkv", "mpeg4.avi", "h264.ts")
HEAD = 1024
ABSURD = (b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\x00\x00\x00\x01")


def flipped(random, data):
    """A bit of a header."""
    data[random.randrange(min(HEAD, len(data)))] ^= 1 << random.randrange(8)


def scattered(random, data):
    """Bits all over."""
    for _ in range(random.randrange(1, 60)):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def absurd(random, data):
    """A size, a number of entries, a time that no file has."""
    at = random.randrange(min(HEAD, len(data)))
    data[at : at + 4] = random.choice(ABSURD)


def zeroed(random, data):
    """A block that was not written."""
    at = random.randrange(len(data))
    data[at : at + 512] = bytes(len(data[at : at + 512]))


def cut(random, data):
    """The end is missing."""
    del data[random.randrange(len(data)) :]


def shifted(random, data):
    """Some bytes too few, or too many."""
    at = random.randrange(len(data))
    if random.random() < 0.5:
        del data[at : at + random.randrange(1, 20)]
    else:
        data[at:at] = random.randbytes(random.randrange(1, 20))


DAMAGES = (flipped, scattered, absurd, zeroed, cut, shifted)


def require_named(decoded, ids, feature):
    """Every video is there, with frames or samples as they should be, or named with a stage and a reason."""
    assert sorted([*decoded.frames, *decoded.bad]) == sorted(ids)
    for values in decoded.frames.values():
        assert feature == "heard" or (len(values) > 0 and values.shape[1:] == (16, 16, 3))
    for reason in decoded.bad.values():
        assert reason.split(": ")[0] in {"probe", "frames", "sound"}


def damaged(folder, kind, count):
    """``count`` damaged copies of a clip of this ``kind``, by the same seeds every time; their ids."""
    clip = make(folder / kind, *PICTURE, *TONE, *KINDS[kind]).read_bytes()
    (folder / "videos").mkdir()
    for seed in range(count):
        data = bytearray(clip)
        chance = random.Random(f"{kind} {seed}")
        DAMAGES[seed % len(DAMAGES)](chance, data)
        (folder / "videos" / f"{seed}.{kind.split('.')[1]}").write_bytes(data)
    return [str(seed) for seed in range(count)]


@pytest.mark.fault("Media", "bytes flipped, zeroed, cut off, inserted", "decoded as far as it goes, or quarantine")
@pytest.mark.parametrize("feature", ["rgb", pytest.param("heard", marks=MORE)])
@pytest.mark.parametrize(
    ("kind", "count"),
    [*((kind, 6) for kind in FIRST), *(pytest.param(kind, 60, marks=MORE) for kind in KINDS)],
)
def test_damaged_bytes(avsd, tmp_path, kind, count, feature):
    ids = damaged(tmp_path, kind, count)
    avsd(*arguments("videos", feature, fps="source"), seconds=600).went_well(memory=2048 * MEBIBYTE)
    require_named(Decoded.read(tmp_path), ids, feature)


def replaced(old, new, at=0):
    """The first ``old`` becomes ``new``, from its byte ``at`` on."""

    def change(data):
        place = data.index(old) + at
        data[place : place + len(new)] = new

    return change


ABSURDITIES = {
    "time base of 0": ("h264.mp4", replaced(b"mdhd", bytes(4), 16)),
    "time base of 1": ("h264.mp4", replaced(b"mdhd", b"\0\0\0\1", 16)),
    "time base of 2^32": ("h264.mp4", replaced(b"mdhd", b"\xff" * 4, 16)),
    "duration below 0": ("h264.mp4", replaced(b"mdhd", b"\x80\0\0\0", 20)),
    "0 entries of 4 billion": ("h264.mp4", replaced(b"stts", b"\xff" * 4, 8)),
    "frames of 4 billion ticks": ("h264.mp4", replaced(b"stts", b"\xff" * 4, 16)),
    "samples of 4 GB": ("h264.mp4", replaced(b"stsz", b"\xff" * 4, 8)),
    "0 x 0": ("h264.mp4", replaced(b"avc1", bytes(4), 28)),
    "1 x 65535": ("mpeg4.avi", replaced(b"strf", b"\1\0\0\0\xff\xff\0\0", 12)),
    "0 frames a second": ("mpeg4.avi", replaced(b"strh", bytes(8), 28)),
    "no streams": ("mpeg4.avi", replaced(b"avih", bytes(4), 32)),
    "4 billion streams": ("mpeg4.avi", replaced(b"avih", b"\xff" * 4, 32)),
    "a rate of 4 GHz": ("sound.mkv", replaced(b"\xb5\x88@\xcf", b"\xb5\x88A\xef\xff\xff\xff\xe0\0\0")),
    "a rate of no number": ("sound.mkv", replaced(b"\xb5\x88@\xcf", b"\xb5\x88\x7f\xf8\0\0\0\0\0\0")),
    "a duration of no number": ("h264.mkv", replaced(b"\x44\x89\x88", b"\x44\x89\x88\x7f\xf8\0\0\0\0\0\0")),
    "a duration of minus infinity": ("h264.mkv", replaced(b"\x44\x89\x88", b"\x44\x89\x88\xff\xf0\0\0\0\0\0\0")),
    "a time scale of 0": ("h264.mkv", replaced(b"\x2a\xd7\xb1\x83", b"\x2a\xd7\xb1\x83\0\0\0")),
    "a time scale of 16 ms": ("h264.mkv", replaced(b"\x2a\xd7\xb1\x83", b"\x2a\xd7\xb1\x83\xff\xff\xff")),
    "a sound that is a picture": ("h264.mkv", replaced(b"\x83\x81\x02", b"\x83\x81\x01")),
    "a picture that is a sound": ("h264.mkv", replaced(b"\x83\x81\x01", b"\x83\x81\x02")),
    "streams of no kind": ("h264.mkv", replaced(b"\x83\x81\x01", b"\x83\x81\x7f")),
}

TOLD = ("0 entries of 4 billion", "time base of 1", "0 x 0", "1 x 65535", "a time scale of 0")


@pytest.mark.fault("Media", "a sampling rate that no sound has", "quarantine with the figure")
@pytest.mark.parametrize("rate", [1, 2**31 - 1, pytest.param(99, marks=MORE), pytest.param(400_001, marks=MORE)])
def test_absurd_rates(tmp_path, rate):
    tone = bytearray(make(tmp_path / "x.wav", *TONE).read_bytes())
    replaced(b"fmt ", rate.to_bytes(4, "little"), 8 + 4)(tone)
    (tmp_path / "x.wav").write_bytes(tone)
    decode_shard(
        {"x": tmp_path / "x.wav"}, Media(), tmp_path / "out.h5", tmp_path / "bad.tsv", frames=False, sound=True
    )
    assert f"sound: {rate} samples a second" in Decoded.read(tmp_path).bad["x"]


@pytest.mark.fault("Media", "sizes, times and rates that no clip has", "decoded as far as it goes, or quarantine")
@pytest.mark.parametrize(
    ("feature", "names"),
    [
        ("rgb", TOLD),
        pytest.param("rgb", tuple(ABSURDITIES), marks=MORE),
        pytest.param("heard", ABSURDITIES, marks=MORE),
    ],
)
def test_absurd_headers(avsd, tmp_path, feature, names):
    (tmp_path / "videos").mkdir()
    clips = {}
    for name in names:
        kind, change = ABSURDITIES[name]
        if kind not in clips:
            clips[kind] = make(tmp_path / kind, *PICTURE, *TONE, *KINDS[kind]).read_bytes()
        data = bytearray(clips[kind])
        change(data)
        (tmp_path / "videos" / f"{name}.{kind.split('.')[1]}").write_bytes(data)
    avsd(*arguments("videos", feature, fps=24), seconds=300).went_well(seconds=30, memory=2048 * MEBIBYTE)
    require_named(Decoded.read(tmp_path), names, feature)


def streams(path, count):
    """A file of so many sound tracks, and of one picture."""
    tracks = [part for _ in range(count) for part in ("-map", "1:a")]
    return make(path, *PICTURE, *LAVFI, "sine=sample_rate=8000:duration=0.1", "-map", "0:v", *tracks, *X264)


def told(path, count):
    """A file with so many MiB of words about it."""
    words = path.with_suffix(".txt")
    path.parent.mkdir(exist_ok=True)
    words.write_text(";FFMETADATA1\n" + "".join(f"key{i}={'x' * 65000}\n" for i in range(count * 16)))
    make(path, *PICTURE, *TONE, "-i", words, "-map_metadata", "2", *X264)
    words.unlink()


def covered(path, side):
    """Sound with a cover of side x side pixels."""
    cover = make(path.with_suffix(".png"), *LAVFI, f"color=red:size={side}x{side}", "-frames:v", "1")
    made = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
    make(path, *TONE, "-i", cover, *made)
    cover.unlink()


LARGE = {
    "many streams": ("heard", "x.mkv", lambda path: streams(path, 100), "x"),
    "as many streams as ffmpeg writes": ("heard", "x.mkv", lambda path: streams(path, 999), "x"),
    "megabytes of words": ("rgb", "x.mkv", lambda path: told(path, 20), "x"),
    "a huge cover": ("heard", "x.m4a", lambda path: covered(path, 4000), None),
}


@pytest.mark.fault("Media", "a thousand streams, megabytes of words, huge covers", "decoded, or one short line")
@pytest.mark.parametrize("name", ["many streams", *(pytest.param(name, marks=MORE) for name in list(LARGE)[1:])])
def test_large_in_other_ways(avsd, tmp_path, name):
    feature, file, build, left = LARGE[name]
    build(tmp_path / "videos" / file)
    done = avsd(*arguments("videos", feature), seconds=300)
    done.went_well(seconds=20, memory=700 * MEBIBYTE)
    assert max(map(len, done.err.splitlines())) < 2000
    decoded = Decoded.read(tmp_path)
    assert list(decoded.frames) == ([] if left is None else [left])
    assert all(len(reason) < 2000 for reason in decoded.bad.values())
