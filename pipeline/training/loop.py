"""The training loop: Adam over batches of whole dialogs, validation after each epoch, the best epoch kept."""

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from lightning.fabric import Fabric
from torch import Tensor

from pipeline.config import Training
from pipeline.dataset.batch import Batch
from pipeline.errors import UserError
from pipeline.progress import log, progress
from pipeline.training.curves import Board, Row, peak_memory
from pipeline.training.evaluate import perplexity
from pipeline.training.learner import Learner
from pipeline.training.losses import total
from pipeline.training.schedule import Schedule
from pipeline.training.split import Split
from pipeline.training.state import STATE, Position, Settings, State, generators, set_generators

A = TypeVar("A")
T = TypeVar("T")
SAVE_EVERY_SECONDS = 60.0
BATCHES_AHEAD = 2


@dataclass(frozen=True)
class Step:
    """A batch, and whether it is the last of its epoch."""

    batch: Batch
    last: bool


class Loop:
    """One training, from wherever ``state`` left it to the end.

    ``folder`` takes the resumable state (state.pt, after every epoch and every minute) and TensorBoard events. The
    order of the batches depends on the seed and the epoch alone, dropout on the global generators of random numbers.
    """

    def __init__(
        self,
        name: str,
        fabric: Fabric,
        learner: Learner,
        training: Split,
        validation: Split,
        *,
        settings: Training,
        made_with: Settings,
        folder: Path,
        state: State | None,
    ) -> None:
        self.name, self.fabric, self.learner, self.settings = name, fabric, learner, settings
        self.training, self.validation = training, validation
        self.made_with, self.path = made_with, folder / STATE
        self.position = Position()
        self.schedule = Schedule(settings.learning_rate, settings.patience)
        self.rows: list[Row] = []
        self.best: dict[str, Tensor] = {}
        learner.to(fabric.device)
        optimizer = torch.optim.Adam(learner.learned().parameters(), lr=settings.learning_rate, fused=True)
        if state is not None:
            self._take_up(state, optimizer)
        self.board = Board(folder / "tensorboard", self.position.epoch)
        self.module, self.optimizer = fabric.setup(learner, optimizer)

    def run(self) -> None:
        """Train to the last epoch, or until patience runs out; `best` then holds the weights to keep.

        Raises `UserError` naming the dialogs of a batch whose loss or gradient is not a finite number.
        """
        saved = began = time.monotonic()
        with closing(self.board), closing(self._steps()) as steps:
            for step in progress(steps, self._batches_left(), f"{self.name}: training", "batches"):
                if self.schedule.ended:
                    break
                self._learn(step.batch)
                self.position.seconds += time.monotonic() - began
                if step.last:
                    self._end_epoch()
                if step.last or time.monotonic() - saved >= SAVE_EVERY_SECONDS:
                    self._save()
                    saved = time.monotonic()
                began = time.monotonic()

    def forget(self) -> None:
        """Remove the state: the finished model stands elsewhere."""
        self.path.unlink(missing_ok=True)

    def _order(self, epoch: int) -> list[list[int]]:
        """The dialogs of each batch of ``epoch``."""
        return self.training.shuffled(self.settings.batch_turns, self.settings.seed, epoch)

    def _batches_left(self) -> int:
        left = sum(len(self._order(epoch)) for epoch in range(self.position.epoch, self.settings.epochs))
        return left - self.position.batch

    def _steps(self) -> Generator[Step, None, None]:
        """Every batch from the present position to the last epoch's end."""
        return ahead(self._read, self._places(replace(self.position)))

    def _places(self, start: Position) -> Iterator[tuple[list[int], bool]]:
        for epoch in range(start.epoch, self.settings.epochs):
            order = self._order(epoch)
            for number in range(start.batch if epoch == start.epoch else 0, len(order)):
                yield order[number], number == len(order) - 1

    def _read(self, place: tuple[list[int], bool]) -> Step:
        batch = self.training.read(place[0])
        return Step(batch.map(Tensor.pin_memory) if self.fabric.device.type == "cuda" else batch, place[1])

    def _learn(self, batch: Batch) -> None:
        """One step of Adam; the loss terms are added to the epoch's sums."""
        assert batch.targets is not None
        words = int(batch.targets.lengths.sum())
        terms = self.module(batch.to(self.fabric.device))
        self.optimizer.zero_grad()
        self.fabric.backward(total(terms, self.settings.lambda_context))
        norm = self.fabric.clip_gradients(
            self.module, self.optimizer, max_norm=self.settings.clip, error_if_nonfinite=False
        )
        assert norm is not None
        # One transfer from the device a step.
        *values, length = torch.stack([*(term.detach() for term in terms.values()), norm]).tolist()
        if not all(map(math.isfinite, (*values, length))):
            raise UserError(self._not_finite(batch, dict(zip(terms, values, strict=True)), length))
        self.optimizer.step()
        for term, value in zip(terms, values, strict=True):
            self.position.sums[term] = self.position.sums.get(term, 0.0) + value * words
        self.position.words += words
        self.position.turns += batch.turns
        self.position.batch += 1

    def _not_finite(self, batch: Batch, values: dict[str, float], norm: float) -> str:
        found = ", ".join(f"{term} {value:g}" for term, value in values.items())
        dialogs = ", ".join(dict.fromkeys(video_id for video_id, _ in batch.keys))
        return (
            f"{self.name}: epoch {self.position.epoch + 1}, batch {self.position.batch + 1}: the loss is not a finite "
            f"number ({found}, gradient norm {norm:g}); dialogs {dialogs}: check their features, or lower "
            "training.learning_rate"
        )

    def _end_epoch(self) -> None:
        """Validate; keep the weights if they are the best; note the epoch."""
        done, epoch = self.position, self.position.epoch + 1
        found = perplexity(self.fabric, self.learner.model, self.validation, self.settings.batch_turns)
        self.learner.train()
        if not math.isfinite(found):
            raise UserError(
                f"{self.name}: validation perplexity of epoch {epoch} is not a finite number; "
                "lower training.learning_rate"
            )
        row = {
            "epoch": epoch,
            **{f"train_{term}": value / done.words for term, value in done.sums.items()},
            "validation_perplexity": found,
            "learning_rate": self.schedule.learning_rate,
            "seconds": done.seconds,
            "turns_per_second": done.turns / done.seconds,
            "peak_memory_mib": peak_memory(self.fabric.device),
        }
        better = self.schedule.update(epoch, found)
        if better:
            weights = self.learner.model.state_dict()
            self.best = {name: weight.detach().to("cpu", copy=True) for name, weight in weights.items()}
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.learning_rate
        self.rows.append(row)
        self.board.add(row)
        log(self._line(row, better))
        self.position = Position(epoch)

    def _line(self, row: Row, better: bool) -> str:
        terms = ", ".join(f"{name.removeprefix('train_')} {row[name]:.4f}" for name in row if name.startswith("train_"))
        verdict = "lowest" if better else f"epoch {self.schedule.best_epoch}: {self.schedule.best_perplexity:.3f}"
        return (
            f"{self.name}: epoch {row['epoch']:.0f}/{self.settings.epochs}: {terms}, validation perplexity "
            f"{row['validation_perplexity']:.3f} ({verdict}), learning rate {row['learning_rate']:.3g}, "
            f"{row['turns_per_second']:.0f} turns/s, {row['seconds']:.1f} s"
        )

    def _save(self) -> None:
        State(
            settings=self.made_with,
            position=asdict(self.position),
            schedule=self.schedule.state(),
            rows=self.rows,
            networks=self.learner.learned().state_dict(),
            optimizer=self.optimizer.state_dict(),
            generators=generators(self.fabric.device),
            best=self.best,
        ).write(self.path)

    def _take_up(self, state: State, optimizer: torch.optim.Optimizer) -> None:
        self.position = Position(**state.position)
        self.schedule = Schedule.of(state.schedule)
        self.rows, self.best = state.rows, state.best
        self.learner.learned().load_state_dict(state.networks)
        optimizer.load_state_dict(state.optimizer)
        set_generators(state.generators, self.fabric.device)
        log(f"{self.name}: taken up after epoch {self.position.epoch}, batch {self.position.batch} of the next")


def ahead(read: Callable[[A], T], places: Iterable[A]) -> Generator[T, None, None]:
    """``read`` of each place in order, done in a thread a little ahead, so that reading overlaps with computing."""
    with ThreadPoolExecutor(1) as thread:
        waiting: deque[Future[T]] = deque()
        for place in places:
            waiting.append(thread.submit(read, place))
            if len(waiting) > BATCHES_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
