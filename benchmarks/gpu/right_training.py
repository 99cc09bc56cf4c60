"""Step right: steps of training on the device beside the CPU in float64, in bfloat16, and twice."""

from collections.abc import Iterator, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from benchmarks.gpu.card import Card, as_on_a_gpu, precision
from benchmarks.gpu.goals import BFLOAT16, EXACT, FLOAT32, RIGHT, at_most
from benchmarks.gpu.right_networks import error, made_batch, made_network, mixed
from benchmarks.shared.differences import doubled
from benchmarks.shared.results import Row
from benchmarks.shared.trainees import SETTINGS
from pipeline.dataset.batch import Batch
from pipeline.training.learner import Learner
from pipeline.training.losses import total

FIRST = 3
"""Steps whose weights are compared; later ones differ by what rounding has grown to."""


def measure(card: Card) -> Iterator[Row]:
    """The attention network without dropout, one batch over and over."""
    network, batch = made_network(card, "attention"), made_batch(card)
    there = batch.to(card.device)
    with precision("float32"):
        expected, weights = trained(deepcopy(network).double(), doubled(batch), FIRST, torch.float64)
        single = deepcopy(network).to(card.device)
        with as_on_a_gpu():
            losses, found = trained(single, there, FIRST, torch.float32)
        yield error(f"{FIRST} steps of training: losses", torch.tensor(losses), torch.tensor(expected), FLOAT32)
        yield error(f"{FIRST} steps of training: weights", found, weights, FLOAT32)
        steps = card.sizes.curve
        curves = [trained(deepcopy(network).to(card.device), there, steps, torch.float32) for _ in range(2)]
        rounded = trained(deepcopy(network).to(card.device), there, steps, torch.bfloat16)
    (curve, ended), (_, again) = curves
    # On a GPU gradients are added up in any order: nothing is promised.
    goal = None if card.cuda else EXACT
    yield Row(RIGHT, f"{steps} steps twice", "difference", float((ended - again).abs().max()), goal=goal)
    apart = max(abs(one - other) / one for one, other in zip(curve, rounded[0], strict=True))
    note = f"loss {curve[0]:.4f} to {curve[-1]:.4f} in float32, to {rounded[0][-1]:.4f} in bfloat16"
    yield Row(
        RIGHT,
        f"loss curve of {steps} steps, bfloat16",
        "error",
        apart,
        goal=at_most(BFLOAT16),
        note=f"where it is largest; {note}",
    )


def trained(network: nn.Module, batch: Batch, steps: int, dtype: torch.dtype) -> tuple[Sequence[float], Tensor]:
    """Losses of ``steps`` of Adam, clipped as in training, and the weights after them in a row."""
    learner = Learner("ce", network)  # type: ignore[arg-type]
    optimizer = torch.optim.Adam(learner.parameters(), lr=SETTINGS.learning_rate)
    losses = []
    for _ in range(steps):
        with mixed(batch.views["model"].questions.ids.device, dtype):
            loss = total(learner(batch).learned, SETTINGS.lambda_context)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(learner.parameters(), SETTINGS.clip)
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).tolist(), torch.cat([weight.detach().flatten() for weight in learner.parameters()])
