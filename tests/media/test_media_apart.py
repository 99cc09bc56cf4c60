"""Looking into a file in a process of its own: whatever happens there, the one that asks goes on."""

import faulthandler
import os
import signal
import time
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.media import apart as looking
from pipeline.media.apart import Apart
from pipeline.media.endings import StoppedError
from pipeline.media.faults import RefusedError, UnreadableError


def _children() -> set[int]:
    with open("/proc/self/task/" + str(os.getpid()) + "/children") as file:  # noqa: PTH123
        return set(map(int, file.read().split()))


@pytest.fixture(autouse=True)
def _nothing_stays():
    before, files = _children(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    yield
    assert _children() <= before
    assert len(os.listdir("/proc/self/fd")) == files  # noqa: PTH208


def apart(look):
    """What one look finds."""
    with Apart(lambda _: look()) as ask:
        return ask(Path("x.mp4"))


def test_what_it_finds_comes_back():
    assert apart(os.getpid) != os.getpid()
    large = bytes(range(256)) * 4096  # more than a pipe holds
    assert apart(lambda: large) == large


def test_one_process_serves_until_something_goes_wrong():
    def look(path):
        if path.name == "crash":
            faulthandler.disable()
            os.kill(os.getpid(), signal.SIGSEGV)
        if path.name == "memory":
            raise MemoryError
        if path.name == "fault":
            raise UnreadableError("probe", "x")
        return os.getpid(), path

    with Apart(look) as ask:
        first, path = ask(Path("new\nline.mp4"))
        assert path == Path("new\nline.mp4")
        assert ask(Path("y"))[0] == first
        served = {first}
        for bad in ("crash", "memory", "fault"):
            with pytest.raises(UnreadableError):
                ask(Path(bad))
            served.add(ask(Path("y"))[0])
    assert len(served) == 4


def test_processor_time_is_of_each_look(monkeypatch):
    def look(path):
        end = time.process_time() + 0.7
        while time.process_time() < end:
            pass

    monkeypatch.setattr(looking, "PROCESSOR_SECONDS", 1)
    with Apart(look) as ask:
        for _ in range(4):
            ask(Path("x"))


@pytest.mark.parametrize("fault", [UnreadableError("probe", "x", "y"), RefusedError("frames", "x"), UserError("x")])
def test_faults_come_back_as_they_are(fault):
    def look():
        raise fault

    with pytest.raises(type(fault)) as raised:
        apart(look)
    assert str(raised.value) == str(fault)
    assert vars(raised.value).keys() >= vars(fault).keys()


def test_a_bug_says_where_it_is():
    def look_badly():
        return {}["nothing"]

    with pytest.raises(KeyError) as raised:
        apart(look_badly)
    assert "look_badly" in raised.value.__notes__[0]


def test_a_loop_without_end(monkeypatch):
    def look():
        while True:
            pass

    monkeypatch.setattr(looking, "PROCESSOR_SECONDS", 1)
    with pytest.raises(UnreadableError, match="takes more than 1 s of a processor"):
        apart(look)


@pytest.mark.parametrize("short", [False, True])
def test_memory_without_end(monkeypatch, short):
    def look():
        return [bytearray(1 << 24) for _ in range(1000)]

    monkeypatch.setattr(looking, "MEMORY_BYTES", 1 << 27)
    monkeypatch.setattr(looking, "memory_is_short", lambda: short)
    fault, words = (StoppedError, "Cannot allocate memory") if short else (UnreadableError, "more than 128 MiB")
    with pytest.raises(fault, match=words):
        apart(look)


@pytest.mark.parametrize(
    ("sent", "fault", "words"),
    [
        (signal.SIGSEGV, UnreadableError, r"the decoder crashed \(SIGSEGV\)"),
        (signal.SIGABRT, UnreadableError, r"the decoder crashed \(SIGABRT\)"),
        (signal.SIGKILL, StoppedError, "by SIGKILL; out of memory"),
        (signal.SIGTERM, StoppedError, "by SIGTERM"),
    ],
)
def test_a_crash(sent, fault, words):
    def look():
        faulthandler.disable()  # pytest's, which would tell of it at length
        os.kill(os.getpid(), sent)

    with pytest.raises(fault, match=words):
        apart(look)


def test_being_stopped_ends_it():
    def stop(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            apart(lambda: time.sleep(600))
    finally:
        signal.signal(signal.SIGALRM, before)
