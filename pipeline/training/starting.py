"""What a training starts with: the network, with weights of another model or of its teacher, and the teacher."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import nn

from pipeline.config import Config
from pipeline.config.systems import REPRESENTING
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.networks.base import Network
from pipeline.progress import log
from pipeline.systems.initial import carried, start_folder, take_over
from pipeline.systems.system import build, load, parameters
from pipeline.tasks.registry import task_of
from pipeline.training.learner import Learning
from pipeline.training.materials import Materials
from pipeline.training.standard import standardise
from pipeline.vocabulary.words import Vocabulary

Names = frozenset[str]
"""Of a network's parameters and buffers."""


def make_learner(config: Config, name: str, materials: Materials) -> Learning:
    """The network of the system ``name``, and its teacher where it has one, as their training begins.

    The network has fresh weights, or those of `init_from`, or of its teacher: with `student_from_teacher`, which no
    configuration has beside `init_from`, all of them, with a loss of `REPRESENTING` (and no `init_from`) those that
    fit, which are all but the adaptor's. Raises `UserError` for a teacher or a frozen part that does not go with it.
    """
    system, settings = config.systems[name], config.training_of(name)
    model = _fresh(config, name, materials, "model")
    _check_parts(name, model, system.freeze)
    begun: Names = frozenset()
    if (start := start_folder(config, name)) is not None:
        begun = _start_from(model, materials.vocabulary, start, name)
    teacher = None
    if system.teacher is not None:
        folder = Layout(config.results).model(system.teacher)
        teacher = load(folder, materials.vocabulary, torch.device("cpu")).network
        if system.loss in REPRESENTING:
            _check_representations(name, materials.dims("model"), materials.dims("teacher"))
            begun = begun or _start_from(model, materials.vocabulary, folder, name)
        elif settings.student_from_teacher:
            begun = _copy(teacher, model, f"{name}: training.student_from_teacher")
        if system.loss == "joint" and settings.joint_teacher_from_scratch:
            teacher = _fresh(config, system.teacher, materials, "teacher")
    learner = task_of(config, name).learner(system, settings, model, teacher)
    _check_learning(name, learner, begun)
    return learner


def _fresh(config: Config, name: str, materials: Materials, role: str) -> Network:
    """A network with fresh weights and, where it standardises, the moments of the training videos."""
    network = build(config, name, len(materials.vocabulary), materials.dims(role))
    standardise(network, materials.stores, [dialog.video_id for dialog in materials.dialogs["training"]])
    return network


def _start_from(network: Network, vocabulary: Vocabulary, folder: Path, name: str) -> Names:
    """Take what fits of the model in ``folder``; the names of what was taken."""
    taken = take_over(network, vocabulary, folder)
    fresh = f"; fresh: {', '.join(taken.fresh)}" if taken.fresh else ""
    log(
        f"{name}: {len(taken.taken)} tensors taken over from {folder}, {taken.known} of {len(vocabulary)} words "
        f"known there{fresh}"
    )
    return frozenset(taken.taken)


def _copy(source: Network, target: Network, what: str) -> Names:
    """Copy everything; all names."""
    try:
        target.load_state_dict(source.state_dict())
    except RuntimeError:
        raise UserError(
            f"{what}: the teacher's weights do not fit; give both the same network, sizes, features and history"
        ) from None
    return frozenset(carried(target))


def _check_representations(name: str, own: Mapping[str, int], taught: Mapping[str, int]) -> None:
    """L_rep must not compare a feature of the student with another one of its teacher."""
    if list(own.values()) != list(taught.values()):
        raise UserError(
            f"systems.{name}.features: dimensions {_shown(own)}, its teacher's {_shown(taught)}; L_rep compares them "
            "one by one: give the same features in the same order, each as cheap as you like"
        )


def _shown(dims: Mapping[str, int]) -> str:
    return ", ".join(f"{feature} {size}" for feature, size in dims.items())


def _check_parts(name: str, network: Network, frozen: Iterable[str]) -> None:
    known = [part for part, _ in network.named_modules() if part]
    for part in frozen:
        if part not in known:
            parts = ", ".join(part for part in known if "." not in part)
            raise UserError(f"systems.{name}.freeze: {part!r} is no part of the network ({parts}, and what is in them)")


def _check_learning(name: str, learner: Learning, begun: Names) -> None:
    """Something must learn, and what does not must be trained, running moments too: ``begun`` names what is."""
    if next(learner.learning(), None) is None:
        raise UserError(f"systems.{name}.freeze: nothing is left to learn")
    model = learner.model
    # Buffers of a part without weights are never learned: fresh ones are as good as another model's.
    within = tuple(f"{part}." for part in learner.frozen if parameters(model.get_submodule(part)))
    fresh = [
        key
        for key, value in carried(model).items()
        if key not in begun and (not value.requires_grad if isinstance(value, nn.Parameter) else key.startswith(within))
    ]
    if fresh:
        raise UserError(
            f"{name}: what is frozen would keep its first values, which nothing has learned ({', '.join(fresh)}); "
            "start it from a model, or a teacher, whose network has the same sizes"
        )
