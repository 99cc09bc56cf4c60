"""What one step of training computes: the network, with its teacher where it has one, turned into loss terms."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from pipeline.config.systems import REPRESENTING
from pipeline.dataset.batch import Batch
from pipeline.networks.base import Decoded, Generator, Network
from pipeline.networks.captioner import CaptionerNetwork
from pipeline.tensors import Sequences
from pipeline.training.losses import (
    Losses,
    Terms,
    context_error,
    cross_entropy,
    penalties,
    real_words,
    representation_error,
    soft_cross_entropy,
)
from pipeline.training.soft_targets import SoftTargets
from pipeline.training.split import Split


class Learning(nn.Module, ABC):
    """A network that learns, and the terms that a batch gives it to minimise.

    frozen: names of parts of the network (`adaptor`, `decoder.forwards.0`) that do not learn and run without dropout.
    """

    model: Network
    frozen: tuple[str, ...]

    def freeze(self, parts: Sequence[str]) -> None:
        """From here on these parts do not learn."""
        self.frozen = tuple(parts)
        for part in self.frozen:
            self.model.get_submodule(part).requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Training mode, but for frozen parts."""
        super().train(mode)
        for part in self.frozen:
            self.model.get_submodule(part).eval()
        return self

    def learning(self) -> Iterator[nn.Parameter]:
        """The parameters that learn."""
        return (parameter for parameter in self.learned().parameters() if parameter.requires_grad)

    def learned(self) -> nn.ModuleDict:
        """The networks that are trained, by role, with what is frozen in them."""
        return nn.ModuleDict({"model": self.model})

    @abstractmethod
    def forward(self, batch: Any) -> Losses:
        """The loss terms of a batch of the task's examples, each a scalar."""

    def remember(self, split: Split, batch_turns: int, device: torch.device, most: int) -> None:
        """Have a frozen teacher say now, once, what it says of all turns of ``split``."""
        raise NotImplementedError


class Learner(Learning):
    """A network that says something and, for all losses but `ce`, its teacher.

    ce: cross entropy of the network. st (eq. 9) and st_context (eq. 10): soft targets, and context vectors, of a
    teacher that is frozen and runs without dropout. joint (eq. 11): both learn; the soft targets come from a pass of
    the teacher without dropout and without gradient, its own cross entropy and the context error from its training
    pass (choice 4); with ``joint_shared_pass`` the soft targets are that pass's too, still without gradient. rep: the
    adaptor of a captioner, and nothing else, learns to represent a video as the frozen teacher does. rep_ce: the whole
    captioner learns, from that and from its cross entropy.

    label_smoothing: of the hard targets that are learned from. temperature: of the soft ones. A student's own cross
    entropy on hard targets (`student_ce`, never smoothed) is monitored or, with ``hard_targets``, learned from besides.
    The context error is monitored under `st` where both networks' context vectors have the same size.

    A network that regularises its attention adds `attention`, whatever the loss.

    The network sees the batch's view "model", the teacher "teacher".
    """

    def __init__(
        self,
        loss: str,
        model: Generator,
        teacher: Generator | None = None,
        *,
        label_smoothing: float = 0.0,
        joint_shared_pass: bool = False,
        temperature: float = 1.0,
        hard_targets: bool = False,
        frozen: Sequence[str] = (),
    ) -> None:
        super().__init__()
        if (loss == "ce") != (teacher is None):
            raise ValueError(f"loss {loss!r} {'without' if teacher is None else 'with'} a teacher")
        self.loss = loss
        self.model: Generator = model
        self.teacher = teacher
        self.label_smoothing = label_smoothing
        self.joint_shared_pass = joint_shared_pass
        self.temperature, self.hard_targets = temperature, hard_targets
        self.soft_targets: SoftTargets | None = None
        if teacher is not None:
            teacher.requires_grad_(loss == "joint")
        self.freeze([part for part, _ in model.named_children() if part != "adaptor"] if loss == "rep" else frozen)
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Training mode, but for a frozen teacher and frozen parts."""
        super().train(mode)
        if self.teacher is not None and self.loss != "joint":
            self.teacher.eval()
        return self

    def learned(self) -> nn.ModuleDict:
        """The networks that are trained, by role, with what is frozen in them."""
        networks = super().learned()
        if self.teacher is not None and self.loss == "joint":
            networks["teacher"] = self.teacher
        return networks

    def forward(self, batch: Batch) -> Losses:
        """The loss terms of a batch with targets, each a scalar."""
        assert batch.targets is not None
        if self.loss in REPRESENTING:
            return Losses(self._represented(batch, batch.targets), {})
        student: Decoded = self.model(batch.views["model"], batch.targets)
        words = real_words(batch.targets)
        if self.teacher is None:
            return Losses({"ce": cross_entropy(student, words, self.label_smoothing), **penalties(student)}, {})
        if self.loss == "joint":
            terms, soft = self._joint(self.teacher, student, batch, words), None
        else:
            soft = self._told(self.teacher, batch)
            terms = {"st": soft_cross_entropy(student, soft, self.temperature)}
            if self.loss == "st_context":
                terms["context"] = context_error(student, soft)
        terms.update(penalties(student))
        if self.hard_targets:
            terms["student_ce"] = cross_entropy(student, words)
        with torch.no_grad():
            monitored = {} if self.hard_targets else {"student_ce": cross_entropy(student, words)}
            if soft is not None and "context" not in terms and student.context.shape == soft.context.shape:
                monitored["context"] = context_error(student, soft)
        return Losses(terms, monitored)

    def _represented(self, batch: Batch, targets: Sequences) -> Terms:
        """L_rep, which needs no word, and with `rep_ce` the cross entropy of the same pass."""
        assert isinstance(self.model, CaptionerNetwork) and isinstance(self.teacher, CaptionerNetwork)
        found = self.model.represent(batch.views["model"])
        with torch.no_grad():
            wanted = self.teacher.represent(batch.views["teacher"])
        terms = {"rep": representation_error(found, wanted, targets.lengths)}
        if self.loss == "rep_ce":
            student = self.model.decode(self.model.read(found), targets)
            terms["ce"] = cross_entropy(student, real_words(targets), self.label_smoothing)
        return terms

    def remember(self, split: Split, batch_turns: int, device: torch.device, most: int) -> None:
        """Have the frozen teacher say what it says of all turns of ``split`` now, once; see `SoftTargets.of`."""
        assert self.teacher is not None
        teacher = self.teacher.to(device)
        self.soft_targets = SoftTargets.of(lambda batch: _quiet(teacher, batch), split, batch_turns, device, most)

    def _told(self, teacher: Generator, batch: Batch) -> Decoded:
        return _quiet(teacher, batch) if self.soft_targets is None else self.soft_targets(batch)

    def _joint(self, teacher: Generator, student: Decoded, batch: Batch, words: Tensor) -> Terms:
        """The terms of equation 11."""
        quiet = None if self.joint_shared_pass else _quiet(teacher, batch)
        loud: Decoded = teacher(batch.views["teacher"], batch.targets)
        return {
            "st": soft_cross_entropy(student, loud if quiet is None else quiet, self.temperature),
            "ce": cross_entropy(loud, words, self.label_smoothing),
            "context": context_error(student, loud),
        }


def _quiet(teacher: Generator, batch: Batch) -> Decoded:
    """The teacher's pass without dropout and without gradient; its mode stays what it was."""
    training = teacher.training
    teacher.eval()
    try:
        with torch.no_grad():
            decoded: Decoded = teacher(batch.views["teacher"], batch.targets)
    finally:
        teacher.train(training)
    return decoded
