"""Scores of every text with every video, in bounded memory: the two sides once, pairs by the block.

Legend: S texts, B videos, P pairs, R rows of L pairs each.

No index can do it: what a pair costs cannot be had from its sides. Sides are encoded a few at a time and kept; a block
of pairs has texts and videos of like length, which wastes the least on padding.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.dataset.pairs import Pairs, Queries
from pipeline.halving import Halving
from pipeline.networks.matching import Matcher, Scored
from pipeline.progress import progress
from pipeline.tensors import FeatureSequences, Sequences, TensorGroup, full_precision

CELLS = 16_000
"""Steps x words of all pairs of a block: at the paper's sizes 10 full pairs, and some 400 MB without a gradient."""
TOGETHER = 64
"""Texts, or videos, that are encoded at once."""
Pair = tuple[int, int]


@dataclass(frozen=True)
class Side:
    """Texts or videos that were encoded together. places: which of all they are. lengths: words, or steps, of each."""

    places: Sequence[int]
    encoded: TensorGroup
    lengths: Sequence[int]


def row_scored(network: Matcher, batch: Pairs) -> Scored:
    """Scores (R, L) of a batch's pairs in full precision, with their penalties; each side is encoded once."""
    count = int(batch.video_rows.max()) + 1
    texts, videos = network.texts(batch.texts), network.videos(batch.features, count, batch.concepts)
    rows, columns = batch.text_rows.flatten(), batch.video_rows.flatten()
    scored = network.scored(texts.select(rows), videos.select(columns))
    return scored._replace(scores=full_precision(scored.scores).view(batch.text_rows.shape))


def row_scores(network: Matcher, batch: Pairs) -> Tensor:
    """Scores (R, L) of a batch's pairs."""
    return row_scored(network, batch).scores


@torch.no_grad()
def score_queries(network: Matcher, queries: Queries, device: torch.device, title: str) -> Tensor:
    """(S, B): the score of each text of ``queries`` with each of its videos."""
    videos = []
    for places in _parts(range(len(queries.dialogs))):
        ids = [queries.dialogs[place].video_id for place in places]
        videos.append(encoded_videos(network, queries.features(ids), places, device, queries.concepts(ids)))
    order = sorted(range(len(queries.queries)), key=lambda place: len(queries.queries[place].split()))
    texts = [
        encoded_texts(network, queries.encoded([queries.queries[place] for place in places]), places, device)
        for places in _parts(order)
    ]
    return score_all(network, texts, videos, title)


def encoded_videos(
    network: Matcher,
    features: Mapping[str, FeatureSequences],
    places: Sequence[int],
    device: torch.device,
    concepts: Sequences | None = None,
) -> Side:
    """The videos of these features, and these concept words where they are shown, on ``device``."""
    count = len(places)
    lengths = torch.stack([torch.ones(count, dtype=torch.int64), *(each.lengths for each in features.values())]).amax(0)
    sent = {name: each.to(device) for name, each in features.items()}
    words = None if concepts is None else concepts.to(device)
    return Side(places, network.videos(sent, count, words), lengths.tolist())


def encoded_texts(network: Matcher, sentences: Sequences, places: Sequence[int], device: torch.device) -> Side:
    """These sentences, on ``device``."""
    return Side(places, network.texts(sentences.to(device)), sentences.lengths.tolist())


@torch.no_grad()
def score_all(
    network: Matcher, texts: Sequence[Side], videos: Sequence[Side], title: str, cells: int = CELLS
) -> Tensor:
    """(S, B) float32 on the host: the score of each text with each video. cells: most steps x words of a block."""
    found = torch.full([sum(len(part.places) for part in side) for side in (texts, videos)], math.nan)
    blocks = [
        (text, video, block)
        for text in texts
        for video in videos
        for block in blocks_of(text.lengths, video.lengths, cells)
    ]
    halving = Halving(title, "the number of texts")
    for text, video, block in progress(blocks, len(blocks), title, "blocks"):
        scores = torch.cat(halving(block, _scored(network, text, video)))
        rows, columns = zip(*((text.places[row], video.places[column]) for row, column in block), strict=True)
        found[list(rows), list(columns)] = scores
    return found


def _scored(network: Matcher, text: Side, video: Side) -> Callable[[Sequence[Sequence[Pair]]], list[Tensor]]:
    def of(pairs: Sequence[Pair]) -> Tensor:
        rows, columns = (torch.tensor(side, dtype=torch.int64) for side in zip(*pairs, strict=True))
        return network.match(text.encoded.select(rows), video.encoded.select(columns)).float().cpu()

    return lambda parts: [of(part) for part in parts]


def _parts(places: Sequence[int]) -> list[Sequence[int]]:
    return [places[begin : begin + TOGETHER] for begin in range(0, len(places), TOGETHER)]


def blocks_of(text_lengths: Sequence[int], video_lengths: Sequence[int], cells: int) -> Iterator[list[Pair]]:
    """Every pair once, in blocks of at most ``cells`` cells, or of one pair."""
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
