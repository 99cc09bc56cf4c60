"""What one step of training computes: the network, with its teacher where it has one, turned into loss terms."""

from typing import Self

import torch
from torch import nn

from pipeline.config import Loss
from pipeline.dataset.batch import Batch
from pipeline.networks.base import Decoded, DialogNetwork
from pipeline.training.losses import Terms, context_error, cross_entropy, real_words, soft_cross_entropy


class Learner(nn.Module):
    """A network and, for the losses `st`, `st_context` and `joint`, its teacher.

    ce: cross entropy of the network. st (eq. 9) and st_context (eq. 10): soft targets, and context vectors, of a
    teacher that is frozen and runs without dropout. joint (eq. 11): both learn; the soft targets come from a pass of
    the teacher without dropout and without gradient, its own cross entropy and the context error from its training
    pass (choice 4).

    The network sees the batch's view "model", the teacher "teacher".
    """

    def __init__(self, loss: Loss, model: DialogNetwork, teacher: DialogNetwork | None = None) -> None:
        super().__init__()
        if (loss == "ce") != (teacher is None):
            raise ValueError(f"loss {loss!r} {'without' if teacher is None else 'with'} a teacher")
        self.loss = loss
        self.model = model
        self.teacher = teacher
        if teacher is not None:
            teacher.requires_grad_(loss == "joint")
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Training mode, but for a frozen teacher."""
        super().train(mode)
        if self.teacher is not None and self.loss != "joint":
            self.teacher.eval()
        return self

    def learned(self) -> nn.ModuleDict:
        """The networks that are trained, by role."""
        networks = nn.ModuleDict({"model": self.model})
        if self.teacher is not None and self.loss == "joint":
            networks["teacher"] = self.teacher
        return networks

    def forward(self, batch: Batch) -> Terms:
        """The loss terms of a batch with targets, each a scalar: what `losses.total` adds up."""
        assert batch.targets is not None
        words = real_words(batch.targets)
        student: Decoded = self.model(batch.views["model"], batch.targets)
        if self.teacher is None:
            return {"ce": cross_entropy(student, words)}
        soft = self._soft_targets(self.teacher, batch)
        terms = {"st": soft_cross_entropy(student, soft)}
        if self.loss == "st_context":
            terms["context"] = context_error(student, soft)
        if self.loss == "joint":
            teacher: Decoded = self.teacher(batch.views["teacher"], batch.targets)
            terms["ce"] = cross_entropy(teacher, words)
            terms["context"] = context_error(student, teacher)
        return terms

    @staticmethod
    def _soft_targets(teacher: DialogNetwork, batch: Batch) -> Decoded:
        """The teacher's pass without dropout and without gradient; its mode stays what it was."""
        training = teacher.training
        teacher.eval()
        try:
            with torch.no_grad():
                decoded: Decoded = teacher(batch.views["teacher"], batch.targets)
        finally:
            teacher.train(training)
        return decoded
