"""Learning curves: an epoch's row, curves.csv in the model folder, TensorBoard events in the state folder."""

import csv
import io
import resource
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from pipeline.training.measure import Measure
from pipeline.training.schedule import Schedule
from pipeline.training.state import Position

Row = dict[str, float]
"""An epoch: epoch, train_<term> for each loss term, validation_<measure>, learning_rate, seconds, turns_per_second,
data_wait, peak_memory_mib."""


def epoch_row(done: Position, measure: Measure, found: float, learning_rate: float, device: torch.device) -> Row:
    """The row of an epoch that has been trained through, and for which validation ``found`` so much.

    The loss terms are means over the words of its batches, of all processes. Seconds are those of training alone, and
    data_wait the share of them that passed waiting for the next batch.
    """
    return {
        "epoch": done.epoch + 1,
        **{f"train_{term}": value / done.words for term, value in done.sums.items()},
        measure.column: found,
        "learning_rate": learning_rate,
        "seconds": done.seconds,
        "turns_per_second": done.turns / done.seconds,
        "data_wait": done.waited / done.seconds,
        "peak_memory_mib": peak_memory(device),
    }


def epoch_line(row: Row, measure: Measure, epochs: int, schedule: Schedule) -> str:
    """A row for the log; ``schedule`` has taken it in."""
    terms = ", ".join(f"{name.removeprefix('train_')} {row[name]:.4f}" for name in row if name.startswith("train_"))
    better = schedule.best_epoch == row["epoch"]
    most = "highest" if measure.higher else "lowest"
    verdict = most if better else f"epoch {schedule.best_epoch}: {schedule.best:.3f}"
    return (
        f"epoch {row['epoch']:.0f}/{epochs}: {terms}, validation {measure.name} {row[measure.column]:.3f} "
        f"({verdict}), learning rate {row['learning_rate']:.3g}, {row['turns_per_second']:.0f} turns/s, "
        f"{row['seconds']:.1f} s ({row['data_wait']:.0%} waiting for data)"
    )


def csv_text(rows: Sequence[Row]) -> str:
    """The epochs as CSV, one line each, under the names of their columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in rows)
    return text.getvalue()


class Board:
    """TensorBoard events of one training. Opened with the epochs already done: later ones in the folder are void."""

    def __init__(self, folder: Path, epochs_done: int) -> None:
        # Imported here: only a training needs it.
        from torch.utils.tensorboard import SummaryWriter

        if epochs_done == 0:
            shutil.rmtree(folder, ignore_errors=True)
        self._writer = SummaryWriter(str(folder), purge_step=epochs_done + 1 if epochs_done else None)

    def add(self, row: Row) -> None:
        """Write an epoch's values and flush them."""
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, int(row["epoch"]))
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()


def peak_memory(device: torch.device) -> float:
    """MiB: the most the device has held (CUDA), or this process (CPU), since the process began."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
