"""Scores of words for blanks.

Legend: S sentences, V vocabulary.
"""

from torch import Tensor

from pipeline.dataset.blanks import Blanked
from pipeline.networks.matching import Filler, Scored
from pipeline.tensors import full_precision


def word_scored(network: Filler, batch: Blanked) -> Scored:
    """Log probabilities (S, V) of every word at the blank of each sentence, in full precision, with their penalties."""
    count = int(batch.video_rows.max()) + 1
    texts, videos = network.texts(batch.texts), network.videos(batch.features, count, batch.concepts)
    scored = network.scored(texts, videos.select(batch.video_rows))
    return scored._replace(scores=full_precision(scored.scores).log_softmax(1))


def word_scores(network: Filler, batch: Blanked) -> Tensor:
    """Log probabilities (S, V) of every word at the blank of each sentence."""
    return word_scored(network, batch).scores
