"""Step many: two processes train as one does, on one card, or on one each where there are two."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.gpu.card import Card, LeftOutError
from benchmarks.gpu.goals import FLOAT32, MANY, at_most
from benchmarks.shared.own_process import environment, last_words
from benchmarks.shared.results import Row
from benchmarks.training import epoch
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.training.processes import Place

PROCESSES = 2
DIALOGS, QUICK_DIALOGS = 96, 14
TERMS = ("train_ce", "validation_perplexity")


def measure(card: Card) -> Iterator[Row]:
    """The same training, float32 and without dropout, by one process and by two: seconds, and every epoch's losses."""
    _loopback()
    cards = torch.cuda.device_count() if card.cuda else 0
    results = card.folder / "together"
    epoch.prepare(results, card.recipe.make(QUICK_DIALOGS if card.quick else DIALOGS))
    found, rates = {}, {}
    where = {0: "on the CPU, gloo", 1: "on one card, gloo"}.get(cards, "on a card each, NCCL")
    for count in (1, PROCESSES):
        # What is finished would stay as it is.
        for folder in (Layout(results).model(epoch.SYSTEM), Layout(results).state(epoch.SYSTEM)):
            shutil.rmtree(folder, ignore_errors=True)
        began = time.monotonic()
        _train(card, results, _places(count, apart=cards >= PROCESSES))
        took = time.monotonic() - began
        found[count] = epoch.curves(results)
        trained = sum(row["seconds"] for row in found[count])
        rates[count] = found[count][-1]["turns_per_second"]
        name = "one process" if count == 1 else f"{count} processes {where}"
        yield Row(MANY, f"{name}: start-up and end", "s", took - trained)
        yield Row(MANY, f"{name}: training", "turns/s", rates[count], None if count == 1 else rates[1])
    for term in TERMS:
        apart = max(abs(one[term] - two[term]) / one[term] for one, two in zip(*found.values(), strict=True))
        yield Row(MANY, f"{term} of {PROCESSES} processes and of one", "error", apart, goal=at_most(FLOAT32))


def _loopback() -> None:
    """Raises `LeftOutError` where the machine cannot talk to itself."""
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.settimeout(5)
        try:
            client.connect(server.getsockname())
        except OSError as error:
            raise LeftOutError(f"the loopback interface is down, over which processes meet ({error})") from None


def _places(count: int, *, apart: bool) -> list[Place]:
    """Processes of one machine with a card each, or of as many machines, which share this one's card or CPU."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    if apart:
        return [Place(0, number, count, 1, "127.0.0.1", port) for number in range(count)]
    return [Place(number, 0, 1, count, "127.0.0.1", port) for number in range(count)]


def _train(card: Card, results: Path, places: list[Place]) -> None:
    """Raises `UserError` with the last words of a process that fails; the others are then ended."""
    config = epoch.settings(card.recipe, card.device.type, results)
    config["networks"] = {"attention": {"dropout": 0.0}}
    config["training"] |= {"precision": "float32"}
    config["systems"][epoch.SYSTEM]["sizes"] |= {"dropout": 0.0}
    # On a CPU processes with several threads each would wait for each other.
    used = environment() if card.cuda else environment(OMP_NUM_THREADS="1")
    started = []
    try:
        for place in places:
            task = {"config": config, "system": epoch.SYSTEM, "place": asdict(place), "gloo": place.nodes > 1}
            command = [sys.executable, "-m", "benchmarks.gpu.together", json.dumps(task)]
            log = (results / f"log{place.rank}").open("wb+")
            started.append((subprocess.Popen(command, env=used, stdout=log, stderr=log), log))
        while any(process.poll() is None for process, _ in started):
            if any(process.returncode for process, _ in started):
                break
            time.sleep(0.05)
        for process, log in started:
            if process.returncode:
                log.seek(0)
                last = last_words(log.read().decode(errors="replace"))
                raise UserError(f"a process of {len(places)} failed ({last})")
    finally:
        for process, log in started:
            process.kill()
            process.wait()
            log.close()
