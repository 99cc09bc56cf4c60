"""How long extraction takes: seconds a video, decoding and the loading of weights left out.

Batches hold windows of several videos, so what a single one took is not known; the seconds of a shard are, and divided
by its videos they are the mean, as Table II of the distilled captioner has it.
"""

import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from pipeline.errors import UserError
from pipeline.features.batching import Rows
from pipeline.files import write_text
from pipeline.texts import read_records

COLUMNS = ("videos", "seconds", "device", "threads")


class Stopwatch:
    """Rows that are passed on; ``seconds``: from the first that is asked for until there are no more."""

    def __init__(self, rows: Iterable[Rows]) -> None:
        self._rows = rows
        self.seconds = 0.0

    def __iter__(self) -> Iterator[Rows]:
        """The rows, once."""
        begun = time.perf_counter()
        yield from self._rows
        self.seconds = time.perf_counter() - begun


@dataclass(frozen=True)
class Seconds:
    """What a feature took: of so many videos together, on which device, with how many threads of a CPU."""

    videos: int
    seconds: float
    device: str
    threads: int

    @property
    def a_video(self) -> float:
        """The mean; 0 without a video."""
        return self.seconds / self.videos if self.videos else 0.0


def write_seconds(path: Path, videos: int, seconds: float, device: torch.device) -> None:
    """Write one line of `COLUMNS`, tab-separated, below their names."""
    called = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type} ({os.cpu_count()} cores)"
    values = (videos, f"{seconds:.3f}", called, torch.get_num_threads())
    write_text(path, "\t".join(COLUMNS) + "\n" + "\t".join(map(str, values)) + "\n")


def read_seconds(paths: Iterable[Path]) -> Seconds:
    """The tables of a feature's shards, taken together. `UserError` when one is missing or of another kind.

    Devices that differ are all named; of threads the most.
    """
    found = [_read(path) for path in paths]
    return Seconds(
        sum(each.videos for each in found),
        sum(each.seconds for each in found),
        ", ".join(dict.fromkeys(each.device for each in found)),
        max((each.threads for each in found), default=0),
    )


def _read(path: Path) -> Seconds:
    try:
        (row,) = read_records(path, "excel-tab")
        found = Seconds(int(row["videos"]), float(row["seconds"]), row["device"], int(row["threads"]))
        if not (math.isfinite(found.seconds) and min(found.videos, found.seconds, found.threads) >= 0):
            raise ValueError
        return found
    except (KeyError, ValueError, TypeError):
        raise UserError(f"{path}: expected one line of {', '.join(COLUMNS)}; extract the feature again") from None
