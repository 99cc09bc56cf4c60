"""The process around ffmpeg: shell scripts stand in for a decoder that misbehaves."""

import os
import signal
import time

import numpy as np
import pytest

from pipeline.media import ffmpeg
from pipeline.media.endings import StoppedError
from pipeline.media.faults import UnreadableError
from pipeline.media.ffmpeg import Decoder


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def read(script: str, item: int, block: int, stall: float = 10.0) -> tuple[Decoder, bytes, list[int]]:
    content, sizes = b"", []
    with Decoder(shell(script), "frames", stall) as decoder:
        for values in decoder.blocks(item, block):
            content += values.tobytes()
            sizes.append(len(values))
    return decoder, content, sizes


def test_blocks_are_whole_items_in_order():
    decoder, content, sizes = read("head -c 1000 /dev/zero; printf abcdefg", 10, 32)
    assert content == b"\0" * 1000  # the seven bytes of a cut item are dropped
    assert sizes == [32, 32, 32, 4]
    assert not decoder.failed


def test_slow_small_writes_are_joined():
    _, content, sizes = read("for i in 1 2 3 4; do printf 01234; sleep 0.02; done", 4, 3)
    assert content == b"01234" * 4
    assert sizes == [3, 2]


def test_a_flood_of_errors_does_not_block():
    script = "yes '[x @ 0x1] [error] broken' | head -n 200000 >&2; head -c 3000000 /dev/zero"
    decoder, content, _ = read(script, 1000, 100)
    assert len(content) == 3_000_000
    assert decoder.failed
    assert decoder.words == "broken"


def test_a_stuck_decoder_is_ended():
    start = time.monotonic()
    with pytest.raises(UnreadableError, match=r"gave nothing for 0.3 s"):
        read("printf 0123; exec sleep 30", 4, 1, stall=0.3)
    assert time.monotonic() - start < 20


def test_a_decoder_that_closes_its_output_but_stays_is_ended():
    with pytest.raises(UnreadableError, match="gave nothing"):
        read("exec >&-; exec sleep 30", 4, 1, stall=0.3)


@pytest.mark.parametrize("name", ["KILL", "TERM", "INT", "HUP", "XCPU"])
def test_a_decoder_ended_from_outside_says_nothing_about_the_video(name):
    with pytest.raises(StoppedError, match=f"ended from outside, by SIG{name}"):
        read(f"printf 0123; kill -{name} $$", 4, 1)


@pytest.mark.parametrize("name", ["SEGV", "ABRT", "BUS", "FPE", "ILL"])
def test_a_crash_may_be_the_files_doing(name):
    with pytest.raises(UnreadableError, match=rf"the decoder crashed \(SIG{name}\)"):
        read(f"printf 0123; kill -{name} $$", 4, 1)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_ffmpeg_told_to_end_is_not_at_its_end(sent):
    """It writes out what it has and ends in good order, with a status that broken files give too."""
    endless = [ffmpeg.binary(), *["-nostdin", "-nostats", "-loglevel", "level+info", "-f", "lavfi", "-i"]]
    endless += ["testsrc2=size=64x48", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    with Decoder(endless, "frames") as decoder, pytest.raises(StoppedError, match=sent.name):
        for count, _ in enumerate(decoder.blocks(64 * 48 * 3, 4)):
            if count == 3:
                os.kill(decoder._process.pid, sent)


def test_ffmpegs_statuses(monkeypatch):
    with pytest.raises(StoppedError, match="from outside"):
        read("exit 123", 4, 1)  # after more than three signals
    with pytest.raises(StoppedError, match="SIGKILL; out of memory"):
        read("exit 137", 4, 1)  # as a shell around it reports
    for script in ("exit 244", "echo '[x @ 0x1] [error] Frame: Cannot allocate memory' >&2"):
        monkeypatch.setattr(ffmpeg, "memory_is_short", lambda: True)
        with pytest.raises(StoppedError, match="too little from the machine: Cannot allocate memory"):
            read(script, 4, 1)
        monkeypatch.setattr(ffmpeg, "memory_is_short", lambda: False)
        with pytest.raises(UnreadableError, match="decoding it takes more than 2048 MiB of memory"):
            read(script, 4, 1)
    for status in (1, 69, 183, 187, 234, 251, 255):  # of files with bytes changed at random
        decoder, content, _ = read(f"printf 0123; exit {status}", 4, 1)
        assert content == b"0123"
        assert decoder.failed


def test_what_cannot_be_started_says_so():
    with pytest.raises(StoppedError, match="/nowhere/ffmpeg could not be started"), Decoder(["/nowhere/ffmpeg"], "x"):
        pass


def test_leaving_early_leaves_no_process():
    with Decoder(shell("exec yes"), "frames") as decoder:
        next(decoder.blocks(2, 2))
        process = decoder._process
    assert process.returncode == -9
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_status_and_words():
    decoder, _, _ = read("echo '[a @ 0x1] [b @ 0x2] [error] no  such thing' >&2; exit 3", 4, 1)
    assert decoder.failed
    assert decoder.words == "no such thing"
    decoder, _, _ = read("echo '[warning] careful' >&2; echo '[info] nothing' >&2", 4, 1)
    assert not decoder.failed
    assert decoder.words == "careful"


def test_times_are_exact_in_the_streams_time_base():
    decoder, _, _ = read("for i in 0 1 2 7 -3; do echo $i 1001/24000 >&0; done", 4, 1)
    np.testing.assert_array_equal(decoder.times, np.array([0, 1, 2, 7, -3]) * 1001 / 24000)


def test_times_of_hours_do_not_block():
    decoder, content, _ = read(
        "i=0; while [ $i -lt 30000 ]; do echo $i 1/90000; i=$((i+1)); done >&0; printf 0123", 4, 1
    )
    assert content == b"0123"
    assert len(decoder.times) == 30000
    assert decoder.times[-1] == 29999 / 90000
