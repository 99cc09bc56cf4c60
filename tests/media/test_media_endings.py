"""Decoding when something happens to the decoder: only faults of the data stand in quarantine."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import pytest

from pipeline.config import Media
from pipeline.errors import UserError
from pipeline.media.decode import decode_video
from pipeline.media.ffmpeg import Decoder

ROOT = Path(__file__).resolve().parents[2]
ENDED = [signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGHUP]


@pytest.fixture
def clip(ffmpeg_run) -> Path:
    """Frames and sound that are more than a pipe holds, so that the decoder cannot be done before it is read."""
    source = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=8", "-f", "lavfi", "-i", "sine=r=48000:d=8")
    return ffmpeg_run(*source, "-c:v", "mpeg4", "-c:a", "pcm_s16le", "clip.mkv")


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Decode with a shell script; $REAL is the real decoder. What it is asked about itself the real one answers."""

    def use(script: str) -> None:
        path = tmp_path / "ffmpeg"
        real = f"REAL={imageio_ffmpeg.get_ffmpeg_exe()}; HERE={tmp_path}; "
        path.write_text(f'#!/bin/sh\n{real}case "$*" in *pipe:1*) ;; *) exec $REAL "$@" ;; esac\n{script}\n')
        path.chmod(0o755)
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(path))

    return use


def _end_at_the_first_read(monkeypatch: pytest.MonkeyPatch, sent: int) -> None:
    read_into = Decoder._read_into

    def end_first(decoder, target):
        os.kill(decoder._process.pid, sent)
        return read_into(decoder, target)

    monkeypatch.setattr(Decoder, "_read_into", end_first)


@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize("sent", ENDED)
def test_a_decoder_ended_from_outside_fails_the_job(tmp_path, clip, decode, monkeypatch, sent, sound):
    _end_at_the_first_read(monkeypatch, sent)
    with pytest.raises(UserError, match=rf"clip\.mkv: the decoder was ended from outside, by {sent.name}"):
        decode([clip], size=224, frames=not sound, sound=sound)
    assert [path for folder in ("out", "q") for path in (tmp_path / folder).glob("*")] == []


def test_asking_about_a_video_does_not_make_do_with_a_part(tmp_path, clip, monkeypatch):
    _end_at_the_first_read(monkeypatch, signal.SIGTERM)
    with pytest.raises(UserError, match=r"clip\.mkv: the decoder was ended from outside, by SIGTERM"):
        decode_video("video", clip, Media(size=224), tmp_path / "out.h5", frames=True, sound=False)
    assert not (tmp_path / "out.h5").exists()


def test_a_crash_in_the_same_place_is_a_fault_of_the_file(tmp_path, clip, decode, stand_in, capsys):
    stand_in("head -c 5000 /dev/zero; kill -SEGV $$")
    assert decode([clip]).video_ids == []
    assert (tmp_path / "q/0000.tsv").read_text().splitlines()[1:] == ["clip\tframes\tthe decoder crashed (SIGSEGV)\t"]


def test_a_crash_that_does_not_come_again_loses_nothing(tmp_path, clip, decode, stand_in):
    whole = decode([clip], size=16).frames("clip").shape
    stand_in('[ -e $HERE/crashed ] && exec $REAL "$@"; touch $HERE/crashed; kill -SEGV $$')
    shard = decode([clip], size=16)
    assert shard.frames("clip").shape == whole == (192, 16, 16, 3)
    assert (tmp_path / "q/0000.tsv").read_text().count("\n") == 1


def test_failing_otherwise_the_second_time_is_no_fault_of_the_file(tmp_path, clip, decode, stand_in):
    stand_in("[ -e $HERE/crashed ] && exit 183; touch $HERE/crashed; kill -SEGV $$")
    with pytest.raises(UserError, match=r"clip\.mkv: failed in two ways .*SIGSEGV.*no frame could be decoded"):
        decode([clip])
    assert not (tmp_path / "q").exists()


def test_a_decoder_without_memory_fails_the_job(tmp_path, clip, decode, stand_in):
    stand_in('ulimit -v 400000; exec $REAL "$@"')
    with pytest.raises(UserError, match=r"clip\.mkv: the decoder got too little from the machine"):
        decode([clip], size=2000)
    assert not (tmp_path / "q").exists()


def test_a_header_that_asks_for_what_no_machine_has(tmp_path, ffmpeg_run, decode):
    """The same error means the machine only where memory can be short."""
    path = ffmpeg_run("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=0.2", "-c:v", "mpeg4", "absurd.mp4")
    content = path.read_bytes()
    place = content.index(b"stts") + 8
    path.write_bytes(content[:place] + b"\x7f\xff\xff\xff" + content[place + 4 :])
    assert decode([path]).video_ids == []
    assert "Cannot allocate memory" in (tmp_path / "q/0000.tsv").read_text()
    (tmp_path / "q/0000.tsv").unlink()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 46, before[1]))
    try:
        with pytest.raises(UserError, match=r"absurd\.mp4: the file could not be opened: Cannot allocate memory"):
            decode([path])
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert not (tmp_path / "q/0000.tsv").exists()


def test_a_file_that_the_disk_does_not_give_fails_the_job(tmp_path, decode):
    broken = tmp_path / "broken.mp4"
    broken.symlink_to("/proc/self/mem")  # which opens, and gives EIO when it is read
    with pytest.raises(UserError, match=r"broken\.mp4: cannot be read \(Input/output error\)"):
        decode([broken])
    with pytest.raises(UserError, match=r"gone\.mp4: cannot be read \(No such file"):
        decode([tmp_path / "gone.mp4"])
    assert not (tmp_path / "q").exists()


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, clip):
    done = avsd(tmp_path, clip, limit=1 << 20)
    said = done.communicate(timeout=60)[1].splitlines()
    assert done.returncode == 1
    assert [line for line in said if "error" in line.lower()] == [said[-1]]
    assert "out.h5" in said[-1] and said[-1].endswith("(File too large)")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips"]


def test_ctrl_c_ends_the_job(tmp_path, clip):
    job = avsd(tmp_path, clip, copies=40)
    _wait_for(lambda: _decoders(job.pid))
    os.killpg(job.pid, signal.SIGINT)
    said = job.communicate(timeout=60)[1]
    assert job.returncode == 128 + signal.SIGINT
    assert said.splitlines()[-1] == "stopped by SIGINT" and "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips"]
    assert not _group(job.pid)


def test_what_a_killed_job_left_goes_with_the_next_run(tmp_path, clip):
    job = avsd(tmp_path, clip, copies=40)
    _wait_for(lambda: _decoders(job.pid))
    job.kill()
    job.communicate(timeout=60)
    assert [path.suffix for path in tmp_path.glob(".out.h5.*")] == [".h5"]
    next_job = avsd(tmp_path, clip)
    said = next_job.communicate(timeout=60)[1]
    assert next_job.returncode == 0, said
    assert "left by a job that died, removed" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "out.h5", "out.tsv"]


def avsd(folder: Path, clip: Path, copies: int = 1, limit: int | None = None) -> "subprocess.Popen[str]":
    """`avsd decode` of some copies of a clip, in a group of processes of its own."""
    for index in range(1, copies):
        (clip.parent / f"{index}.mkv").unlink(missing_ok=True)
        (clip.parent / f"{index}.mkv").symlink_to(clip)
    if copies == 1:
        for path in clip.parent.glob("[0-9]*.mkv"):
            path.unlink()
    command = [] if limit is None else ["sh", "-c", f'ulimit -f {limit >> 9}; exec "$@"', "sh"]
    command += [sys.executable, "-m", "pipeline", "decode", "i3d_rgb", "--config", str(ROOT / "config.yaml")]
    command += ["--config", '{"corpus": {"shards": 1}}', "--videos", str(clip.parent)]
    command += ["--out", str(folder / "out.h5"), "--quarantine", str(folder / "out.tsv")]
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _group(leader: int) -> list[int]:
    """Processes of a group that are not yet ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(group) == leader and state != "Z":
            found.append(int(path.parent.name))
    return found


def _decoders(leader: int) -> list[int]:
    """Decoders at work on a clip in a group of processes."""
    found = []
    for number in _group(leader):
        try:
            words = Path(f"/proc/{number}/cmdline").read_bytes()
        except OSError:
            continue
        if b"pipe:1" in words and number != leader:
            found.append(number)
    return found


def _wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.01)
