"""Which frames come out, and when each begins to be shown."""

from fractions import Fraction

import av
import numpy as np
import pytest

from pipeline.media.decode import frame_rate


def nearest(times: list[Fraction], end: Fraction, fps: int) -> list[int]:
    """Resampling by hand: output frame k shows the last frame whose time, rounded to 1/fps, is at most k."""
    slots = [int(time * fps + Fraction(1, 2)) for time in times]
    return [max(i for i, slot in enumerate(slots) if slot <= k) for k in range(int(end * fps + Fraction(1, 2)))]


def test_source_rate_keeps_every_frame(counting, decode, numbers):
    with decode([counting("a.mp4", 37, "30000/1001")], fps="source") as shard:
        assert numbers(shard.frames("a")) == list(range(37))
        np.testing.assert_allclose(shard.times("a"), np.arange(37) * 1001 / 30000, atol=1e-9)
        assert shard.fps("a") == pytest.approx(30000 / 1001, rel=1e-12)


@pytest.mark.parametrize(
    ("rate", "fps", "count"),
    [("30", 24, 40), ("10", 24, 12), ("30000/1001", 7, 40), ("25", 25, 9), ("12", 30, 20), ("24000/1001", 24, 30)],
)
def test_resampling_by_hand(counting, rate, fps, count, decode, numbers):
    step = 1 / Fraction(rate)
    expected = nearest([i * step for i in range(count)], count * step, fps)
    with decode([counting("a.mp4", count, rate)], fps=fps) as shard:
        assert numbers(shard.frames("a")) == expected
        np.testing.assert_allclose(shard.times("a"), np.arange(len(expected)) / fps, atol=1e-9)
        assert shard.fps("a") == fps


@pytest.mark.parametrize("rate", ["60", "12"])
def test_clips_of_1_to_15_frames_are_never_empty(counting, rate, decode, numbers):
    step = 1 / Fraction(rate)
    clips = [counting(f"{count}.mp4", count, rate) for count in range(1, 16)]
    with decode(clips, fps=24) as shard:
        for count in range(1, 16):
            expected = nearest([i * step for i in range(count)], count * step, 24) or [0]
            assert numbers(shard.frames(str(count))) == expected
            np.testing.assert_allclose(shard.times(str(count)), np.arange(len(expected)) / 24, atol=1e-9)
    with decode(clips, fps="source") as shard:
        assert [len(shard.frames(str(count))) for count in range(1, 16)] == list(range(1, 16))


def test_variable_rate(counting, ffmpeg_run, decode, numbers):
    plain = counting("plain.mp4", 40, "20")
    chosen = [0, 1, 2, 3, 10, 11, 30, 39]
    select = "+".join(f"eq(n,{i})" for i in chosen)
    clip = ffmpeg_run("-i", str(plain), "-vf", f"select='{select}'", "-fps_mode", "vfr", "-qp", "1", "vfr.mp4")
    with decode([clip], fps="source") as shard:
        assert numbers(shard.frames("vfr")) == chosen
        np.testing.assert_allclose(shard.times("vfr"), np.array(chosen) / 20, atol=1e-4)
    for fps in (5, 20):  # below and above the mean rate that the file declares
        slots = [Fraction(i, 20) for i in chosen]
        with decode([clip], fps=fps) as shard:
            held = [chosen[i] for i in nearest(slots, Fraction(2), fps)]
            assert numbers(shard.frames("vfr"))[: 2 * fps] == held


def test_times_that_step_back(counting, ffmpeg_run, decode, numbers, capsys):
    plain = counting("plain.mp4", 20, "10", "-c:v", "mjpeg", "-q:v", "2")
    # A time that ffmpeg does not believe makes it go by those of decoding, which are half a second earlier here.
    times = r"setts=pts=if(eq(N\,8)\,PTS-0.4/TB\,PTS):dts=DTS-0.5/TB"
    clip = ffmpeg_run("-i", str(plain), "-c", "copy", "-bsf:v", times, "back.mp4")
    with decode([clip], fps="source") as shard:
        assert numbers(shard.frames("back")) == list(range(20))
        expected = [0, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7, 8, 9, 10, 11, 12, 13, 14]
        np.testing.assert_allclose(shard.times("back"), np.array(expected) / 10, atol=1e-4)
    assert "back.mp4: the times of 4 frames step back" in capsys.readouterr().err


def test_real_clips_against_pyav(shared, decode):
    videos = {path.name: path for path in sorted((shared / "data" / "videos").iterdir())}
    kept = {}
    with decode(videos, fps="source", sound=False) as shard:
        assert shard.video_ids == sorted(videos)
        for name, path in videos.items():
            with av.open(str(path)) as container:
                exact = [frame.pts * frame.time_base for frame in container.decode(video=0)]
            assert len(shard.frames(name)) == len(exact)
            np.testing.assert_allclose(shard.times(name), [float(time) for time in exact], atol=1e-9)
            last = exact[-1] - exact[0]
            assert shard.fps(name) == pytest.approx(float((len(exact) - 1) / last), rel=0.01)
            kept[name] = exact, shard.frames(name)[:]
    with decode(videos, fps=24, sound=False) as shard:
        for name, (exact, frames) in kept.items():
            _check_resampled(shard.frames(name)[:], shard.times(name), exact, frames)


def _check_resampled(resampled, times, exact, frames) -> None:
    # How long the last frame is shown is the container's to say: within one source frame of where the others end.
    begin = round(exact[0] * 24)
    np.testing.assert_allclose(times, (begin + np.arange(len(times))) / 24, atol=1e-9)
    step = (exact[-1] - exact[0]) / (len(exact) - 1)
    assert abs(len(times) - float((exact[-1] + step - exact[0]) * 24)) <= 0.5 + float(step * 24)
    expected = nearest(exact, exact[-1] + 2 * step, 24)[begin : begin + len(times)]
    np.testing.assert_array_equal(resampled, frames[expected])


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
