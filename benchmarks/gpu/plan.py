"""The steps of the check, in order, each with the seconds it may take."""

from dataclasses import dataclass

from benchmarks.gpu.goals import FAST, MANY, RIGHT

MINUTES = 6.0
"""What all of it may take."""


@dataclass(frozen=True)
class Step:
    """``function`` of ``module``, in a process of its own: it is given a `Card` and yields rows.

    limit: seconds on a GPU; with tiny sizes on a CPU every step has `QUICK_LIMIT`.
    """

    section: str
    name: str
    module: str
    limit: float
    function: str = "measure"


QUICK_LIMIT = 120.0
LEFT_OUT, STOPPED = "left out", "stopped at its limit"
"""How a step ends, by its first words, that could not be taken or took too long."""
STEPS = (
    Step(RIGHT, "networks", "benchmarks.gpu.right_networks", 45),
    Step(RIGHT, "features", "benchmarks.gpu.right_features", 60),
    Step(RIGHT, "training", "benchmarks.gpu.right_training", 40),
    Step(RIGHT, "marked tests", "benchmarks.gpu.marked", 80),
    Step(FAST, "machine", "benchmarks.gpu.limits", 20),
    Step(FAST, "i3d", "benchmarks.gpu.i3d_rates", 40),
    Step(FAST, "flow", "benchmarks.gpu.flow_rates", 60),
    Step(FAST, "shards", "benchmarks.gpu.reading_rates", 45),
    Step(FAST, "sound", "benchmarks.gpu.reading_rates", 25, "measure_sound"),
    Step(FAST, "training", "benchmarks.gpu.training_rates", 75),
    Step(FAST, "answers", "benchmarks.gpu.answer_rates", 40),
    Step(FAST, "losses", "benchmarks.gpu.training_rates", 40, "measure_losses"),
    Step(FAST, "i3d compiled", "benchmarks.gpu.i3d_rates", 75, "measure_compiled"),
    Step(FAST, "raft", "benchmarks.gpu.flow_rates", 20, "measure_raft"),
    Step(MANY, "processes", "benchmarks.gpu.many", 60),
)
"""Sections in order, and in each what says most first: a run cut short has it."""
