"""A world of maps of 3 x 3 cells and three frames: a coloured cell that moves, another that stands, and noise.

What is said of a video is the colour of the cell that moves.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.networks.detectors import TracingDetector
from pipeline.networks.sizes import TracingSizes
from pipeline.tensors import FeatureSequences

SIDE, COLOURS = 3, 4
Videos = tuple[FeatureSequences, Tensor]


@dataclass(frozen=True)
class World:
    """Videos with the labels (B, colours) of their words, and a detector that has learned from the first of them."""

    training: Videos
    test: Videos
    sizes: TracingSizes
    dims: dict[str, int]
    detector: TracingDetector


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Operations this small wait longer for a second thread than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def videos(count: int, seed: int) -> Videos:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(count, SIDE, SIDE, SIDE, COLOURS, generator=generator) * 0.1
    labels = torch.zeros(count, COLOURS)
    for video in range(count):
        moving, standing = torch.randperm(COLOURS, generator=generator)[:2].tolist()
        row, other = torch.randperm(SIDE, generator=generator)[:2].tolist()
        column = int(torch.randint(SIDE, (1,), generator=generator))
        for frame in range(SIDE):
            maps[video, frame, row, frame, moving] += 1
            maps[video, frame, other, column, standing] += 1
        labels[video, moving] = 1
    return FeatureSequences(maps.flatten(2), torch.full((count,), SIDE)), labels


@one_thread()
def world() -> World:
    """The videos, and some seconds of training: L_con, Adam."""
    torch.manual_seed(0)
    sizes = TracingSizes(grid=(SIDE, SIDE), width=16, pool=False)
    dims = {"maps": SIDE * SIDE * COLOURS}
    training, test = videos(256, 1), videos(200, 2)
    detector = TracingDetector(sizes, COLOURS, dims)
    optimiser = torch.optim.Adam(detector.parameters(), lr=0.01)
    shown, labels = training
    for _ in range(15):
        for part in torch.randperm(len(labels)).split(32):
            given = {"maps": FeatureSequences(shown.values[part], shown.lengths[part])}
            optimiser.zero_grad()
            functional.binary_cross_entropy_with_logits(detector.detect(given), labels[part]).backward()
            optimiser.step()
    return World(training, test, sizes, dims, detector.eval())
