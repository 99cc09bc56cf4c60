"""L_rep and L_rep + L_CE: what they lower, what they leave alone, and parts that are frozen."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline.answers.generate import answer
from pipeline.config import Config
from pipeline.dataset.batch import Batch
from pipeline.errors import UserError
from pipeline.features.store import FeatureStore, write_shard
from pipeline.layout import Layout
from pipeline.networks.captioner import CaptionerNetwork
from pipeline.networks.inputs import Inputs
from pipeline.networks.sizes import CaptionerSizes
from pipeline.tensors import FeatureSequences, Sequences
from pipeline.texts import read_json
from pipeline.training import loop
from pipeline.training.learner import Learner
from pipeline.training.losses import cross_entropy, real_words, representation_error, total
from pipeline.training.train import train

Project = Callable[..., Config]
Z, WORDS = 8, 16
NO_WORDS = Sequences(torch.zeros(0, 1, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))


def view(name: str, pooled: torch.Tensor) -> Inputs:
    """Videos of one step."""
    videos = len(pooled)
    features = FeatureSequences(pooled.unsqueeze(1), torch.ones(videos, dtype=torch.int64))
    unasked = Sequences(torch.zeros(videos, 0, dtype=torch.int64), torch.zeros(videos, dtype=torch.int64))
    past = torch.zeros(videos, 0, dtype=torch.int64)
    return Inputs(unasked, NO_WORDS, past, {name: features}, torch.arange(videos))


class Planted:
    """Videos whose three words say the signs of six dimensions, which a cheap front end mixes, shifts and blurs."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.mixing = torch.eye(Z) + 0.4 * torch.randn(Z, Z, generator=generator)
        self.shift = torch.randn(Z, generator=generator)
        self.generator = generator

    def batch(self, videos: int, blur: float = 0.0) -> Batch:
        full = torch.randn(videos, Z, generator=self.generator)
        cheap = full @ self.mixing.t() + self.shift + blur * torch.randn(videos, Z, generator=self.generator)
        signs = (full[:, :6] > 0).long().view(videos, 3, 2)
        ids = 4 + 4 * torch.arange(3) + signs[:, :, 0] * 2 + signs[:, :, 1]
        end = torch.full((videos, 1), 3)
        targets = Sequences(torch.cat((ids, end), 1), torch.full((videos,), 4))
        views = {"model": view("cheap", cheap), "teacher": view("full", full)}
        return Batch(views, targets, tuple((str(video), 0) for video in range(videos)))


def captioner(feature: str, **changes: Any) -> CaptionerNetwork:
    sizes = CaptionerSizes(width=32, dropout=0.0, adaptor_dropout=0.0, **changes)
    return CaptionerNetwork(sizes, WORDS, {feature: Z})


def fit(learner: Learner, batches: Callable[[], Batch], steps: int, rate: float) -> None:
    optimizer = torch.optim.Adam(learner.learning(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        total(learner(batches()).learned, 1.0).backward()
        optimizer.step()


def lost(network: CaptionerNetwork, batch: Batch) -> float:
    """Cross entropy of a batch, no dropout."""
    assert batch.targets is not None
    with torch.no_grad():
        return cross_entropy(network.eval()(batch.views["model"], batch.targets), real_words(batch.targets)).item()


def off(student: CaptionerNetwork, teacher: CaptionerNetwork, batch: Batch) -> float:
    assert batch.targets is not None
    found = (network.represent(batch.views[role]) for network, role in ((student, "model"), (teacher, "teacher")))
    return representation_error(*found, batch.targets.lengths).item()


@pytest.mark.parametrize("residual", [False, True])
def test_the_adaptor_undoes_a_linear_degradation(residual: bool) -> None:
    """Of unseen videos; the language model is left as it was, bit for bit."""
    torch.manual_seed(1)
    planted = Planted()
    student, teacher = captioner("cheap", adaptor=True, adaptor_hidden=64, adaptor_residual=residual), captioner("full")
    unseen = planted.batch(500)
    before = off(student, teacher, unseen)
    kept = {name: value.clone() for name, value in student.state_dict().items() if not name.startswith("adaptor")}
    fit(Learner("rep", student, teacher), lambda: planted.batch(64), 400, 3e-3)
    assert off(student.eval(), teacher, unseen) < 0.3 * before
    after = student.state_dict()
    assert kept and all(torch.equal(after[name], value) for name, value in kept.items())


def test_learning_both_is_no_worse_than_the_representation_alone() -> None:
    """The front end loses something for good: words must be weighed anew, which a frozen language model cannot."""
    torch.manual_seed(1)
    planted = Planted()
    teacher = captioner("full")

    def taught() -> Batch:
        batch = planted.batch(64)
        return Batch({"model": batch.views["teacher"]}, batch.targets, batch.keys)

    fit(Learner("ce", teacher), taught, 150, 1e-2)
    unseen = planted.batch(1000, blur=0.7)
    full = Batch({"model": unseen.views["teacher"]}, unseen.targets, unseen.keys)
    best = lost(teacher, full)
    found = {}
    for loss in ("rep", "rep_ce"):
        torch.manual_seed(2)
        student = captioner("cheap", adaptor=True, adaptor_hidden=64)
        student.load_state_dict(teacher.state_dict(), strict=False)
        untaught = lost(student, unseen)
        fit(Learner(loss, student, teacher), lambda: planted.batch(64, blur=0.7), 150, 3e-3)
        found[loss] = lost(student, unseen)
        assert found[loss] < untaught
    assert best < found["rep_ce"] < 0.8 * found["rep"]


def test_each_learns_what_it_should() -> None:
    torch.manual_seed(1)
    batch = Planted().batch(6)
    for loss, terms in (("rep", {"rep"}), ("rep_ce", {"rep", "ce"})):
        student, teacher = captioner("cheap", adaptor=True), captioner("full")
        learner = Learner(loss, student, teacher)
        found = learner(batch)
        assert (set(found.learned), found.monitored) == (terms, {})
        total(found.learned, 1.0).backward()
        with_gradient = {name.split(".")[0] for name, value in student.named_parameters() if value.grad is not None}
        rest = {"latent", "embedding", "language", "output"}
        assert with_gradient == ({"adaptor"} if loss == "rep" else {"adaptor"} | rest)
        assert all(value.grad is None for value in teacher.parameters())
        learning = {id(value) for value in learner.learning()}
        assert learning == {id(value) for value in student.parameters() if value.grad is not None}
        assert (student.adaptor is not None and student.adaptor.training) and not teacher.training
        assert student.language.training == (loss == "rep_ce")


def test_both_terms_are_of_one_pass() -> None:
    torch.manual_seed(1)
    batch = Planted().batch(6)
    assert batch.targets is not None
    sizes = CaptionerSizes(width=16, adaptor=True, adaptor_dropout=0.5)
    student, teacher = CaptionerNetwork(sizes, WORDS, {"cheap": Z}), captioner("full")
    learner = Learner("rep_ce", student, teacher)
    torch.manual_seed(7)
    found = learner(batch).learned
    torch.manual_seed(7)
    own = student.represent(batch.views["model"])
    decoded = student.decode(student.read(own), batch.targets)
    wanted = teacher.represent(batch.views["teacher"])
    assert found["rep"].item() == representation_error(own, wanted, batch.targets.lengths).item()
    assert found["ce"].item() == cross_entropy(decoded, real_words(batch.targets)).item()


SYSTEMS = {
    "seer": {"label": "seer", "task": "describe", "network": "captioner", "features": ["i3d_rgb", "vggish"]},
    "rep": {
        "label": "rep", "task": "describe", "network": "captioner", "features": ["few", "short"],
        "sizes": {"adaptor": True, "adaptor_hidden": 6}, "loss": "rep", "teacher": "seer",
    },
}  # fmt: skip
SYSTEMS["rep_ce"] = {**SYSTEMS["rep"], "label": "rep_ce", "loss": "rep_ce"}
CHANGES = {
    "training": {"batch_turns": 2},
    "features": {"few": {"network": "i3d_rgb"}, "short": {"network": "vggish"}},
    "networks": {"captioner": {"width": 8, "standardise": True}},
    "systems": SYSTEMS,
}


@pytest.fixture
def cheap(project: Project) -> Project:
    """Makes the made-up corpus with captioners, and with features of fewer steps for their students."""

    def make(name: str = "results", systems: dict[str, Any] | None = None) -> Config:
        own = SYSTEMS["rep"] if systems is None else {}
        changes = {**CHANGES, "systems": {**SYSTEMS, **(systems or {"rep": own})}}
        config = project(name, changes)
        layout = Layout(config.results)
        for full, few in (("i3d_rgb", "few"), ("vggish", "short")):
            store = FeatureStore(layout.feature(full))
            items = []
            for video_id in [*(f"t{i}" for i in range(12)), *(f"v{i}" for i in range(5))]:
                steps = store.read(video_id)[:1] * 0.5 + 0.25
                items.append((video_id, steps, np.arange(len(steps), dtype=np.float64)))
            write_shard(layout.feature_shard(few, "0000"), items, {"made": "up"}, store.dims, "float32")
        return config

    return make


def weights(config: Config, name: str) -> dict[str, torch.Tensor]:
    return load_file(Layout(config.results).model(name) / "model.safetensors")


def changed(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> set[str]:
    """Parts of a network whose weights differ, moments aside."""
    return {
        key.split(".")[0] for key, value in other.items() if key[:8] != "standard" and not torch.equal(one[key], value)
    }


def test_variant_r_and_then_a_language_model_of_its_own(cheap: Project, tmp_path: Path) -> None:
    config = cheap()
    train(config, "seer")
    train(config, "rep")
    teacher, adapted = weights(config, "seer"), weights(config, "rep")
    assert changed(adapted, teacher) == set()
    card = (Layout(config.results).model("rep") / "README.md").read_text()
    assert "| Started from | its teacher |" in card
    own = {**SYSTEMS["rep"], "loss": "ce", "teacher": None, "freeze": ["adaptor"]}
    own["init_from"] = str(Layout(config.results).model("rep"))
    again = cheap("results", {"rep_own": own})
    train(again, "rep_own")
    assert changed(weights(again, "rep_own"), adapted) == {"latent", "embedding", "language", "output"}
    card = (Layout(again.results).model("rep_own") / "README.md").read_text()
    assert "| Parts that did not learn | adaptor |" in card


def test_both_start_from_the_teacher_where_it_fits(cheap: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """With a learning rate of next to nothing the weights stay where they started."""
    still = {**SYSTEMS["rep_ce"], "training": {"epochs": 1, "learning_rate": 1e-30, "lambda_representation": 0.5}}
    config = cheap(systems={"rep_ce": still})
    train(config, "seer")
    train(config, "rep_ce")
    assert changed(weights(config, "rep_ce"), weights(config, "seer")) == set()
    assert "fresh: adaptor.first.weight, " in capsys.readouterr().err


def test_moments_are_those_of_the_students_own_features(cheap: Project) -> None:
    config = cheap()
    train(config, "seer")
    train(config, "rep")
    store = FeatureStore(Layout(config.results).feature("few"))
    steps = np.concatenate([store.read(f"t{i}") for i in range(12)])
    np.testing.assert_allclose(weights(config, "rep")["standard.few_mean"].numpy(), steps.mean(0), rtol=1e-5)


def stopped(monkeypatch: pytest.MonkeyPatch, config: Config, name: str, step: int) -> None:
    """Train, and stop before a batch with the state just written."""
    learn, calls = loop.Loop._learn, [0]

    def counted(self: loop.Loop, given: Any) -> None:
        calls[0] += 1
        if calls[0] == step:
            raise KeyboardInterrupt
        learn(self, given)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "SAVE_EVERY_SECONDS", 0.0)
        patch.setattr(loop.Loop, "_learn", counted)
        with pytest.raises(KeyboardInterrupt):
            train(config, name)


@pytest.mark.parametrize("name", ["rep", "frozen"])
def test_what_is_frozen_stays_so_when_a_training_goes_on(
    cheap: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    frozen = {**SYSTEMS["rep_ce"], "label": "frozen", "freeze": ["language", "output"]}
    calm, harried = (cheap(root, {"frozen": frozen}) for root in ("calm", "harried"))
    for config in (calm, harried):
        train(config, "seer")
    train(calm, name)
    stopped(monkeypatch, harried, name, 3)
    train(harried, name)
    assert "taken up after epoch 0, batch 2" in capsys.readouterr().err
    found, expected = weights(harried, name), weights(calm, name)
    assert all(torch.equal(found[key], value) for key, value in expected.items())
    if name == "frozen":
        assert changed(found, weights(harried, "seer")) == {"latent", "embedding"}


def test_other_frozen_parts_are_another_training(
    cheap: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = cheap(systems={"rep_ce": {**SYSTEMS["rep_ce"], "freeze": ["output", "language"]}})
    train(config, "seer")
    stopped(monkeypatch, config, "rep_ce", 3)
    same = cheap(systems={"rep_ce": {**SYSTEMS["rep_ce"], "freeze": ["language", "output", "language"]}})
    stopped(monkeypatch, same, "rep_ce", 3)
    assert "taken up after epoch 0, batch 2" in capsys.readouterr().err
    train(cheap(), "rep_ce")
    assert 'frozen parts was "[\\"language\\", \\"output\\"]", is not set' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("systems", "message"),
    [
        ({"rep_ce": {"freeze": ["ears"]}}, r"rep_ce\.freeze: 'ears' is no part of the network \(.*adaptor, latent"),
        ({"rep_ce": {"freeze": ["adaptor"]}}, r"rep_ce: what is frozen would keep its first .*adaptor\.first\.weight"),
        (
            {"rep_ce": {"sizes": {"adaptor": True, "width": 9}, "freeze": ["output"]}},
            r"nothing has learned \(output\.",
        ),
        ({"rep_ce": {"features": ["short", "few"]}}, r"features: dimensions short 3, few 5, its teacher's i3d_rgb 5"),
        ({"rep_ce": {"features": ["few"]}}, r"dimensions few 5, its teacher's i3d_rgb 5, vggish 3; L_rep compares"),
    ],
)
def test_what_does_not_go_together_is_named(cheap: Project, systems: dict[str, Any], message: str) -> None:
    config = cheap(systems={name: {**SYSTEMS[name], **changes} for name, changes in systems.items()})
    train(config, "seer")
    with pytest.raises(UserError, match=message):
        train(config, "rep_ce")


def test_all_frozen_is_an_error(cheap: Project) -> None:
    parts = ["adaptor", "latent", "embedding", "language", "output"]
    config = cheap(systems={"rep_ce": {**SYSTEMS["rep_ce"], "freeze": parts}})
    train(config, "seer")
    with pytest.raises(UserError, match=r"rep_ce\.freeze: nothing is left to learn"):
        train(config, "rep_ce")


def test_each_is_measured_and_the_teacher_is_searched(cheap: Project) -> None:
    """Perplexity is finite; that of `rep` is measured with the teacher's own language model."""
    config = cheap()
    for name in ("seer", "rep", "rep_ce"):
        train(config, name)
        lines = (Layout(config.results).model(name) / "curves.csv").read_text().splitlines()
        row = dict(zip(lines[0].split(","), lines[-1].split(","), strict=True))
        assert math.isfinite(float(row["validation_perplexity"]))
        terms = {key for key in row if key.startswith("train_")}
        assert terms == {"seer": {"train_ce"}, "rep": {"train_rep"}, "rep_ce": {"train_rep", "train_ce"}}[name]
    answer(config, "seer", "trial")
    given = read_json(Layout(config.results).answers("seer", "trial"))["dialogs"]
    by_video = [{turn["answer"] for turn in dialog["dialog"]} for dialog in given]
    assert all(len(answers) == 1 for answers in by_video)  # It reads no question.
