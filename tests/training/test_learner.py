"""What each loss of a learner computes and whom it teaches, on tiny real networks."""

from collections.abc import Callable

import pytest
import torch

from pipeline.config import Config
from pipeline.dataset.batch import Batch
from pipeline.networks.base import Decoded
from pipeline.systems.system import build
from pipeline.training.learner import Learner
from pipeline.training.losses import context_error, cross_entropy, real_words, soft_cross_entropy
from pipeline.training.materials import Materials, gather

Made = tuple[Learner, Batch]


def make(config: Config, name: str) -> Made:
    materials: Materials = gather(config, name)
    torch.manual_seed(5)
    model = build(config, name, len(materials.vocabulary), materials.dims("model"))
    system = config.systems[name]
    teacher = None
    if system.teacher is not None:
        teacher = build(config, system.teacher, len(materials.vocabulary), materials.dims("teacher"))
    return Learner(system.loss, model, teacher), materials.training.read([0, 1, 2, 5])


def with_gradient(network: torch.nn.Module) -> bool:
    return any(p.grad is not None and bool((p.grad != 0).any()) for p in network.parameters())


@pytest.mark.parametrize(
    ("name", "terms"),
    [("plain", {"ce"}), ("st", {"st"}), ("st_context", {"st", "context"}), ("joint", {"st", "ce", "context"})],
)
def test_each_loss_reports_its_own_terms(project: Callable[..., Config], name: str, terms: set[str]) -> None:
    learner, batch = make(project(), name)
    found = learner(batch)
    assert set(found) == terms
    assert all(term.shape == () and term.isfinite() for term in found.values())


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
    learner(batch)[term].backward()
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


def test_joint_terms_are_made_of_the_right_passes(project: Callable[..., Config]) -> None:
    learner, batch = make(project(), "joint")
    assert learner.teacher is not None and batch.targets is not None
    words = real_words(batch.targets)
    torch.manual_seed(11)
    found = learner(batch)
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
