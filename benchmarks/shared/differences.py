"""How far tensors are apart, and the gradients that are compared."""

import torch
from torch import Tensor, nn

from pipeline.dataset.batch import Batch


def gradients(network: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    """Gradient of ``loss`` by parameter, zero for one it does not depend on."""
    names, parameters = zip(*network.named_parameters(), strict=True)
    found = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
    return dict(zip(names, found, strict=True))


def relative_difference(found: Tensor, expected: Tensor) -> float:
    """Length of the difference over length of ``expected``, or alone where that has none."""
    difference, length = (float(torch.linalg.vector_norm(value)) for value in (found - expected, expected))
    return difference / length if length else difference


def doubled(batch: Batch) -> Batch:
    """In float64."""
    return batch.map(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)
