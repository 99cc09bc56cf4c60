"""The training loop: Adam over batches of dialogs or turns, validation after each epoch, the best epoch kept."""

import math
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from pipeline.config import Training
from pipeline.errors import UserError
from pipeline.files import write_text
from pipeline.halving import Halving
from pipeline.progress import log, progress
from pipeline.training.average import Average
from pipeline.training.curves import Board, Row, csv_text, epoch_line, epoch_row
from pipeline.training.feed import Feed, Step
from pipeline.training.learner import Learning
from pipeline.training.losses import Losses, total
from pipeline.training.measure import Measure
from pipeline.training.processes import gathered, share_buffers, summed
from pipeline.training.schedule import Schedule
from pipeline.training.split import Split
from pipeline.training.state import (
    CURVES,
    STATE,
    Position,
    Settings,
    State,
    check_alike,
    forget,
    generators,
    set_generators,
    taken_up,
)

SAVE_EVERY_SECONDS = 60.0


class Loop:
    """One training, from wherever ``state`` left it to the end, in one process or several at once.

    ``folder`` takes the resumable state (state.pt, after every epoch and every minute), the curves so far and
    TensorBoard events. The order of the batches depends on the seed and the epoch alone, dropout on the global
    generators of random numbers. Several processes learn from the same batches as one does, each from its share, and
    hold the same weights after every step; only the first of them writes. Beside dropout, batch normalisation alone
    tells a share from the whole, as it does a part of a batch that is halved for memory: its moments are the part's,
    and those that are validated with and kept the first process's.
    """

    def __init__(
        self,
        name: str,
        fabric: Fabric,
        learner: Learning,
        training: Split,
        validation: Split,
        measure: Measure,
        *,
        settings: Training,
        made_with: Settings,
        folder: Path,
        state: State | None,
    ) -> None:
        self.name, self.fabric, self.learner, self.settings = name, fabric, learner, settings
        self.feed = Feed(training, settings, fabric.global_rank, fabric.world_size, pinned=fabric.device.type == "cuda")
        # A step that other processes take part in cannot be begun anew.
        divisible = fabric.world_size == 1
        smaller = "training.batch_turns (a dialog stays whole unless training.batch_by is turn)"
        self.halving = Halving(f"{name}: training", smaller, divisible)
        self.validation, self.measure = validation, measure
        self.made_with, self.folder = made_with, folder
        self.position = Position()
        self.schedule = Schedule.new(settings.learning_rate, settings.patience, measure.higher)
        self.rows: list[Row] = []
        self.best: dict[str, Tensor] = {}
        learner.to(fabric.device)
        self.average = Average(learner.model, settings.average)
        optimizer = torch.optim.Adam(learner.learning(), lr=settings.learning_rate, fused=True)
        if state is not None:
            with taken_up(folder / STATE):
                self._take_up(state, optimizer)
        self.module, self.optimizer = fabric.setup(learner, optimizer)
        self.saved = 0.0
        self.due = False

    def run(self) -> None:
        """Train to the last epoch, or until patience runs out; `best` then holds the weights to keep.

        Raises `UserError` naming the dialogs of a batch whose loss or gradient is not a finite number.
        """
        with closing(self.feed.steps(self.position.epoch, self.position.batch)) as steps:
            if not self.fabric.is_global_zero:
                self._go(steps, None)
                return
            left = self.feed.left(self.position.epoch, self.position.batch)
            with closing(Board(self.folder / "tensorboard", self.position.epoch)) as board:
                self._write_curves()
                self._go(progress(steps, left, f"{self.name}: training", "batches", self._running), board)

    def forget(self) -> None:
        """Remove the state: the finished model stands elsewhere."""
        forget(self.folder)

    def _go(self, steps: Iterable[Step], board: Board | None) -> None:
        self.saved = began = time.monotonic()
        for step in steps:
            if self.schedule.ended:
                break
            self.position.waited += time.monotonic() - began
            self._learn(step)
            self.position.seconds += time.monotonic() - began
            if step.last:
                self._end_epoch(board)
            if step.last or self.due:
                self._save()
                self.saved = time.monotonic()
            began = time.monotonic()

    def _learn(self, step: Step) -> None:
        """One step of Adam; the loss terms are added to the epoch's sums."""
        terms = self.halving(step.units, lambda parts: self._gradient(step, parts))
        norm = self.fabric.clip_gradients(
            self.module, self.optimizer, max_norm=self.settings.clip, error_if_nonfinite=False
        )
        assert norm is not None
        *values, length = self._told(torch.stack(list(terms.values())), norm)
        if not all(map(math.isfinite, (*values, length))):
            raise UserError(self._not_finite(step, dict(zip(terms, values, strict=True)), length))
        self.optimizer.step()
        self.average.update()
        for term, value in zip(terms, values, strict=True):
            self.position.sums[term] = self.position.sums.get(term, 0.0) + value * step.words
        self.position.words += step.words
        self.position.turns += step.turns
        self.position.batch += 1

    def _gradient(self, step: Step, parts: Sequence[Sequence[int]]) -> dict[str, Tensor]:
        """The gradient of this process's part of a batch, summed over its ``parts``, and its share of the terms."""
        settings, found = self.settings, dict[str, Tensor]()
        self.optimizer.zero_grad()
        for units in parts:
            batch, share = self.feed.part(step, units)
            losses: Losses = self.module(batch.to(self.fabric.device))
            # Each loss is a mean over its own words, and the gradient becomes the mean over the processes: these
            # weights make of it the gradient of the mean over all words.
            weight = share * self.fabric.world_size
            weights = (settings.lambda_context, settings.lambda_representation, settings.lambda_hard)
            learned = total(losses.learned, *weights)
            self.fabric.backward(weight * learned)
            for term, value in {**losses.learned, **losses.monitored}.items():
                found[term] = share * value.detach() + found.get(term, 0.0)
        return found

    def _told(self, values: Tensor, norm: Tensor) -> list[float]:
        """The terms over the whole batch and the gradient's norm, in one transfer from the device.

        On the way the first process tells whether it is time to save, which needs them all.
        """
        due = self.fabric.is_global_zero and time.monotonic() - self.saved >= SAVE_EVERY_SECONDS
        everyones = summed(self.fabric, torch.cat((values, torch.full_like(values[:1], float(due)))))
        *found, due_somewhere, length = torch.cat((everyones, norm.to(everyones).view(1))).tolist()
        self.due = due_somewhere > 0
        return [*found, length]

    def _not_finite(self, step: Step, values: dict[str, float], norm: float) -> str:
        found = ", ".join(f"{term} {value:g}" for term, value in values.items())
        return (
            f"{self.name}: epoch {self.position.epoch + 1}, batch {self.position.batch + 1}: the loss is not a finite "
            f"number ({found}, gradient norm {norm:g}); dialogs {', '.join(step.video_ids)}: check their features, or "
            "lower training.learning_rate"
        )

    def _running(self) -> str:
        """The epoch so far, for the display of progress."""
        done = self.position
        means = (f"{term} {value / done.words:.3f}" for term, value in done.sums.items())
        return ", ".join((f"epoch {done.epoch + 1}/{self.settings.epochs}", *means)) if done.words else ""

    def _end_epoch(self, board: Board | None) -> None:
        """Validate; keep the weights if they are the best; note the epoch."""
        done, rate = self.position, self.schedule.learning_rate
        epoch = done.epoch + 1
        # What validation finds decides the learning rate and the end, in each process by itself: of one network.
        share_buffers(self.fabric, self.learner.model)
        with self.average.in_place():
            found = self._validate()
            if not math.isfinite(found):
                raise UserError(
                    f"{self.name}: validation {self.measure.name} of epoch {epoch} is not a finite number; "
                    "lower training.learning_rate"
                )
            if self.schedule.update(epoch, found):
                weights = self.learner.model.state_dict()
                self.best = {name: weight.detach().to("cpu", copy=True) for name, weight in weights.items()}
        self.learner.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.learning_rate
        self.rows.append(epoch_row(done, self.measure, found, rate, self.fabric.device))
        if board is not None:
            board.add(self.rows[-1])
            self._write_curves()
            log(f"{self.name}: {epoch_line(self.rows[-1], self.measure, self.settings.epochs, self.schedule)}")
        self.position = Position(epoch)

    def _validate(self) -> float:
        return self.measure.of(self.fabric, self.learner.model, self.validation, self.settings.batch_turns)

    def _write_curves(self) -> None:
        """The epochs so far; a file of an older training goes."""
        if self.rows:
            write_text(self.folder / CURVES, csv_text(self.rows))
        else:
            (self.folder / CURVES).unlink(missing_ok=True)

    def _save(self) -> None:
        everyones = gathered(self.fabric, generators(self.fabric.device))
        if not self.fabric.is_global_zero:
            return
        State(
            settings=self.made_with,
            position=self.position,
            schedule=self.schedule,
            rows=self.rows,
            networks=self.learner.learned().state_dict(),
            optimizer=self.optimizer.state_dict(),
            generators=everyones,
            best=self.best,
            average=self.average.state(),
        ).write(self.folder / STATE)

    def _take_up(self, state: State, optimizer: torch.optim.Optimizer) -> None:
        self.position, self.schedule = state.position, state.schedule
        self.rows, self.best = state.rows, state.best
        if self.best:
            check_alike(self.learner.model.state_dict(), self.best, "best")
        self.learner.learned().load_state_dict(state.networks)
        optimizer.load_state_dict(state.optimizer)
        for weight, moments in optimizer.state.items():
            check_alike({"exp_avg": weight, "exp_avg_sq": weight, "step": torch.tensor(0.0)}, moments, "optimizer")
        self.average.take_up(state.average)
        rank, now, then = self.fabric.global_rank, self.fabric.world_size, len(state.generators)
        if rank < then:
            set_generators(state.generators[rank], self.fabric.device)
        if self.fabric.is_global_zero:
            log(f"{self.name}: taken up after epoch {self.position.epoch}, batch {self.position.batch} of the next")
            if now != then:
                other = "dropout and moments of batch normalisation" if self._normalises() else "dropout"
                log(f"{self.name}: {now} processes, {then} before: the same batches, but other {other} from here on")

    def _normalises(self) -> bool:
        """Whether a batch's rows are normalised by moments over them all."""
        return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in self.learner.modules())
