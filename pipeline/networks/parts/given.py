"""What the decoder's loop runs on (`pipeline.networks.parts.recurrence`).

>>> import torch
>>> memory = Memory(torch.zeros(2, 5, 3), torch.zeros(2, 5, 4 + 3), torch.ones(2, 5, dtype=torch.bool))
>>> weights = Weights(torch.zeros(2 * 3, 6), *(torch.zeros(size) for size in ((1, 3), (1, 4), (1, 3), (3,))))
>>> layers = [Layer(torch.zeros(4 * 6, 4), torch.zeros(4 * 6), torch.zeros(4 * 6, 6))]
>>> given = Given(torch.zeros(3, 4 * 6), torch.zeros(2, 1, 6), torch.zeros(2, 1, 6), [memory], weights, layers)
>>> same = Given.of(given.flat(), modalities=1)
>>> len(given.flat()), same.memories[0].mask.shape, given.first(1)[0].keys.shape
(14, torch.Size([2, 5]), torch.Size([1, 5, 3]))
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from pipeline.networks.parts.additive import Memory, Weights
from pipeline.networks.parts.lstm_step import Layer


class Given(NamedTuple):
    """What a loop runs on. products: (R, 4H). hidden, cell: (N, layers, H), the first states."""

    products: Tensor
    hidden: Tensor
    cell: Tensor
    memories: list[Memory]
    weights: Weights
    layers: list[Layer]

    @classmethod
    def of(cls, tensors: Sequence[Tensor], modalities: int) -> "Given":
        """The tensors that `flat` put in a row."""
        products, hidden, cell, *rest = tensors
        memories, rest = rest[: 3 * modalities], rest[3 * modalities :]
        weights, layers = rest[: len(Weights._fields)], rest[len(Weights._fields) :]
        return cls(
            *(products, hidden, cell),
            [Memory(*memories[place : place + 3]) for place in range(0, len(memories), 3)],
            Weights(*weights),
            [Layer(*layers[place : place + 3]) for place in range(0, len(layers), 3)],
        )

    def flat(self) -> list[Tensor]:
        """All tensors in a row."""
        memories = [tensor for memory in self.memories for tensor in (memory.keys, memory.mixed, memory.mask)]
        layers = [tensor for layer in self.layers for tensor in layer]
        return [self.products, self.hidden, self.cell, *memories, *self.weights, *layers]

    def first(self, rows: int) -> list[Memory]:
        """The memories of the first ``rows`` answers."""
        return [memory.map(lambda tensor: tensor[:rows]) for memory in self.memories]
