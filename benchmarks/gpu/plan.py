"""The steps of the check, in order, each with the seconds it may take."""

from dataclasses import dataclass

from benchmarks.gpu.goals import FAST, MANY, RIGHT

MINUTES = 6.0
"""What all of it may take."""


@dataclass(frozen=True)
class Step:
    """``function`` of the module ``benchmarks.gpu.<module>``, in a process of its own.

    limit: seconds on a GPU; with tiny sizes on a CPU every step has `QUICK_LIMIT`.
    """

    section: str
    name: str
    module: str
    limit: float
    function: str = "measure"


QUICK_LIMIT = 120.0
STEPS = (
    Step(RIGHT, "networks", "right_networks", 45),
    Step(RIGHT, "features", "right_features", 60),
    Step(RIGHT, "training", "right_training", 40),
    Step(RIGHT, "marked tests", "marked", 60),
    Step(FAST, "machine", "limits", 20),
    Step(FAST, "i3d", "i3d_rates", 40),
    Step(FAST, "flow", "flow_rates", 60),
    Step(FAST, "shards", "reading_rates", 45),
    Step(FAST, "sound", "reading_rates", 25, "measure_sound"),
    Step(FAST, "training", "training_rates", 75),
    Step(FAST, "answers", "answer_rates", 40),
    Step(FAST, "losses", "training_rates", 40, "measure_losses"),
    Step(FAST, "i3d compiled", "i3d_rates", 75, "measure_compiled"),
    Step(FAST, "raft", "flow_rates", 20, "measure_raft"),
    Step(MANY, "processes", "many", 60),
)
"""Sections in order, and in each what says most first: a run cut short has it."""
