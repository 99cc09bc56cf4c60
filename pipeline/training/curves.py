"""Learning curves: curves.csv in the model folder, TensorBoard events in the state folder."""

import csv
import io
import resource
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

Row = dict[str, float]
"""An epoch: epoch, train_<term> for each loss term, validation_perplexity, learning_rate, seconds, turns_per_second,
peak_memory_mib."""


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
