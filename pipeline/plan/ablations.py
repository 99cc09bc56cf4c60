"""JSFusion and its ablations among the systems of a run, known by the names that the paper's tables have."""

from dataclasses import dataclass

from pipeline.config import Config
from pipeline.scoring.names import CHOSEN, FILLED, RETRIEVED
from pipeline.tasks.registry import TASKS

FULL = "JSFusion"
ABLATIONS = (
    "LSTM-fusion",
    "noBLSTM-JSFusion",
    "LSTM-JSFusion",
    "JSTmax",
    "JSTmean",
    "JSFusion-noattention",
    "JSFusion-noaudio",
)
"""Labels of Yu, Kim and Kim (ECCV 2018)."""


@dataclass(frozen=True)
class Ablated:
    """A system and those that lack a part of it; each by its key in the configuration."""

    full: str
    parts: tuple[str, ...]


def ablated(config: Config, task: str, test_set: str) -> Ablated | None:
    """Those of `run` with a task and a test set; None where JSFusion is not among them, or nothing beside it.

    Each has learned without its part: what answers with another's model is none. Of tasks that the paper has.
    """
    if TASKS[task].metrics not in (CHOSEN, RETRIEVED, FILLED):
        return None
    own = {
        name: config.systems[name].label
        for name in config.run
        if config.systems[name].task == task
        and test_set in config.systems[name].test_sets
        and config.systems[name].model is None
        and config.systems[name].seed_of is None
    }
    full = next((name for name, label in own.items() if label == FULL), None)
    parts = tuple(name for name, label in own.items() if label in ABLATIONS)
    return Ablated(full, parts) if full is not None and parts else None
