"""A running `avsd web` about a small world, and a browser that is driven."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import psutil
import pytest

from pipeline.config import Config, merge, parse
from pipeline.features.store import FeatureStore
from pipeline.layout import Layout
from pipeline.vocabulary.concepts import Concept, Concepts
from pipeline.vocabulary.words import Vocabulary
from tests.asking.world import SYSTEM, make_world, save_untrained

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WATCH = """
import os, socket

def local(address):
    return not isinstance(address, tuple) or address[0] in ("127.0.0.1", "localhost", "::1", None, "")

def watched(original):
    def connect(self, address, *more):
        if not local(address):
            with open(os.environ["AVSD_CONNECTIONS"], "a") as file:
                print(address, file=file)
        return original(self, address, *more)
    return connect

def asked(host, *more, **named):
    if not local((host,)):
        with open(os.environ["AVSD_CONNECTIONS"], "a") as file:
            print(host, file=file)
    return look_up(host, *more, **named)

look_up, socket.getaddrinfo = socket.getaddrinfo, asked
socket.socket.connect = watched(socket.socket.connect)
socket.socket.connect_ex = watched(socket.socket.connect_ex)
"""
"""Python runs this first in every process of the server: it notes who is asked for beside this machine."""
DECODER = """#!/bin/sh
case "$*" in *rawvideo*) [ -e "$AVSD_HOLD" ] && exec sleep 1000;; esac
exec "{ffmpeg}" "$@"
"""
"""The decoder; while the file `AVSD_HOLD` is there it takes its time with frames."""


@dataclass
class Served:
    """A server. hold: a file while which decoders take their time. connections: names of machines that were asked."""

    address: str
    process: psutil.Process
    config: Config
    hold: Path
    connections: Path
    log: Path

    def decoders(self) -> list[psutil.Process]:
        """Decoders that take their time."""
        found = []
        for each in self.process.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # one that has ended since
                found += [each] if "sleep" in each.name() else []
        return found

    def clip(self, name: str) -> Path:
        return self.config.results.parent / "clips" / f"{name}.mp4"


def until(true, seconds=60.0):
    """Wait until something is true, and give it."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
    return found


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The world of `avsd ask`, its clips being the trial set's, with a system that sees what a detector hears."""
    config = with_concepts(make_world(tmp_path_factory.mktemp("world")))
    videos = config.results / "scenes" / "videos"
    videos.parent.mkdir()
    videos.symlink_to(config.results.parent / "clips")
    return config


def with_concepts(config: Config) -> Config:
    """The same with a detector, of the sound alone, and a system that reads its words."""
    detector = {"label": "Detector", "task": "detect", "network": "temporal", "features": ["heard"]}
    detector["sizes"] = {"width": 8, "attention": 4, "heads": 2}
    shown = {"label": "Shown", **SYSTEM, "features": ["seen"], "concepts": {"system": "detector", "k": 3}}
    made = parse(merge(config.model_dump(mode="json"), {"systems": {"detector": detector, "shown": shown}}))
    layout = Layout(made.results)
    dims = {name: FeatureStore(layout.feature(name)).dims for name in made.features}
    concepts = Concepts([Concept(word, "noun", 1, 1) for word in ("ball", "red", "left", "colour", "no")], "lists")
    save_untrained(made, "detector", concepts, {"heard": dims["heard"]}, 2.0)
    save_untrained(made, "shown", Vocabulary.read(layout.vocabulary), {"seen": dims["seen"]}, 2.0)
    return made


@pytest.fixture(scope="module")
def served(world: Config, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "config.json").write_text(world.model_dump_json())
    (folder / "sitecustomize.py").write_text(WATCH)
    (folder / "connections").touch()
    decoder = folder / "ffmpeg"
    decoder.write_text(DECODER.format(ffmpeg=imageio_ffmpeg.get_ffmpeg_exe()))
    decoder.chmod(0o755)
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        "AVSD_CONNECTIONS": str(folder / "connections"),
        "AVSD_HOLD": str(folder / "hold"),
        "IMAGEIO_FFMPEG_EXE": str(decoder),
        "TMPDIR": str(folder),
    }
    command = [sys.executable, "-m", "pipeline", "web", "-c", str(folder / "config.json")]
    command += ["--port", str(free_port()), "--upload-mib", "1"]
    log = folder / "log"
    with log.open("w") as file:
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True, env=environment)
        address = running.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), log.read_text()
        process = psutil.Process(running.pid)
        yield Served(address, process, world, folder / "hold", folder / "connections", log)
        whole = [process, *process.children(recursive=True)]
        running.send_signal(signal.SIGTERM)
        running.wait(120)
    left = psutil.wait_procs(whole, 60)[1]
    assert [each for each in left if each.status() != psutil.STATUS_ZOMBIE] == []
    assert not list(folder.glob(".avsd-*"))
    assert (folder / "connections").read_text() == ""


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with driver.sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture
def people(browser, served):
    """`people(width, height)` is the page as another person sees it.

    Nothing it asks for is elsewhere, and nothing of it fails.
    """
    contexts, asked, wrong = [], [], []

    def enter(width=1280, height=900):
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        context.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        page.goto(served.address)
        page.wait_for_selector("#question input")
        return page

    yield enter
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith((served.address, "data:", "blob:"))] == []
    assert wrong == []
