"""The seconds of one feature at several rates, measured by extraction itself."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.shared.timing import place, quiet
from pipeline.config import Feature, Reduce
from pipeline.features.extract import extract_shard
from pipeline.features.seconds import read_seconds
from pipeline.progress import progress

RATES = (0.2, 0.4, 0.6, 0.8, 1.0)
METHODS = {"frames": "downsample", "sound": "spectral"}


@dataclass(frozen=True)
class Spent:
    """Seconds a video at a rate; how many videos, and on what."""

    rate: float
    a_video: float
    videos: int
    device: str
    threads: int


def seconds_by_rate(feature: Feature, decoded: Path, folder: Path, device: torch.device, repeats: int) -> list[Spent]:
    """The fastest of ``repeats`` extractions of the decoded shard at each of `RATES`, which take turns.

    The reduction is that of the paper: frames downsampled, log-mel pooled spectrally, before the network.
    """
    best: dict[float, Spent] = {}
    turns = [rate for _ in range(repeats) for rate in RATES]
    for rate in progress(turns, len(turns), f"{feature.network} by rate", "runs"):
        reduction = Reduce.model_validate({"rate": rate, "method": METHODS[feature.inputs]})
        made = feature.model_copy(update={"reduce": reduction})
        table = folder / "seconds.tsv"
        with place(device), quiet():
            extract_shard(
                "measured", made, decoded, folder / "measured.h5", resources=folder, device=str(device), seconds=table
            )
        found = read_seconds([table])
        if found.a_video < (best[rate].a_video if rate in best else math.inf):
            best[rate] = Spent(rate, found.a_video, found.videos, found.device, found.threads)
    return [best[rate] for rate in RATES]
