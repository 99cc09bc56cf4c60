"""Picture and sound on one clock: clips with a flash and a tone at the same moment, in every kind of container."""

import av
import numpy as np
import pytest

from pipeline.media.clock import Clock, read_clock
from pipeline.media.faults import UnreadableError
from pipeline.media.probe import probe

X264 = ("-c:v", "libx264", "-preset", "ultrafast")
MPEG2 = ("-c:v", "mpeg2video")
CONTAINERS = {
    "a.ts": (*X264, "-c:a", "aac"),
    "b.ts": ("-c:v", "libx264", "-bf", "2", "-c:a", "libopus"),
    "a.m2ts": (*X264, "-c:a", "ac3"),
    "a.mpg": (*MPEG2, "-c:a", "mp2"),
    "a.vob": (*MPEG2, "-bf", "2", "-c:a", "ac3"),
    "a.ogv": ("-c:v", "libtheora", "-q:v", "8", "-c:a", "libvorbis"),
    "a.mkv": (*X264, "-c:a", "aac"),
    "a.mp4": (*X264, "-c:a", "aac"),
    "a.mov": (*X264, "-c:a", "pcm_s16le"),
    "a.flv": (*X264, "-c:a", "aac"),
    "a.webm": ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"),
}
PARTS = {"late picture": {"picture": (0.52, 2)}, "late sound": {"sound": (0.5, 2)}}


@pytest.mark.parametrize("late", PARTS)
@pytest.mark.parametrize("name", CONTAINERS)
def test_streams_that_begin_apart(flashing, decode, flashes, tones, name, late):
    clip = {"v": flashing(name, *CONTAINERS[name], **PARTS[late])}
    # A coder's padding at the begin of the sound, at most 1105 samples, may be the file's first moment.
    with decode(clip, frames=False) as shard:
        (tone,) = tones(shard, "v")
        assert tone == pytest.approx(1, abs=0.03)
    with decode(clip, fps="source", sound=False) as shard:
        assert flashes(shard, "v") == pytest.approx([tone], abs=0.03)
        begin = 0.52 if late == "late picture" else 0
        assert shard.times("v")[0] == pytest.approx(begin, abs=0.03)
    with decode(clip, fps=25, sound=False) as shard:
        assert flashes(shard, "v") == pytest.approx([tone], abs=0.045)


TS = (*X264, "-c:a", "aac")
JOINED = {
    "same": [{}] * 5,
    "ahead": [{}, {"at": 1000}, {}, {"at": 1000}],
    "turn of the clock": [{}, {"at": 95442.2}, {}],
    "turns, and goes on": [{"at": 95442.2}, {}],
    "pictures late": [PARTS["late picture"]] * 3,
    "sounds late": [PARTS["late sound"]] * 3,
    "pictures end": [{"picture": (0, 1.4)}] * 3,
    "sounds end": [{"sound": (0, 1.4)}] * 3,
    "sounds end, pictures late": [{"sound": (0, 1.4)}, PARTS["late picture"], {}],
}


@pytest.mark.parametrize("kind", JOINED)
def test_joined_broadcasts(flashing, joined, decode, flashes, tones, kind):
    parts = []
    for number, given in enumerate(JOINED[kind]):
        options = dict(given)
        begin = str(options.pop("at", 0))
        parts.append(flashing(f"{number}.ts", *TS, "-output_ts_offset", begin, **options))
    clip = {"v": joined("joined.ts", *parts)}
    with decode(clip, fps="source") as shard:
        found, heard = flashes(shard, "v"), tones(shard, "v")
        assert (np.diff(shard.times("v")) > 0).all()
        assert len(shard.times("v")) == sum(len(part) for part in _pictures(parts))
    assert heard == pytest.approx(found, abs=0.03)
    # Each part follows the one before; a coder may end it with a block of sound.
    assert np.diff(found) == pytest.approx(np.full(len(parts) - 1, 2), abs=0.05)
    with decode(clip, fps=25, sound=False) as shard:
        assert flashes(shard, "v") == pytest.approx(found, abs=0.041)


def _pictures(parts) -> list[list[av.VideoFrame]]:
    found = []
    for part in parts:
        with av.open(str(part)) as container:
            found.append(list(container.decode(video=0)))
    return found


@pytest.mark.parametrize("name", ["a.mpg", "a.vob", "a.m2ts", "a.ogv", "a.mkv", "b.ts", "cmaf.mp4"])
def test_joined_in_other_containers(flashing, joined, decode, flashes, tones, name):
    fragments = (*TS, "-movflags", "frag_keyframe+empty_moov+default_base_moof")
    part = flashing(name, *CONTAINERS.get(name, fragments))
    clip = {"v": joined(f"it's {name}", part, part)}
    with decode(clip, fps="source", sound=False) as shard:
        found = flashes(shard, "v")
        assert (np.diff(shard.times("v")) > 0).all()
    with decode(clip, frames=False) as shard:
        assert tones(shard, "v") == pytest.approx(found, abs=0.03)
    # Theora's headers, in the middle of the file, take the time of three pictures.
    assert found == pytest.approx([1, 3], abs=0.15 if name == "a.ogv" else 0.09)


def _shifted(content: bytes, pid: int, chosen: range, seconds: float) -> bytes:
    """A transport stream in which the times of the ``chosen`` pieces of ``pid`` are wrong by ``seconds``."""
    changed, seen = bytearray(content), -1
    for at in range(0, len(content), 188):
        packet = content[at : at + 188]
        if (packet[1] & 31) << 8 | packet[2] != pid or not packet[1] & 0x40:
            continue
        seen += 1
        begin = at + 4 + (packet[4] + 1 if packet[3] & 0x20 else 0)
        if seen in chosen:
            for field in range(begin + 9, begin + 9 + (10 if content[begin + 7] >> 6 == 3 else 5), 5):
                b = content[field : field + 5]
                time = (b[0] >> 1 & 7) << 30 | b[1] << 22 | b[2] >> 1 << 15 | b[3] << 7 | b[4] >> 1
                time = (time + round(seconds * 90000)) % 2**33
                changed[field] = b[0] & 0xF1 | time >> 30 << 1
                changed[field + 1 : field + 3] = (time >> 15 << 1 & 0xFFFF | 1 | (time >> 22 & 0xFF) << 8).to_bytes(2)
                changed[field + 3 : field + 5] = ((time & 0x7FFF) << 1 | 1).to_bytes(2)
    return bytes(changed)


@pytest.mark.parametrize("seconds", [5000, 30, 3, -3, -20])
@pytest.mark.parametrize(("pid", "chosen"), [(0x100, range(6, 7)), (0x100, range(20, 23)), (0x101, range(2, 3))])
def test_wild_times_of_one_stream(tmp_path, flashing, decode, flashes, tones, pid, chosen, seconds):
    good = flashing("good.ts", *TS).read_bytes()
    clip = tmp_path / "wild.ts"
    clip.write_bytes(_shifted(good, pid, chosen, seconds))
    assert clip.read_bytes() != good
    with decode([clip], fps="source") as shard:
        assert flashes(shard, "wild") == pytest.approx([1.021], abs=0.03)
        assert tones(shard, "wild") == pytest.approx([1.021], abs=0.03)
        assert len(shard.times("wild")) == 50
        assert (np.diff(shard.times("wild")) > 0).all()


@pytest.mark.parametrize(
    "options", [("-output_ts_offset", "-1", "-avoid_negative_ts", "disabled"), ("-output_ts_offset", "100")]
)
def test_a_start_that_is_not_zero(flashing, decode, flashes, tones, options):
    clip = flashing("a.mkv", *CONTAINERS["a.mkv"], *options)
    with decode([clip], fps="source") as shard:
        assert flashes(shard, "a") == pytest.approx([1], abs=0.03)
        assert tones(shard, "a") == pytest.approx([1], abs=0.03)


def test_an_edit_list_hides_what_comes_before_it(flashing, ffmpeg_run, decode, flashes, tones):
    whole = flashing("whole.mp4", "-c:v", "libx264", "-g", "1000", "-c:a", "aac")
    clip = ffmpeg_run("-ss", "0.5", "-i", str(whole), "-c", "copy", "cut.mp4")
    with decode([clip], fps="source") as shard:
        assert flashes(shard, "cut") == pytest.approx([0.5], abs=0.03)
        assert tones(shard, "cut") == pytest.approx([0.5], abs=0.03)


def test_times_that_jump_without_end_are_refused(flashing, joined, monkeypatch):
    clip = joined("joined.ts", *[flashing("a.ts", *TS)] * 3)
    assert sum(map(len, read_clock(clip, probe(clip)).pieces.values())) == 6
    monkeypatch.setattr("pipeline.media.clock.MOST_PIECES", 5)
    with pytest.raises(UnreadableError, match="jump 6 times"):
        read_clock(clip, probe(clip))


def test_a_file_with_an_index_is_not_read(flashing):
    clip = flashing("a.mp4", *TS)
    probed = probe(clip)
    assert set(probed.extents) == {0, 1}
    assert read_clock(clip.with_name("is not there"), probed) == Clock()


def test_a_stream_may_rest_while_the_other_goes_on(ffmpeg_run, decode):
    # Slides: a picture at 0, 1 and 14 s, under 15 s of sound.
    slides = "color=gray:size=64x48:rate=1:duration=15,select='eq(n,0)+eq(n,1)+eq(n,14)'"
    sound = ("-f", "lavfi", "-i", "sine=duration=15:sample_rate=48000")
    clip = ffmpeg_run("-f", "lavfi", "-i", slides, *sound, "-fps_mode", "vfr", *X264, "-c:a", "mp2", "a.ts")
    with decode([clip], fps="source") as shard:
        times = shard.times("a")
        samples, rate = shard.sound("a")
    assert times[-1] - times[0] == pytest.approx(14, abs=0.05)
    assert len(samples) / rate == pytest.approx(15, abs=0.05)
