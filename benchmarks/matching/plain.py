"""JSFusion as its paper writes it, on the weights of a network of ours: what a first implementation would do.

Every pair repeats its video and its sentence; `nn.LSTM`, `nn.Linear`, `nn.Conv2d` and `nn.BatchNorm1d` as they come, a
gate beside each convolution, one matrix a layer. Pairs are full: as many steps and words as there is room for.
"""

import torch
from torch import Tensor

from pipeline.networks.jsfusion import JSFusionNetwork, Side


def scores(network: JSFusionNetwork, steps: Tensor, ids: Tensor) -> Tensor:
    """Scores (P,) of pairs: ``steps`` (P, N, Z) of a video, ``ids`` (P, M) of a sentence."""
    assert network.tensor is not None
    assert network.convolutions is not None
    assert network.video is not None
    videos, words = _side(network.video, steps), _side(network.text, network.embedding(ids))
    products = videos.unsqueeze(2) * words.unsqueeze(1)
    cells, tensor = products.flatten(0, 2), network.tensor
    gate = tensor.score(tensor.dropout(tensor.gating(cells))).sigmoid()
    joint = gate * tensor.second(tensor.dropout(tensor.first(cells)))
    maps = joint.view(*products.shape[:3], -1).permute(0, 3, 1, 2).contiguous()
    layers = zip(network.convolutions.layers, network.convolutions.gates, strict=True)
    for layer, gating in layers:
        maps = layer(maps).tanh() * gating(maps).sigmoid()
    found: Tensor = network.score(network.readout(maps.mean((2, 3)))).squeeze(1)
    return found


def _side(side: Side, sequences: Tensor) -> Tensor:
    assert side.encoder.lstm is not None
    assert side.projection is not None
    by_step = sequences.transpose(0, 1)
    forward = side.encoder.lstm.forwards[0](by_step)[0]
    backward = side.encoder.lstm.backwards[0](by_step.flip(0))[0].flip(0)
    states = torch.cat((forward, backward, by_step), 2).transpose(0, 1)
    projected: Tensor = side.dropout(side.projection(states.flatten(0, 1)))
    return projected.view(*states.shape[:2], -1)
