"""The sound: mono, at the track's rate, on the frames' clock."""

import av
import numpy as np
import pytest

from pipeline.errors import UserError


def test_real_clips_against_pyav(shared, decode):
    videos = {path.name: path for path in sorted((shared / "data" / "videos").iterdir())}
    silent = set()
    with decode(videos, frames=False) as shard:
        assert shard.video_ids == sorted(videos)
        for name, path in videos.items():
            with av.open(str(path)) as container:
                if container.streams.audio:
                    _check_sound(shard.sound(name), container)
                else:
                    assert shard.sound(name) is None
                    silent.add(name)
    assert len(silent) == 3


def _check_sound(sound, container) -> None:
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


def test_six_channels_become_their_mean(ffmpeg_run, decode):
    tones = "|".join(f"0.1*{k}*sin({k}00*t)" for k in range(1, 7))
    clip = ffmpeg_run("-f", "lavfi", "-i", f"aevalsrc={tones}:c=5.1:s=8000:d=0.5", "-c:a", "pcm_f32le", "six.mkv")
    with decode([clip], frames=False) as shard:
        samples, rate = shard.sound("six")
    t = np.arange(4000) / 8000
    expected = np.mean([0.1 * k * np.sin(k * 100 * t) for k in range(1, 7)], axis=0)
    assert rate == 8000
    np.testing.assert_allclose(samples, expected, atol=1e-5)


def test_sound_and_frames_share_a_clock(counting, ffmpeg_run, decode):
    plain = counting("plain.mp4", 20, "10")
    tone = ("-f", "lavfi", "-i", "sine=duration=1:sample_rate=8000")
    clip = ffmpeg_run("-i", str(plain), "-itsoffset", "0.5", *tone, "-c:v", "copy", "-c:a", "pcm_s16le", "late.mkv")
    with decode([clip]) as shard:
        samples, _ = shard.sound("late")
        assert len(shard.frames("late")) == 48
    assert len(samples) == 12000
    assert not samples[:3990].any()
    assert np.abs(samples[4000:4100]).max() > 0.05


@pytest.mark.parametrize(("seconds", "name"), [("0.4", "shorter"), ("3", "longer")])
def test_sound_and_picture_keep_their_own_lengths(counting, ffmpeg_run, decode, seconds, name):
    plain = counting("plain.mp4", 20, "10")
    tone = ("-f", "lavfi", "-i", f"aevalsrc=0.5*sin(2000*t):s=8000:d={seconds}")
    clip = ffmpeg_run("-i", str(plain), *tone, "-c:v", "copy", "-c:a", "pcm_f32le", f"{name}.mkv")
    with decode([clip]) as shard:
        samples, _ = shard.sound(name)
        assert len(shard.frames(name)) == 48
    expected = 0.5 * np.sin(2000 * np.arange(round(float(seconds) * 8000)) / 8000)
    np.testing.assert_allclose(samples, expected, atol=1e-5)


def test_silent_is_a_state_not_an_error(counting, decode):
    videos = [counting("mute.mp4", 5, "10")]
    with decode(videos) as shard:
        assert shard.sound("mute") is None
    with decode(videos, frames=False) as shard:
        assert shard.video_ids == ["mute"]
        assert shard.sound("mute") is None
        with pytest.raises(UserError, match="decoded without frames; run `avsd decode` for this feature"):
            shard.frames("mute")
    with decode(videos, sound=False) as shard, pytest.raises(UserError, match="without sound; run `avsd decode`"):
        shard.sound("mute")
