"""Not enough memory, on the device and on the host.

There is no GPU here: what it says is made up by networks that refuse more than so many rows.
"""

import json
import shutil
from dataclasses import replace
from itertools import chain

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline.answers import writing
from pipeline.config import load
from pipeline.errors import UserError, refusal
from pipeline.features import frames, sound
from pipeline.features.extract import extract_shard
from pipeline.halving import Halving
from pipeline.layout import Layout
from pipeline.tasks.registry import task_of
from pipeline.training import train as training
from pipeline.training.learner import Learner
from tests.faults.conftest import MEBIBYTE
from tests.faults.stages import CONFIG, GIVEN, IMPORTED, STAGES, SYSTEM

OUT = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB"
HALVED = (
    "Memory",
    "no memory on the device for a batch",
    "it is halved, the log says so, the result is the same but for dropout and batch normalisation",
)


def no_more_than(rows, compute, count):
    """``compute``, on a device that has memory for ``rows`` rows, as ``count`` says how many there are."""

    def limited(*given, **named):
        if count(*given, **named) > rows:
            raise torch.OutOfMemoryError(OUT)
        return compute(*given, **named)

    return limited


@pytest.mark.fault(*HALVED)
@pytest.mark.parametrize(("room", "sizes"), [(4, [10]), (3, [10, 9]), (1, [7, 1, 4])])
def test_every_item_is_computed_once_and_in_order(room, sizes, capsys):
    halving = Halving("some", "some.batch")
    small = no_more_than(room, list, len)
    for size in sizes:
        found = halving(range(size), lambda parts: [small(part) for part in parts])
        assert list(chain.from_iterable(found)) == list(range(size))
    assert "some: the device has no memory for" in capsys.readouterr().err


@pytest.mark.fault("Memory", "no memory on the device for a single item", "one line that names what to change")
@pytest.mark.parametrize(("size", "divisible"), [(1, True), (3, True), (3, False)])
def test_less_than_one_is_an_error(size, divisible):
    def compute(parts):
        raise torch.OutOfMemoryError(OUT)

    with pytest.raises(UserError, match=r"^st: training: the device has no memory for a batch of \d \(CUDA out of mem"):
        Halving("st: training", "training.batch_turns", divisible)(range(size), compute)


@pytest.mark.fault(*HALVED)
@pytest.mark.parametrize("room", [3, pytest.param(1, marks=pytest.mark.more), pytest.param(7, marks=pytest.mark.more)])
def test_extraction_of_frames(stages, tmp_path, monkeypatch, capsys, room):
    small = with_little_room(frames.load_network, room, lambda pictures, table: len(table))
    rows = compared_rows(stages, tmp_path, "i3d_rgb", lambda: monkeypatch.setattr(frames, "load_network", small))
    assert "i3d_rgb: the device has no memory for 8 at once: halved from here on" in capsys.readouterr().err
    assert len(rows) == 20


@pytest.mark.fault(*HALVED)
@pytest.mark.parametrize("room", [5, pytest.param(1, marks=pytest.mark.more)])
def test_extraction_of_sound(stages, tmp_path, monkeypatch, capsys, avsd_in, room):
    small = with_little_room(sound.load_network, room, len)
    folder = stages.before("extract", tmp_path)
    decode = [*STAGES["decode"]]
    decode[1] = "vggish"
    avsd_in(folder, *decode, heavy=True, imported=IMPORTED).went_well()
    rows = compared_rows(stages, tmp_path, "vggish", lambda: monkeypatch.setattr(sound, "load_network", small), folder)
    assert "vggish: the device has no memory for" in capsys.readouterr().err
    assert len(rows) > 5


def with_little_room(load_network, room, count):
    """Makes networks as ``load_network`` does, for a device that has memory for ``room`` rows."""

    def made(*given):
        network = load_network(*given)
        return replace(network, compute=no_more_than(room, network.compute, count))

    return made


def compared_rows(stages, tmp_path, name, limit, folder=None):
    """A feature of the decoded shard, without and with little memory: the same rows."""
    config = load([str(each) for each in GIVEN if each != "--config"])
    decoded = (folder or stages.folder) / "results/decoded/i3d_rgb/0000.h5"
    found = []
    for attempt in ("enough", "little"):
        if attempt == "little":
            limit()
        extract_shard(name, config.features[name], decoded, tmp_path / attempt, resources=tmp_path, device="cpu")
        with h5py.File(tmp_path / attempt) as shard:
            found.append(shard["values"][:].astype(np.float32))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3, atol=1e-4)
    return found[0]


LOSSES = {
    "ours_none_none": {},
    "ours_man_man": {},
    "st": {"teacher": "ours_man_man"},
    "st_context": {"teacher": "ours_man_man"},
    "jst": {"teacher": "ours_man_man"},
}


@pytest.mark.slow
@pytest.mark.fault(*HALVED)
@pytest.mark.parametrize(
    ("name", "room"),
    [
        ("jst", 13),
        *(
            pytest.param(name, room, marks=pytest.mark.more)
            for name in LOSSES
            for room in (10, 13)
            if (name, room) != ("jst", 13)
        ),
    ],
)
def test_training(stages, tmp_path, monkeypatch, capsys, name, room):
    """Dialogs of ten turns, some of them cut: with gradients added up, every step is the same step."""
    shutil.copytree(stages.folder, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "results/models")
    monkeypatch.chdir(tmp_path)
    cut_dialogs(tmp_path / "results/corpus/training.json")
    config = trained_config(name)
    if config.systems[name].teacher:
        training.train(config, config.systems[name].teacher)
    found = []
    for _ in range(2):
        shutil.rmtree(tmp_path / "results/models" / name, ignore_errors=True)
        training.train(config, name)
        weights = load_file(Layout(config.results).model(name) / "model.safetensors")
        rows = [line.split(",")[1:4] for line in (Layout(config.results).model(name) / "curves.csv").open()]
        found.append((weights, np.array(rows[1:], dtype=float)))
        said = capsys.readouterr().err
        counted = no_more_than(room, Learner.forward, lambda learner, batch: len(batch.keys))
        monkeypatch.setattr(Learner, "forward", counted)
    assert f"{name}: training: the device has no memory for" in said
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-4)
    for key, weight in found[0][0].items():
        torch.testing.assert_close(found[1][0][key], weight, rtol=1e-3, atol=1e-4)


def cut_dialogs(path):
    """Of the training dialogs the second has three turns, the others all: a batch has dialogs of two lengths."""
    content = json.loads(path.read_text())
    content["dialogs"][1]["dialog"] = content["dialogs"][1]["dialog"][:3]
    path.write_text(json.dumps(content))


def trained_config(name):
    settings = {**CONFIG, "run": [name], "training": {"epochs": 2, "batch_turns": 23}}
    settings["systems"] = {each: {"features": ["i3d_rgb"]} for each in LOSSES}
    settings["networks"] = {"attention": {"dropout": 0}}
    return load([str(GIVEN[1]), json.dumps(settings)])


@pytest.mark.fault(*HALVED)
@pytest.mark.parametrize("room", [10, pytest.param(15, marks=pytest.mark.more)])
def test_answers(stages, tmp_path, monkeypatch, capsys, room):
    shutil.copytree(stages.folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    config = load([str(GIVEN[1]), GIVEN[3]])
    answers = Layout(config.results).answers(SYSTEM, "trial")
    small = no_more_than(room, writing._search, lambda opened, examples, picks: sum(len(rows) for _, rows in picks))
    monkeypatch.setattr(writing, "_search", small)
    answers.unlink()
    task_of(config, SYSTEM).write(config, SYSTEM, "trial")
    assert "trial answers: the device has no memory for 2 at once: halved from here on" in capsys.readouterr().err
    (found, scores), (undisturbed, expected) = (
        apart(json.loads((folder / answers).read_text())) for folder in (tmp_path, stages.folder)
    )
    assert found == undisturbed and scores == pytest.approx(expected, rel=1e-4)


def apart(content):
    """A result file without its scores, and these."""
    turns = [turn for dialog in content["dialogs"] for turn in dialog["dialog"]]
    return content, [each.pop("score") for turn in turns for each in turn.get("n_best", [])]


@pytest.mark.fault("Memory", "no memory on the host", "one line")
@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("could not create a primitive"),
        RuntimeError("can't start new thread"),
        ImportError("libx265-f5385bb8.so.216: failed to map segment from shared object"),
        torch.OutOfMemoryError(OUT),
    ],
    ids=lambda error: type(error).__name__,
)
def test_it_is_told_from_a_bug(error):
    assert refusal(error).startswith("not enough memory")
    assert refusal(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None


@pytest.mark.fault("Memory", "no memory on the host", "one line")
@pytest.mark.parametrize("room", [pytest.param(room, marks=pytest.mark.more) for room in (20, 40, 80, 160)])
@pytest.mark.parametrize("stage", ["extract", "train", "answer"])
def test_a_small_machine(stages, tmp_path, stage, room):
    """Address space for a little more than what is imported: it is enough, or a line says that it is not."""
    folder = stages.before(stage, tmp_path)
    done = stages.run(folder, stage, room_bytes=room * MEBIBYTE)
    if done.status == 127:  # the C library ends a process that has no room for a thread, with a line of its own
        assert done.err.splitlines()[-1].startswith("cannot allocate memory for thread-local data")
    elif done.status != 0:
        done.refused("not enough memory", seconds=None, memory=None)
