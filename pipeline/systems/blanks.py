"""Scores of words for blanks.

Legend: S sentences, V vocabulary.
"""

from torch import Tensor

from pipeline.dataset.blanks import Blanked
from pipeline.networks.matching import Filler
from pipeline.tensors import full_precision


def word_scores(network: Filler, batch: Blanked) -> Tensor:
    """Log probabilities (S, V) of every word at the blank of each sentence; in full precision."""
    count = int(batch.video_rows.max()) + 1
    texts, videos = network.texts(batch.texts, batch.blanks), network.videos(batch.features, count)
    return full_precision(network.fill(texts, videos.select(batch.video_rows))).log_softmax(1)
