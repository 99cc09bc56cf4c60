"""Section baseline: our naive fusion, beside the organisers' published code where a checkout of it is given."""

from statistics import median

import torch

from benchmarks.published import training as published
from benchmarks.published.conversation import SECTION
from benchmarks.shared.results import Row
from benchmarks.shared.trainees import Trainee, in_turns
from benchmarks.training.bench import TrainingBench
from pipeline.networks.registry import build_generator

NETWORK, FEATURES = "naive_fusion", ("i3d_rgb", "i3d_flow")


def measure(bench: TrainingBench) -> list[Row]:
    """What `published.measure` finds; without a checkout, our turns/s alone."""
    if bench.published is not None:
        # The published code sorts by length, which takes more dialogs than the other sections need.
        workload = bench.workload if bench.recipe.quick else bench.recipe.make(published.DIALOGS)
        return published.measure(bench.published, workload, bench.threads, bench.repeats).rows()
    workload = bench.workload
    dims = {name: workload.dims[name] for name in FEATURES}
    torch.manual_seed(bench.recipe.seed)
    sizes = bench.recipe.sizes(NETWORK)
    trainee = Trainee.of(build_generator(NETWORK, sizes, len(workload.vocabulary), dims, history=True), bench.device)
    with bench.limits():
        batches = bench.batches({"model": workload.view(features=FEATURES)})
        times = in_turns({"ours": trainee.step}, batches, bench.repeats, bench.device)["ours"].clock
    rate = sum(batch.turns for batch in batches) / median(times)
    note = "no checkout of the published code was given (--published)"
    return [Row(SECTION, "naive fusion", "turns/s", rate, note=note)]
