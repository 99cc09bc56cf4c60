"""Scores of all pairs: the same as one by one, and in blocks of a bounded size."""

from itertools import product

import pytest
import torch

from pipeline.networks.jsfusion import JSFusionNetwork
from pipeline.networks.sizes import JSFusionSizes
from pipeline.systems.pairs import blocks_of, encoded_texts, encoded_videos, score_all
from pipeline.tensors import FeatureSequences, Sequences, TensorGroup


@pytest.mark.parametrize("cells", [1, 30, 200, 10**6])
def test_every_pair_stands_in_one_block_of_bounded_size(cells: int) -> None:
    texts, videos = [3, 0, 8, 5, 5, 1, 2], [4, 9, 1]
    blocks = list(blocks_of(texts, videos, cells))
    assert sorted(pair for block in blocks for pair in block) == list(product(range(7), range(3)))
    for block in blocks:
        size = len(block) * max(texts[text] for text, _ in block) * max(videos[video] for _, video in block)
        assert len(block) == 1 or size <= cells
    assert (len(blocks) == 1) == (cells == 10**6)


class Counted(JSFusionNetwork):
    """Counts what it computes."""

    largest, encoded = 0, 0

    def texts(self, sentences: Sequences) -> TensorGroup:  # type: ignore[override]
        self.encoded += len(sentences.lengths)
        return super().texts(sentences)

    def match(self, texts: TensorGroup, videos: TensorGroup) -> torch.Tensor:
        scores = super().match(texts, videos)
        self.largest = max(self.largest, len(scores))
        return scores


def test_scores_are_those_of_single_pairs() -> None:
    torch.manual_seed(0)
    sizes = JSFusionSizes(embedding=5, hidden=4, joint=6, tensor=5, channels=3, readout=(4, 4, 3))
    network = Counted(sizes, 20, {"i3d_rgb": 6}).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
    lengths, steps = torch.tensor([2, 9, 4, 1]), torch.tensor([3, 12, 8])
    sentences = Sequences(torch.randint(4, 20, (4, 9)), lengths)
    features = {"i3d_rgb": FeatureSequences(torch.randn(3, 12, 6), steps)}
    texts, videos = network.texts(sentences), network.videos(features)
    # As two groups of texts, whatever order they stand in.
    halves = [
        encoded_texts(network, sentences.select(torch.tensor(places)), places, torch.device("cpu"))
        for places in ([3, 0], [2, 1])
    ]
    sides = [encoded_videos(network, features, range(3), torch.device("cpu"))]
    network.encoded = network.largest = 0
    found = score_all(network, halves, sides, "test", cells=60)
    assert network.encoded == 0
    assert network.largest < 6
    for text, video in product(range(4), range(3)):
        alone = network.match(texts.select(torch.tensor([text])), videos.select(torch.tensor([video])))
        assert found[text, video].item() == pytest.approx(alone.item(), abs=1e-6)
    assert found.std() > 1e-3
