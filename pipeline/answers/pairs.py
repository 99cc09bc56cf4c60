"""Scores of every text with every video, in bounded memory: the two sides once, pairs by the block.

Legend: S texts, B videos, P pairs.

No index can do it: what a pair costs cannot be had from its sides. Blocks of texts and videos of like length waste the
least on padding.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from pipeline.halving import Halving
from pipeline.networks.matching import Matcher
from pipeline.progress import progress
from pipeline.tensors import TensorGroup

CELLS = 16_000
"""Steps x words of all pairs of a block: at the paper's sizes 10 full pairs, and some 400 MB without a gradient."""
Pair = tuple[int, int]


@torch.no_grad()
def score_all(
    network: Matcher,
    texts: TensorGroup,
    videos: TensorGroup,
    text_lengths: Sequence[int],
    video_lengths: Sequence[int],
    title: str,
    cells: int = CELLS,
) -> Tensor:
    """(S, B) float32 on the host: the score of each of S encoded texts with each of B encoded videos.

    text_lengths, video_lengths: what decides how many pairs a block may have; any measure of how long they are.
    """
    found = torch.empty(len(text_lengths), len(video_lengths))
    blocks = list(_blocks(text_lengths, video_lengths, cells))
    halving = Halving(title, "the number of texts")
    for pairs in progress(blocks, len(blocks), title, "blocks"):
        for scores in halving(list(pairs), _scorer(network, texts, videos)):
            for (text, video), score in scores.items():
                found[text, video] = score
    return found


def _scorer(
    network: Matcher, texts: TensorGroup, videos: TensorGroup
) -> Callable[[Sequence[Sequence[Pair]]], list[dict[Pair, float]]]:
    def scored(parts: Sequence[Sequence[Pair]]) -> list[dict[Pair, float]]:
        return [_scores(network, texts, videos, part) for part in parts]

    return scored


def _scores(network: Matcher, texts: TensorGroup, videos: TensorGroup, pairs: Sequence[Pair]) -> dict[Pair, float]:
    rows, columns = (torch.tensor(side, dtype=torch.int64) for side in zip(*pairs, strict=True))
    scores = network.match(texts.select(rows), videos.select(columns)).float().tolist()
    return dict(zip(pairs, scores, strict=True))


def _blocks(text_lengths: Sequence[int], video_lengths: Sequence[int], cells: int) -> Iterator[list[Pair]]:
    """Every pair once, in blocks of about ``cells``."""
    texts = sorted(range(len(text_lengths)), key=lambda text: text_lengths[text])
    videos = sorted(range(len(video_lengths)), key=lambda video: video_lengths[video])
    end = len(videos)
    while end:
        # The longest first: what does not fit shows at once.
        longest, most = max(video_lengths[videos[end - 1]], 1), len(texts)
        across = min(end, max(1, math.isqrt(cells // (longest * max(text_lengths[texts[-1]], 1)))))
        while most:
            down = min(most, max(1, cells // (across * longest * max(text_lengths[texts[most - 1]], 1))))
            yield [(text, video) for text in texts[most - down : most] for video in videos[end - across : end]]
            most -= down
        end -= across
