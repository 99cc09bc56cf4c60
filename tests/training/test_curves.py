"""What a training shows while it goes on: curves, log, progress."""

import csv
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.config import Config
from pipeline.layout import Layout
from pipeline.training import loop
from pipeline.training.split import Split
from pipeline.training.train import train

Project = Callable[..., Config]


def curves(config: Config, name: str) -> list[dict[str, float]]:
    with (Layout(config.results).model(name) / "curves.csv").open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def test_curves_stand_in_the_state_folder_while_training_goes_on(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project(changes={"training": {"epochs": 3}})
    path = Layout(config.results).state("text") / "curves.csv"
    seen: list[int] = []
    learn = loop.Loop._learn

    def noting(self: loop.Loop, step: Any) -> None:
        seen.append(len(path.read_text().splitlines()) if path.is_file() else 0)
        learn(self, step)

    monkeypatch.setattr(loop.Loop, "_learn", noting)
    train(config, "text")
    # No file, then a header and a line an epoch.
    assert list(dict.fromkeys(seen)) == [0, 2, 3]
    assert not path.exists()


def test_time_waiting_for_data_is_measured(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Split.read

    def slow(self: Split, units: list[int], whole: list[int] | None = None) -> Any:
        time.sleep(0.2)
        return read(self, units, whole)

    quick, waiting = project("quick", {"training": {"epochs": 1}}), project("waiting", {"training": {"epochs": 1}})
    train(quick, "text")
    with monkeypatch.context() as patch:
        patch.setattr(Split, "read", slow)
        train(waiting, "text")
    (row,), (before,) = curves(waiting, "text"), curves(quick, "text")
    # Four batches, of which the reader never gets ahead.
    assert row["data_wait"] * row["seconds"] == pytest.approx(0.8, rel=0.3)
    assert before["data_wait"] < row["data_wait"] < 1


def test_progress_shows_the_running_loss(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.progress.LOG_EVERY_SECONDS", 0.0)
    config = project()
    train(config, "text")
    lines = [line for line in capsys.readouterr().err.splitlines() if "s left" in line]
    assert re.fullmatch(r"text: training: 3/8 batches, \d+ s, about \d+ s left, epoch 1/2, ce \d\.\d{3}", lines[2])
    # At an epoch's end nothing has been learned in the next.
    assert lines[3].endswith("s left")


def test_the_log_says_how_it_goes(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    train(project(), "text")
    lines = capsys.readouterr().err.splitlines()
    assert "perplexity counts <unk> and <eos>" in lines[0]
    epochs = [line for line in lines if "epoch 1/2" in line]
    assert len(epochs) == 1
    for part in ("ce ", "validation perplexity ", "learning rate 0.01", " turns/s, "):
        assert part in epochs[0]


def test_tensorboard_has_the_curves(project: Project) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = project()
    train(config, "text")
    events = EventAccumulator(str(Layout(config.results).state("text") / "tensorboard"))
    events.Reload()
    rows = curves(config, "text")
    for tag in ("train_ce", "validation_perplexity"):
        found = {event.step: event.value for event in events.Scalars(tag)}
        assert found == pytest.approx({int(row["epoch"]): row[tag] for row in rows}, rel=1e-4)
