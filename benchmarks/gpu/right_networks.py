"""Step right: networks, losses, LSTM, the decoder's loop and search, on the device beside the CPU in float64."""

import contextlib
from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn

from benchmarks.answering.bench import ANSWERS, FEATURES, every_answer
from benchmarks.answering.searching import same
from benchmarks.gpu.card import CPU, Card, as_on_a_gpu, precision
from benchmarks.gpu.goals import BFLOAT16, EXACT, FLOAT32, RIGHT, at_most
from benchmarks.shared.differences import doubled, gradients, relative_difference
from benchmarks.shared.results import Goal, Row
from pipeline.config import Loss
from pipeline.dataset.batch import Batch
from pipeline.networks.base import Generator
from pipeline.networks.parts.lstm import LSTM
from pipeline.networks.parts.packing import Packing
from pipeline.networks.registry import build_generator
from pipeline.training.learner import Learner
from pipeline.training.losses import total

LOSSES: tuple[Loss, ...] = ("st", "st_context", "joint")
LENGTHS = (17, 3, 30, 0, 9, 30, 1)
EQUAL_ANSWERS = 0.99
"""Of turns: rounding may turn two answers of nearly equal score round."""


def measure(card: Card) -> Iterator[Row]:
    """Values and gradients in float32, values in bfloat16; answers in float32, and again."""
    with precision("float32"):
        yield from _lstm(card)
        yield from _loop(card)
        for name in FEATURES:
            yield from _network(card, name)
        for loss in LOSSES:
            yield from _loss(card, loss)


def made_network(card: Card, name: str, seed: int = 1) -> Generator:
    """A network with weights from the seed, on the CPU, without dropout."""
    made = card.recipe.make(1)
    dims = {feature: made.dims[feature] for feature in FEATURES[name]}
    torch.manual_seed(seed)
    network = build_generator(name, card.recipe.sizes(name), len(made.vocabulary), dims, name != "hierarchical")
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return network


def made_batch(card: Card, name: str = "attention") -> Batch:
    """Whole dialogs as the network ``name`` sees them, with a description for its teacher."""
    made = card.recipe.make(card.sizes.dialogs)
    history = name != "hierarchical"
    views = {
        "model": made.view(features=FEATURES[name], history=history),
        "teacher": made.view("summary", FEATURES[name], history=history),
    }
    batch: Batch = made.split(views).read(range(card.sizes.dialogs))
    return batch


def _lstm(card: Card) -> Iterator[Row]:
    """CuDNN's packed layers beside ours."""
    torch.manual_seed(1)
    width, padded = (8, max(LENGTHS)) if card.quick else (256, max(LENGTHS))
    exact = LSTM(width, width, 2, True).double()
    here = deepcopy(exact).float().to(card.device)
    values = torch.randn(len(LENGTHS), padded, width, dtype=torch.float64)
    found = []
    for lstm, device, dtype in ((exact, CPU, torch.float64), (here, card.device, torch.float32)):
        packing = Packing.of(torch.tensor(LENGTHS), padded, device)
        states = lstm(packing.pack(values.to(device, dtype)), packing)
        last = lstm.last(states, packing)
        found.append((last, gradients(lstm, (last * torch.arange(last.shape[1], device=device)).mean())))
    (expected, slopes), (last, others) = found
    yield error("LSTM layers", last, expected, FLOAT32)
    yield error("LSTM layers: gradient", joined(others), joined(slopes), FLOAT32)


def _loop(card: Card) -> Iterator[Row]:
    """The decoder's loop, whose gradient is written out, beside the search's steps under automatic differentiation."""
    network, batch = made_network(card, "attention"), made_batch(card)
    exact = deepcopy(network).double()
    expected = stepwise(exact, doubled(batch))
    slopes = gradients(exact, expected.square().mean())
    there = batch.to(card.device)
    here = network.to(card.device)
    assert there.targets is not None
    with as_on_a_gpu():
        found = here(there.views["model"], there.targets).logits
        others = gradients(here, found.square().mean())
    yield error("decoder's loop", found, expected, FLOAT32)
    yield error("decoder's loop: gradient", joined(others), joined(slopes), FLOAT32)


def stepwise(network: Generator, batch: Batch) -> Tensor:
    """Scores of every real word, a word of all answers at a time."""
    assert batch.targets is not None
    encoded = network.encode(batch.views["model"])
    state, logits = network.start(encoded), []
    for words in batch.targets.ids.unbind(1):
        prediction = network.predict(encoded, state)
        logits.append(prediction.logits)
        state = network.advance(state, prediction, words)
    return torch.stack(logits, 1)[batch.targets.mask()]


def _network(card: Card, name: str) -> Iterator[Row]:
    network, batch = made_network(card, name), made_batch(card, name)
    learner = Learner("ce", deepcopy(network))
    expected, slopes = learned(learner.double(), doubled(batch), torch.float64)
    here, there = Learner("ce", network).to(card.device), batch.to(card.device)
    for dtype, limit in ((torch.float32, FLOAT32), (torch.bfloat16, BFLOAT16)):
        label = f"{name} network, {str(dtype).removeprefix('torch.')}"
        with as_on_a_gpu():
            found, others = learned(here, there, dtype)
        yield error(label, found, expected, limit)
        yield error(f"{label}: gradient", joined(others), joined(slopes), limit)
    yield from _search(card, name, network, batch)


def _search(card: Card, name: str, network: Generator, batch: Batch) -> Iterator[Row]:
    """The network is on the device; its scores are far apart where its last layer's weights are large."""
    network.eval()
    found, again = (every_answer(network, [batch.to(card.device)], ANSWERS) for _ in range(2))
    expected = every_answer(deepcopy(network).cpu(), [batch], ANSWERS)
    equal = same(found, expected)
    yield Row(RIGHT, f"{name}: n best answers", "of turns", equal, goal=Goal("at least", EQUAL_ANSWERS, "ours"))
    yield Row(RIGHT, f"{name}: answers twice", "difference", float(found != again), goal=EXACT)


def _loss(card: Card, loss: Loss) -> Iterator[Row]:
    """Students of the attention network with a teacher; the first row of every loss is `_network`'s."""
    student, teacher, batch = made_network(card, "attention"), made_network(card, "attention", 2), made_batch(card)
    exact = Learner(loss, deepcopy(student), deepcopy(teacher)).double()
    here = Learner(loss, student, teacher).to(card.device)
    sides: list[tuple[Tensor, dict[str, Tensor]]] = []
    forms: tuple[contextlib.AbstractContextManager[object], ...] = (contextlib.nullcontext(), as_on_a_gpu())
    for learner, seen, form in zip((exact, here), (doubled(batch), batch.to(card.device)), forms, strict=True):
        with form:
            summed = total(learner(seen).learned, 1.0)
            sides.append((summed, gradients(learner.learned(), summed)))
    (expected, slopes), (found, others) = sides
    yield error(f"loss {loss}", found, expected, FLOAT32)
    yield error(f"loss {loss}: gradient", joined(others), joined(slopes), FLOAT32)


def learned(learner: Learner, batch: Batch, dtype: torch.dtype) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits of every real word, and the gradient of their cross entropy; under mixed precision as in training."""
    assert batch.targets is not None
    with mixed(batch.targets.ids.device, dtype):
        logits = learner.model(batch.views["model"], batch.targets).logits
        loss = learner(batch).learned["ce"]
    return logits, gradients(learner.model, loss)


def joined(values: dict[str, Tensor]) -> Tensor:
    """All gradients in a row."""
    return torch.cat([value.flatten() for value in values.values()])


def mixed(device: torch.device, dtype: torch.dtype) -> contextlib.AbstractContextManager[object]:
    """Automatic mixed precision as training has it, for bfloat16."""
    return torch.autocast(device.type, dtype) if dtype is torch.bfloat16 else contextlib.nullcontext()


def error(what: str, found: Tensor, expected: Tensor, limit: float | None) -> Row:
    """How far ``found`` lies from ``expected``, of its length."""
    difference = relative_difference(found.detach().double().cpu(), expected.detach().double().cpu())
    return Row(RIGHT, what, "error", difference, goal=None if limit is None else at_most(limit))
