"""Whole trainings of tiny systems: what is written, kept, refused."""

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file

from pipeline.answers.generate import answer
from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.networks.base import Decoded
from pipeline.systems.system import load
from pipeline.texts import read_json
from pipeline.training import loop
from pipeline.training.evaluate import perplexity
from pipeline.training.learner import Learner
from pipeline.training.materials import gather
from pipeline.training.split import Split
from pipeline.training.train import train
from pipeline.vocabulary.words import Vocabulary

Project = Callable[..., Config]


def curves(config: Config, name: str) -> list[dict[str, float]]:
    with (Layout(config.results).model(name) / "curves.csv").open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def weights(config: Config, name: str) -> dict[str, torch.Tensor]:
    return load_file(Layout(config.results).model(name) / "model.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_every_loss_trains_and_the_system_answers(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    config = project()
    layout = Layout(config.results)
    terms = {
        "teacher": ["ce"],
        "st": ["st", "context", "student_ce"],
        "st_context": ["st", "context", "student_ce"],
        "joint": ["st", "context", "ce", "student_ce"],
    }
    for name in (*terms, "plain", "fusion", "text"):
        train(config, name)
        rows = curves(config, name)
        assert [row["epoch"] for row in rows] == [1, 2]
        found = {key.removeprefix("train_") for key in rows[0] if key.startswith("train_")}
        assert found == set(terms.get(name, ["ce"]))
        assert all(math.isfinite(value) for row in rows for value in row.values())
        assert [path.name for path in layout.state(name).iterdir()] == ["tensorboard"]
        assert list((layout.state(name) / "tensorboard").glob("events.*"))
        assert f"{name}: epoch 2/2" in capsys.readouterr().err
    for name in ("st", "deaf", "fusion", "text"):
        for test_set in ("trial", "official"):
            answer(config, name, test_set)
            assert read_json(layout.answers(name, test_set))["system"]["name"] == name


def test_perplexity_of_the_saved_model_is_that_of_its_best_epoch(project: Project) -> None:
    config = project(changes={"training": {"epochs": 3}})
    train(config, "plain")
    layout = Layout(config.results)
    vocabulary = Vocabulary.read(layout.vocabulary)
    saved = load(layout.model("plain"), vocabulary, "cpu")
    validation = gather(config, "plain").validation
    lost, words = 0.0, 0
    for dialog in range(len(validation.turns)):
        batch = validation.read([dialog])
        assert batch.targets is not None
        decoded: Decoded = saved.network(batch.views["model"], batch.targets)
        logits = decoded.logits.detach().numpy().astype(np.float64)
        chances = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        targets = [int(i) for row, n in zip(*vars(batch.targets).values(), strict=True) for i in row[:n]]
        lost -= chances[np.arange(len(targets)), targets].sum()
        words += len(targets)
    best = min(row["validation_perplexity"] for row in curves(config, "plain"))
    assert math.exp(lost / words) == pytest.approx(best, rel=1e-5)
    assert saved.info["metrics"]["validation_perplexity"] == pytest.approx(best, rel=1e-5)
    fabric = Fabric(accelerator="cpu", devices=1)
    assert perplexity(fabric, saved.network, validation, 3) == pytest.approx(best, rel=1e-5)


def scripted(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    """Validation says what the script says."""
    script = iter(values)
    monkeypatch.setattr(loop.Loop, "_validate", lambda *_: next(script))


def test_the_best_epoch_is_kept_and_the_rate_halved(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    short = project("short", {"training": {"epochs": 2}})
    train(short, "plain")
    long = project("long", {"training": {"epochs": 4}})
    scripted(monkeypatch, [9.0, 8.0, 8.0, 8.5])
    train(long, "plain")
    assert [row["learning_rate"] for row in curves(long, "plain")] == [0.01, 0.01, 0.01, 0.005]
    # Both of the short run's epochs improved, so its model is that of its second epoch.
    assert curves(short, "plain")[1]["validation_perplexity"] < curves(short, "plain")[0]["validation_perplexity"]
    assert same(weights(short, "plain"), weights(long, "plain"))


def test_a_halved_rate_is_the_rate_of_adam(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    learn = loop.Loop._learn

    def noting(self: loop.Loop, batch: Any) -> None:
        rates.append(self.optimizer.param_groups[0]["lr"])
        learn(self, batch)

    monkeypatch.setattr(loop.Loop, "_learn", noting)
    scripted(monkeypatch, [9.0, 9.0, 9.5])
    train(project(changes={"training": {"epochs": 3, "batch_turns": 1000}}), "text")
    assert rates == [0.01, 0.01, 0.005]


def test_patience_ends_a_training(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    config = project(changes={"training": {"epochs": 9, "patience": 2}})
    scripted(monkeypatch, [9.0, 9.1, 8.0, 8.1, 8.2, 0.0])
    train(config, "text")
    assert len(curves(config, "text")) == 5


def test_a_student_or_joint_teacher_starts_as_asked(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a learning rate of next to nothing the weights stay where they started."""
    still = {"epochs": 1, "learning_rate": 1e-30}
    config = project(changes={"systems": {"st_context": {"training": still}, "joint": {"training": still}}})
    train(config, "teacher")
    trained = weights(config, "teacher")
    train(config, "st_context")
    assert not same(weights(config, "st_context"), trained)
    teachers: list[dict[str, torch.Tensor]] = []
    run = loop.Loop.run

    def noting(self: loop.Loop) -> None:
        run(self)
        assert self.learner.teacher is not None
        teachers.append({key: value.clone() for key, value in self.learner.teacher.state_dict().items()})

    monkeypatch.setattr(loop.Loop, "run", noting)
    for option in ("student_from_teacher", "joint_teacher_from_scratch"):
        changed = project(
            changes={"systems": {n: {"training": {**still, option: True}} for n in ("st_context", "joint")}}
        )
        train(changed, "joint")
        train(changed, "st_context")
        assert same(weights(changed, "st_context"), trained) == (option == "student_from_teacher")
        assert same(teachers[-2], trained) == (option == "student_from_teacher")
        assert same(teachers[-1], trained)


def test_a_student_unlike_its_teacher_cannot_start_from_it(project: Project) -> None:
    config = project(changes={"systems": {"st": {"training": {"student_from_teacher": True}}}})
    train(config, "teacher")
    with pytest.raises(UserError, match=r"student_from_teacher.*do not fit"):
        train(config, "st")


def test_the_seed_decides_everything(project: Project) -> None:
    configs = [
        project(name, {"training": {"epochs": 1, "seed": seed}}) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    for config in configs:
        train(config, "plain")
    a, b, c = (weights(config, "plain") for config in configs)
    assert same(a, b)
    assert not same(a, c)


def test_a_loss_that_is_no_number_names_the_dialogs(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Split.read

    def spoilt(self: Split, units: list[int], whole: list[int] | None = None) -> Any:
        batch = read(self, units, whole)
        if "t7" in {video_id for video_id, _ in batch.keys}:
            batch.views["model"].features["i3d_rgb"].values.fill_(math.nan)
        return batch

    monkeypatch.setattr(Split, "read", spoilt)
    with pytest.raises(UserError, match=r"plain: epoch 1, batch \d+: .*not a finite number.*dialogs [^:]*\bt7\b"):
        train(project(), "plain")


def test_the_gradient_is_clipped(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    norms: list[float] = []
    step = torch.optim.Adam.step

    def noting(self: torch.optim.Adam, closure: None = None) -> None:
        gradients = [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]
        norms.append(math.sqrt(sum(float((gradient.double() ** 2).sum()) for gradient in gradients)))
        step(self, closure)

    monkeypatch.setattr(torch.optim.Adam, "step", noting)
    for clip, large in ((0.01, True), (1e6, False)):
        norms.clear()
        train(project(str(clip), {"training": {"epochs": 1, "clip": clip}}), "text")
        assert len(norms) > 2
        assert (max(norms) <= 0.01 * (1 + 1e-5)) == large


def test_bfloat16_trains_where_it_is_asked_for(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """On the CPU, where autocast works alike."""
    exact = project("exact", {"training": {"epochs": 1}})
    rounded = project("rounded", {"training": {"epochs": 1, "precision": "bfloat16"}})
    for config in (exact, rounded):
        train(config, "plain")
    assert "cpu, bf16-mixed" in capsys.readouterr().err
    (one,), (other,) = curves(exact, "plain"), curves(rounded, "plain")
    assert other["train_ce"] == pytest.approx(one["train_ce"], rel=0.02)
    assert other["train_ce"] != one["train_ce"]
    assert all(weight.dtype == torch.float32 for weight in weights(rounded, "plain").values())


def test_smoothing_is_learned_from_and_not_measured_by(project: Project) -> None:
    """With a learning rate of next to nothing both trainings measure the same network."""
    rows = []
    for smoothing in (0.0, 0.5):
        settings = {"epochs": 1, "learning_rate": 1e-30, "label_smoothing": smoothing}
        config = project(str(smoothing), {"training": settings})
        train(config, "plain")
        rows += curves(config, "plain")
    plain, smoothed = rows
    assert smoothed["validation_perplexity"] == plain["validation_perplexity"]
    assert smoothed["train_ce"] != plain["train_ce"]


def test_the_joint_options_reach_the_learner(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    learners: list[Learner] = []
    run = loop.Loop.run

    def noting(self: loop.Loop) -> None:
        learners.append(self.learner)
        run(self)

    monkeypatch.setattr(loop.Loop, "run", noting)
    config = project(changes={"training": {"epochs": 1, "label_smoothing": 0.1, "joint_shared_pass": True}})
    train(config, "teacher")
    train(config, "joint")
    assert [(each.label_smoothing, each.joint_shared_pass) for each in learners] == [(0.1, False), (0.1, True)]


@pytest.mark.parametrize(("name", "message"), [("deaf", "train 'plain'"), ("nobody", "not in the configuration")])
def test_systems_that_cannot_be_trained(project: Project, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        train(project(), name)


def test_a_student_without_its_teacher_says_so(project: Project) -> None:
    with pytest.raises(UserError, match="avsd train teacher"):
        train(project(), "st")


def test_empty_dialogs_are_an_error(project: Project) -> None:
    config = project()
    path: Path = Layout(config.results).dialogs("validation")
    path.write_text('{"dialogs": []}')
    with pytest.raises(UserError, match=r"validation\.json: no dialog"):
        train(config, "text")
