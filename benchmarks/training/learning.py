"""Sections attention, losses and memory: steps of training, beside a straightforward implementation."""

from collections.abc import Mapping
from dataclasses import asdict
from statistics import median
from typing import Any

import torch
from torch import Tensor

from benchmarks.shared import own_process
from benchmarks.shared.dialog_bench import Recipe
from benchmarks.shared.differences import doubled
from benchmarks.shared.results import Goal, Row
from benchmarks.shared.timing import cores
from benchmarks.shared.trainees import Step, Times, Trainee, in_turns
from benchmarks.shared.workload import Workload
from benchmarks.training.agreement import copy_weights, gradient_difference
from benchmarks.training.bench import TrainingBench, batch_dialogs
from benchmarks.training.straightforward import StraightforwardNetwork, padded_cross_entropy
from pipeline.config import Loss
from pipeline.config.systems import Manual
from pipeline.dataset.batch import Batch
from pipeline.networks.attention import AttentionNetwork
from pipeline.networks.sizes import AttentionSizes

ATTENTION, LOSSES, MEMORY = "attention", "losses", "memory"
OURS, PLAIN = "ours", "straightforward"
SYSTEMS: dict[str, Manual] = {"without description": "none", "description in front": "summary"}
SPEED = 3.0
EXACT, ROUNDED = 1e-9, 1e-4
"""Largest relative difference of gradients in float64, a parameter, and in float32, all together."""
ALL_LOSSES: tuple[Loss, ...] = ("ce", "st", "st_context", "joint")


def measure_attention(bench: TrainingBench) -> list[Row]:
    """Turns a second of training, without and with a description, and whether gradients are equal."""
    rows = []
    with bench.limits():
        for what, description in SYSTEMS.items():
            batches = bench.batches({"model": bench.workload.view(description)})
            trainees = {name: make(bench.recipe, bench.workload, bench.device) for name, make in TRAINEES.items()}
            times = in_turns({name: made.step for name, made in trainees.items()}, batches, bench.repeats, bench.device)
            turns = sum(batch.turns for batch in batches)
            ours, plain = (turns / median(times[name].clock) for name in (OURS, PLAIN))
            rows.append(Row(ATTENTION, what, "turns/s", ours, plain, Goal("at least", SPEED), note=spread(times)))
        rows += _gradients(bench)
    return rows


def measure_losses(bench: TrainingBench) -> list[Row]:
    """Turns a second of a student of each loss, its teacher's work included."""
    views = {"model": bench.workload.view("none"), "teacher": bench.workload.view("summary")}
    with bench.limits():
        batches = bench.batches(views)
        steps: dict[str, Step] = {loss: _student(bench, loss).step for loss in ALL_LOSSES}
        times = in_turns(steps, batches, bench.repeats, bench.device)
    turns = sum(batch.turns for batch in batches)
    return [Row(LOSSES, loss, "turns/s", turns / median(times[loss].clock)) for loss in ALL_LOSSES]


def measure_memory(bench: TrainingBench) -> list[Row]:
    """Peak memory of each in a process of its own, for the same batches; on a GPU what is allocated there."""
    rows = []
    where = "GPU, " if bench.device.type == "cuda" else ""
    for what, description in SYSTEMS.items():
        found = {name: _peak(bench, name, description) for name in TRAINEES}
        ours, plain = found[OURS], found[PLAIN]
        note = f"before the first step {ours['before']:,.0f} and {plain['before']:,.0f}"
        rows.append(Row(MEMORY, where + what, "MiB", ours["peak"], plain["peak"], Goal("below", 1), note=note))
    return rows


def ours(recipe: Recipe, workload: Workload, device: torch.device) -> Trainee:
    """Our attention network with cross entropy, as training has it."""
    return Trainee.of(_network(recipe.attention, workload, recipe.seed), device)


def plain(recipe: Recipe, workload: Workload, device: torch.device) -> Trainee:
    """The straightforward network with the same weights and the same loss."""
    network = StraightforwardNetwork(recipe.attention, len(workload.vocabulary), workload.dims, history=True)
    copy_weights(_network(recipe.attention, workload, recipe.seed), network)
    network.to(device).train()

    def loss(batch: Batch) -> Tensor:
        assert batch.targets is not None
        logits: Tensor = network(batch.views["model"], batch.targets)
        return padded_cross_entropy(logits.float(), batch.targets)

    return Trainee(network, loss)


TRAINEES = {OURS: ours, PLAIN: plain}


def train_alone(
    name: str, recipe: dict[str, Any], batches: int, description: Manual, device: str, threads: int
) -> dict[str, float]:
    """A process of its own: one epoch of ``batches`` steps.

    Returns MiB before the first step and at most: resident, on a GPU what PyTorch allocated there.
    """
    made = Recipe(**recipe)
    workload = made.make(batch_dialogs(batches))
    place = torch.device(device)
    trainee = TRAINEES[name](made, workload, place)
    endless = workload.batches({"model": workload.view(description)})
    with cores(threads):
        before = _memory(place)
        for _ in range(batches):
            trainee.step(next(endless).to(place))
        return {"before": before, "peak": _memory(place)}


def spread(times: Mapping[str, Times]) -> str:
    """The ratio of each repeat, and that of all processor time."""
    clock, processor = ([getattr(times[PLAIN], kind), getattr(times[OURS], kind)] for kind in ("clock", "processor"))
    ratios = ", ".join(f"{plain / ours:.2f}" for plain, ours in zip(*clock, strict=True))
    return f"ratio by repeat {ratios}; of processor time {sum(processor[0]) / sum(processor[1]):.2f}"


def _gradients(bench: TrainingBench) -> list[Row]:
    workload, recipe = bench.workload, bench.recipe
    batch = bench.batches({"model": workload.view("summary")})[0]
    network = _network(recipe.attention, workload, recipe.seed).to(bench.device).eval()
    other = StraightforwardNetwork(recipe.attention, len(workload.vocabulary), workload.dims, history=True)
    other.to(bench.device).eval()
    copy_weights(network, other)
    single = gradient_difference(network, other, batch)
    double = gradient_difference(network.double(), other.double(), doubled(batch))
    return [
        Row(
            ATTENTION,
            "difference of gradients, float64",
            "relative",
            double.largest,
            goal=Goal("at most", EXACT, "ours"),
            note="the parameter where it is largest",
        ),
        Row(
            ATTENTION,
            "difference of gradients, float32",
            "relative",
            single.whole,
            goal=Goal("at most", ROUNDED, "ours"),
            note=f"all parameters together; largest of one {single.largest:.1e}",
        ),
    ]


def _network(sizes: AttentionSizes, workload: Workload, seed: int) -> AttentionNetwork:
    torch.manual_seed(seed)
    return AttentionNetwork(sizes, len(workload.vocabulary), workload.dims, history=True)


def _student(bench: TrainingBench, loss: Loss) -> Trainee:
    sizes, workload, seed = bench.recipe.attention, bench.workload, bench.recipe.seed
    teacher = None if loss == "ce" else _network(sizes, workload, seed + 1)
    return Trainee.of(_network(sizes, workload, seed), bench.device, loss, teacher)


def _peak(bench: TrainingBench, name: str, description: Manual) -> dict[str, float]:
    found, peak = own_process.run(
        __name__,
        train_alone.__name__,
        name=name,
        recipe=asdict(bench.recipe),
        batches=bench.amount.batches,
        description=description,
        device=str(bench.device),
        threads=bench.threads,
    )
    return {"before": found["before"], "peak": found["peak"] if bench.device.type == "cuda" else peak}


def _memory(device: torch.device) -> float:
    """MiB at most so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return own_process.high_water()
