"""A training that is killed and started again ends with the weights of one that was left alone."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.config import Config, merge, parse
from pipeline.corpus.dialogs import read_dialogs, write_dialogs
from pipeline.errors import UserError
from pipeline.features.store import FeatureStore, write_shard
from pipeline.layout import Layout
from pipeline.training import loop, state
from pipeline.training.train import train

Project = Callable[..., Config]

# Runs a training once for each point in argv[2:], each time in a process of its own that kills itself there (kill -9),
# and at last to the end. The interpreter and its imports are shared by forking.
KILLED = """
import os, signal, sys
import torch
from pipeline.config import load
from pipeline.training import loop, state, train

torch.set_num_threads(1)
loop.SAVE_EVERY_SECONDS = 0.0

def die_at(owner, name, call, harm=None):
    real, calls = getattr(owner, name), [0]
    def counted(*args, **kwargs):
        calls[0] += 1
        if calls[0] == call:
            if harm is not None:
                harm(*args)
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    setattr(owner, name, counted)

def half(content, file):
    file.write(b"half a state")
    file.flush()

POINTS = {
    "learn": lambda call: die_at(loop.Loop, "_learn", call),
    "save": lambda call: die_at(loop.Loop, "_save", call),
    "write": lambda call: die_at(state.torch, "save", call, half),
    "validate": lambda call: die_at(loop.Loop, "_validate", call),
    "board": lambda call: die_at(loop.Board, "add", call),
    "model": lambda call: die_at(train, "save", call),
    "forget": lambda call: die_at(loop.Loop, "forget", call),
}

config = load([sys.argv[1]])
for point in [*sys.argv[2:], None]:
    child = os.fork()
    if child == 0:
        if point is not None:
            name, call = point.split(":")
            POINTS[name](int(call))
        train.train(config, "joint")
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print(point, os.waitstatus_to_exitcode(status))
"""
POINTS = ("learn:1", "learn:3", "save:1", "write:2", "validate:1", "board:1", "learn:3", "model:1", "forget:1")


def weights(config: Config, name: str) -> dict[str, torch.Tensor]:
    return load_file(Layout(config.results).model(name) / "model.safetensors")


def assert_equal(one: Config, other: Config, name: str) -> None:
    """Bit for bit, and the same curves but for the clock."""
    found, expected = weights(one, name), weights(other, name)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    columns = [_columns(config, name) for config in (one, other)]
    assert columns[0] == columns[1]


def _columns(config: Config, name: str) -> list[list[str]]:
    lines = (Layout(config.results).model(name) / "curves.csv").read_text().splitlines()
    clock = {"seconds", "turns_per_second", "data_wait", "peak_memory_mib"}
    header = lines[0].split(",")
    return [[cell for key, cell in zip(header, line.split(","), strict=True) if key not in clock] for line in lines]


@pytest.fixture
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_moment(project: Project, one_thread: None) -> None:
    calm, harried = (project(root, {"training": {"average": 0.8}}) for root in ("calm", "harried"))
    for config in (calm, harried):
        train(config, "teacher")
    train(calm, "joint")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, harried.model_dump_json(), *POINTS],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    expected = [f"{point} {-signal.SIGKILL}" for point in POINTS] + ["None 0"]
    assert done.stdout.splitlines() == expected, done.stderr
    # The last kill finds the model finished: nothing is left to learn.
    assert done.stderr.count("taken up after epoch") == len(POINTS) - 2
    assert done.stderr.count("it stays as it is") == 1
    assert_equal(harried, calm, "joint")
    left = {path.name for path in Layout(harried.results).state("joint").iterdir()}
    assert left == {"tensorboard"}


class StoppedError(Exception):
    """Stands for anything that ends a training."""


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """The training stops before its ``step``-th batch."""
    learn, steps = loop.Loop._learn, [0]

    def counted(self: loop.Loop, batch: Any) -> None:
        steps[0] += 1
        if steps[0] == step:
            raise StoppedError
        learn(self, batch)

    monkeypatch.setattr(loop.Loop, "_learn", counted)


@pytest.mark.parametrize(("name", "by"), [("plain", "dialog"), ("plain", "turn"), ("fusion", "dialog")])
def test_stopped_inside_every_epoch(project: Project, monkeypatch: pytest.MonkeyPatch, name: str, by: str) -> None:
    calm, harried = (project(root, {"training": {"batch_by": by}}) for root in ("calm", "harried"))
    train(calm, name)
    monkeypatch.setattr(loop, "SAVE_EVERY_SECONDS", 0.0)
    for step in (3, 4):
        with monkeypatch.context() as patch:
            stop_at(patch, step)
            with pytest.raises(StoppedError):
                train(harried, name)
    train(harried, name)
    assert_equal(harried, calm, name)


def interrupted(project: Project, monkeypatch: pytest.MonkeyPatch) -> Config:
    config = project()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "SAVE_EVERY_SECONDS", 0.0)
        stop_at(patch, 3)
        with pytest.raises(StoppedError):
            train(config, "plain")
    assert (Layout(config.results).state("plain") / "state.pt").is_file()
    return config


def changed(config: Config, changes: dict[str, Any]) -> Config:
    return parse(merge(config.model_dump(mode="json"), changes))


def refused(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The settings that the one line about another training's state names, each with what is said of it."""
    lines = [line for line in capsys.readouterr().err.splitlines() if "other settings" in line]
    assert len(lines) == 1
    assert "training starts from the beginning" in lines[0]
    return lines[0].split("(", 1)[1].split(")", 1)[0].split("; ")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"training": {"learning_rate": 0.02, "seed": 3, "batch_by": "turn"}},
            [
                'training.batch_by was "dialog", is "turn"',
                "training.learning_rate was 0.01, is 0.02",
                "training.seed was 1, is 3",
            ],
        ),
        ({"networks": {"attention": {"context": 5}}}, ["sizes.context was 6, is 5"]),
    ],
)
def test_a_state_made_with_other_settings_is_set_aside(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    named: list[str],
) -> None:
    config = changed(interrupted(project, monkeypatch), changes)
    fresh = project("fresh", changes)
    folder = Layout(config.results).state("plain")
    old = (folder / "state.pt").read_bytes()
    (folder / "state.refused.pt").write_bytes(b"an older one")
    capsys.readouterr()
    train(config, "plain")
    assert refused(capsys) == named
    assert (folder / "state.refused.pt").read_bytes() == old
    train(fresh, "plain")
    assert_equal(config, fresh, "plain")


def test_a_state_made_with_other_features_is_set_aside(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = changed(interrupted(project, monkeypatch), {"systems": {"plain": {"features": ["i3d_rgb"]}}})
    train(config, "plain")
    feature, view, sizes = refused(capsys)
    assert re.fullmatch("feature vggish was [0-9a-f]{12}, is not set", feature)
    assert view.startswith("model.features was ")
    assert sizes.startswith("sizes.projection was ")


def test_a_state_made_with_other_dialogs_is_set_aside(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = interrupted(project, monkeypatch)
    path = Layout(config.results).dialogs("training")
    write_dialogs(path, read_dialogs(path)[:-1])
    train(config, "plain")
    names = [text.split(" was ")[0] for text in refused(capsys)]
    assert names == ["feature i3d_rgb", "feature vggish", "training dialogs"]


def test_what_killed_trainings_left_is_removed_and_old_curves_with_it(project: Project) -> None:
    config = project()
    folder = Layout(config.results).state("plain")
    folder.mkdir(parents=True)
    root = str(Path(__file__).resolve().parents[2])
    dead = "from pathlib import Path; from pipeline.leftovers import temporary_name as name;"
    dead += "[Path(name(file)).touch() for file in ('state.pt', 'curves.csv')]"
    subprocess.run([sys.executable, "-c", dead], cwd=folder, env={**os.environ, "PYTHONPATH": root}, check=True)
    assert len([*folder.iterdir()]) == 2
    (folder / "curves.csv").write_text("left behind")
    train(config, "plain")
    assert [path.name for path in folder.iterdir()] == ["tensorboard"]


def test_features_count_by_the_values_of_the_videos_in_use(tmp_path: Path) -> None:
    def fingerprint(name: str, values: dict[str, float]) -> str:
        items = [(video_id, np.full((2, 3), value), np.arange(2.0)) for video_id, value in values.items()]
        write_shard(tmp_path / name / "0000.h5", items, {}, 3, "float16")
        return FeatureStore(tmp_path / name).fingerprint(["a", "b", "not there"])

    first = fingerprint("first", {"a": 1.0, "b": 2.0})
    assert fingerprint("more", {"b": 2.0, "new": 5.0, "a": 1.0}) == first
    assert fingerprint("other", {"a": 1.0, "b": 2.5}) != first
    assert fingerprint("fewer", {"a": 1.0}) != first


def test_labels_and_test_settings_do_not_matter(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = interrupted(project, monkeypatch)
    other = {"label": "another", "description": {"test": "caption"}, "test_sets": ["trial"]}
    train(changed(config, {"systems": {"plain": other}, "answers": {"beam": 1}}), "plain")
    assert "taken up after epoch 0, batch 2" in capsys.readouterr().err


def test_a_state_of_an_older_version_is_set_aside_whatever_it_holds(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = interrupted(project, monkeypatch)
    path = Layout(config.results).state("plain") / "state.pt"
    content = torch.load(path)
    now, content["settings"]["stage version"] = content["settings"]["stage version"], 0
    del content["average"]
    content["moments"] = content.pop("optimizer")
    torch.save(content, path)
    old = path.read_bytes()
    train(config, "plain")
    assert refused(capsys) == [f"stage version was 0, is {now}"]
    assert path.with_name("state.refused.pt").read_bytes() == old


def test_a_file_that_is_no_state_is_an_error(project: Project) -> None:
    config = project()
    path = Layout(config.results).state("plain") / "state.pt"
    for content in (b"", b"nonsense"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"state\.pt: not a training state.*delete it"):
            train(config, "plain")
    torch.save({"settings": {}}, path)
    with pytest.raises(UserError, match="not a training state"):
        train(config, "plain")


def test_a_half_trained_student_goes_on_where_its_teachers_tensors_are_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another file of the teacher (its metadata, the folder's age) is no other teacher."""
    config = project()
    train(config, "teacher")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "SAVE_EVERY_SECONDS", 0.0)
        stop_at(patch, 3)
        with pytest.raises(StoppedError):
            train(config, "st")
    path = Layout(config.results).model("teacher") / "model.safetensors"
    save_file(load_file(path), path, metadata={"written": "again"})
    train(config, "st")
    assert "taken up after epoch 0, batch 2" in capsys.readouterr().err
    save_file({name: value + 1 for name, value in load_file(path).items()}, path)
    train(config, "st")
    assert "it stays as it is" not in capsys.readouterr().err


def test_a_model_made_with_the_same_is_not_trained_again(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    config = project()
    train(config, "plain")
    folder = Layout(config.results).model("plain")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    unseen = {"label": "another", "training": {"lambda_context": 3.0}, "sizes": {}}
    unseen["sizes"] = {"projection": {"i3d_rgb": 5, "vggish": 4, "elsewhere": 3}}
    train(changed(config, {"systems": {"plain": unseen}}), "plain")
    assert "it stays as it is" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    train(changed(config, {"training": {"seed": 5}}), "plain")
    assert "it stays as it is" not in capsys.readouterr().err
    assert (folder / "model.safetensors").read_bytes() != before[folder / "model.safetensors"]


def test_differing_settings_are_named() -> None:
    old: state.Settings = {"a": 1, "b": "x", "gone": 2}
    assert state.differing(old, {"a": 1, "b": "y", "new": None}) == ["b", "gone"]
    assert state.differing(old, {**old, "a": 2, "new": 0}) == ["a", "new"]
