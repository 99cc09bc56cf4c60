"""What each loss of a learner computes and whom it teaches, on tiny real networks."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.config import Config
from pipeline.dataset.batch import Batch
from pipeline.networks.base import Decoded
from pipeline.networks.registry import build_generator
from pipeline.networks.sizes import CTSANSizes
from pipeline.systems.system import build
from pipeline.tensors import Sequences
from pipeline.training.learner import Learner
from pipeline.training.losses import context_error, cross_entropy, real_words, soft_cross_entropy
from pipeline.training.materials import Materials, gather

Made = tuple[Learner, Batch]


def make(config: Config, name: str, **options: Any) -> Made:
    materials: Materials = gather(config, name)
    torch.manual_seed(5)
    model = build(config, name, len(materials.vocabulary), materials.dims("model"))
    system = config.systems[name]
    teacher = None
    if system.teacher is not None:
        teacher = build(config, system.teacher, len(materials.vocabulary), materials.dims("teacher"))
    return Learner(system.loss, model, teacher, **options), materials.training.read([0, 1, 2, 5])


def with_gradient(network: torch.nn.Module) -> bool:
    return any(p.grad is not None and bool((p.grad != 0).any()) for p in network.parameters())


@pytest.mark.parametrize(
    ("name", "learned", "monitored"),
    [
        ("plain", {"ce"}, set()),
        ("st", {"st"}, {"student_ce", "context"}),
        ("st_context", {"st", "context"}, {"student_ce"}),
        ("joint", {"st", "ce", "context"}, {"student_ce"}),
    ],
)
def test_each_loss_reports_its_own_terms(
    project: Callable[..., Config], name: str, learned: set[str], monitored: set[str]
) -> None:
    learner, batch = make(project(), name)
    found = learner(batch)
    assert set(found.learned) == learned
    assert set(found.monitored) == monitored
    assert all(term.shape == () and term.isfinite() for terms in found for term in terms.values())
    assert all(term.requires_grad for term in found.learned.values())
    assert not any(term.requires_grad for term in found.monitored.values())


def test_monitored_terms_are_those_of_the_pass_that_is_learned_from(project: Callable[..., Config]) -> None:
    learner, batch = make(project(), "st", label_smoothing=0.3)
    assert learner.teacher is not None and batch.targets is not None
    torch.manual_seed(11)
    found = learner(batch).monitored
    torch.manual_seed(11)
    student: Decoded = learner.model(batch.views["model"], batch.targets)
    teacher: Decoded = learner.teacher(batch.views["teacher"], batch.targets)
    assert found["student_ce"].item() == cross_entropy(student, real_words(batch.targets)).item()
    assert found["context"].item() == context_error(student, teacher).item()


def test_contexts_of_unequal_size_are_not_compared(project: Callable[..., Config]) -> None:
    learner, batch = make(project(changes={"systems": {"st": {"sizes": {"context": 5}}}}), "st")
    assert set(learner(batch).monitored) == {"student_ce"}


@pytest.mark.parametrize(("name", "term"), [("plain", "ce"), ("joint", "ce")])
def test_smoothing_touches_the_hard_targets_alone(project: Callable[..., Config], name: str, term: str) -> None:
    found = []
    for smoothing in (0.0, 0.2):
        learner, batch = make(project("smooth"), name, label_smoothing=smoothing)
        torch.manual_seed(11)
        found.append(learner(batch))
    plain, smoothed = found
    changed = {key for key in plain.learned if plain.learned[key].item() != smoothed.learned[key].item()}
    assert changed == {term}
    assert plain.monitored == smoothed.monitored


@pytest.mark.parametrize("name", ["st", "st_context", "joint"])
def test_hard_targets_teach_the_student_beside_soft_ones(project: Callable[..., Config], name: str) -> None:
    found = []
    for hard in (False, True):
        learner, batch = make(project("hard"), name, hard_targets=hard)
        torch.manual_seed(11)
        found.append(learner(batch))
    plain, both = found
    assert set(both.learned) == {*plain.learned, "student_ce"}
    assert {**both.learned, **both.monitored} == {**plain.learned, **plain.monitored}
    assert not plain.monitored["student_ce"].requires_grad
    both.learned["student_ce"].backward()
    assert learner.teacher is not None
    assert with_gradient(learner.model) and not with_gradient(learner.teacher)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_soft_targets_at_a_temperature_are_those_of_numpy(temperature: float) -> None:
    generator = np.random.default_rng(4)
    student, teacher = (generator.normal(0, 3, (5, 7)) for _ in range(2))

    def shares(scores: np.ndarray) -> np.ndarray:
        raised = np.exp(scores / temperature)
        return raised / raised.sum(1, keepdims=True)

    by_hand = temperature**2 * np.mean(-(shares(teacher) * np.log(shares(student))).sum(1))
    said = [Decoded(torch.tensor(scores), torch.zeros(5, 1)) for scores in (student, teacher)]
    assert soft_cross_entropy(*said, temperature).item() == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("name", ["st", "st_context", "joint"])
def test_the_temperature_is_of_the_soft_targets_alone(project: Callable[..., Config], name: str) -> None:
    found = []
    for temperature in (1.0, 3.0):
        learner, batch = make(project("warm"), name, temperature=temperature)
        torch.manual_seed(11)
        found.append(learner(batch))
    changed = {key for key in found[0].learned if found[0].learned[key].item() != found[1].learned[key].item()}
    assert changed == {"st"}
    assert found[0].monitored == found[1].monitored


@pytest.mark.parametrize(
    ("name", "term", "student", "teacher"),
    [
        ("st", "st", True, False),
        ("st_context", "st", True, False),
        ("st_context", "context", True, False),
        ("joint", "st", True, False),
        ("joint", "ce", False, True),
        ("joint", "context", True, True),
    ],
)
def test_who_learns_from_which_term(
    project: Callable[..., Config], name: str, term: str, student: bool, teacher: bool
) -> None:
    learner, batch = make(project(), name)
    assert learner.teacher is not None
    learner(batch).learned[term].backward()
    assert with_gradient(learner.model) == student
    assert with_gradient(learner.teacher) == teacher


def test_a_frozen_teacher_runs_without_dropout_and_a_joint_one_with_it(project: Callable[..., Config]) -> None:
    config = project()
    frozen, _ = make(config, "st")
    joint, _ = make(config, "joint")
    assert frozen.teacher is not None and joint.teacher is not None
    assert (frozen.model.training, frozen.teacher.training) == (True, False)
    assert (joint.model.training, joint.teacher.training) == (True, True)
    assert set(frozen.learned()) == {"model"}
    assert set(joint.learned()) == {"model", "teacher"}
    frozen.eval()
    frozen.train()
    assert not frozen.teacher.training


def test_frozen_parts_neither_learn_nor_have_dropout(project: Callable[..., Config]) -> None:
    learner, batch = make(project(), "plain", frozen=("question", "decoder.forwards.0"))
    parts = dict(learner.model.named_modules())
    for mode in (True, False, True):
        learner.train(mode)
        off = {name for name, part in parts.items() if not part.training}
        under = {name for name in parts if f"{name}.".startswith(("question.", "decoder.forwards.0."))}
        assert off == (under if mode else set(parts))
    assert any(isinstance(parts[name], torch.nn.Dropout) for name in under)
    learner(batch).learned["ce"].backward()
    learned = {name for name, weight in learner.model.named_parameters() if weight.grad is not None}
    frozen = {name for name, _ in learner.model.named_parameters() if name.startswith(("question.", "decoder.forw"))}
    assert frozen and not learned & frozen
    assert {id(weight) for weight in learner.learning()} == {
        id(weight) for name, weight in learner.model.named_parameters() if name not in frozen
    }


def test_joint_terms_are_made_of_the_right_passes(project: Callable[..., Config]) -> None:
    learner, batch = make(project(), "joint")
    assert learner.teacher is not None and batch.targets is not None
    words = real_words(batch.targets)
    torch.manual_seed(11)
    found = learner(batch).learned
    torch.manual_seed(11)
    student: Decoded = learner.model(batch.views["model"], batch.targets)
    learner.teacher.eval()
    quiet: Decoded = learner.teacher(batch.views["teacher"], batch.targets)
    learner.teacher.train()
    loud: Decoded = learner.teacher(batch.views["teacher"], batch.targets)
    assert found["st"].item() == soft_cross_entropy(student, quiet).item()
    assert found["ce"].item() == cross_entropy(loud, words).item()
    assert found["context"].item() == context_error(student, loud).item()
    assert not torch.equal(quiet.logits, loud.logits)


def test_a_shared_pass_gives_all_joint_terms_and_soft_targets_without_gradient(
    project: Callable[..., Config],
) -> None:
    learner, batch = make(project(), "joint", joint_shared_pass=True)
    assert learner.teacher is not None and batch.targets is not None
    torch.manual_seed(11)
    found = learner(batch).learned
    torch.manual_seed(11)
    student: Decoded = learner.model(batch.views["model"], batch.targets)
    loud: Decoded = learner.teacher(batch.views["teacher"], batch.targets)
    assert found["st"].item() == soft_cross_entropy(student, loud).item()
    assert found["ce"].item() == cross_entropy(loud, real_words(batch.targets)).item()
    assert found["context"].item() == context_error(student, loud).item()
    found["st"].backward()
    assert with_gradient(learner.model)
    assert not with_gradient(learner.teacher)


def test_the_teacher_reads_the_description_and_the_student_does_not(project: Callable[..., Config]) -> None:
    _, batch = make(project(), "st")
    lengths = {role: inputs.questions.lengths for role, inputs in batch.views.items()}
    # "a <colour> <thing> is there ." in front.
    assert torch.equal(lengths["teacher"], lengths["model"] + 6)
    assert set(batch.views["model"].features) == {"i3d_rgb"}
    assert set(batch.views["teacher"].features) == {"i3d_rgb", "vggish"}


def test_a_loss_and_its_teacher_go_together(project: Callable[..., Config]) -> None:
    learner, _ = make(project(), "plain")
    with pytest.raises(ValueError, match="without a teacher"):
        Learner("st", learner.model)
    with pytest.raises(ValueError, match="with a teacher"):
        Learner("ce", learner.model, learner.model)


def test_a_network_that_regularises_its_attention_adds_a_term(project: Callable[..., Config]) -> None:
    materials = gather(project(), "plain")
    batch = materials.training.read([0, 1, 2, 5])
    videos = len(next(iter(batch.views["model"].features.values())).lengths)
    words = Sequences(torch.tensor([[5, 6]]).expand(videos, -1), torch.full((videos,), 2))
    view = replace(batch.views["model"], concepts=words)
    batch = replace(batch, views={"model": view, "teacher": view})
    for semantic in (True, False):
        sizes = CTSANSizes(embedding=5, width=6, semantic=semantic, lambda_semantic=0.25, dropout=0.0)
        network = build_generator("ct_san", sizes, len(materials.vocabulary), materials.dims("model"), False)
        learned = Learner("ce", network)(batch).learned
        assert set(learned) == ({"ce", "attention"} if semantic else {"ce"})
        if semantic:
            decoded = network(view, batch.targets)
            torch.testing.assert_close(learned["attention"], decoded.penalty.sum() / len(decoded.logits))
            assert learned["attention"] > 0
            taught = Learner("st", network, network)(batch)
            assert set(taught.learned) == {"st", "attention"}
